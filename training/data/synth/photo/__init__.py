"""Photographs of people set in motion with exact truth, by a drawn head that is fitted to them."""

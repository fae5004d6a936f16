"""Photographs of people set in motion with exact truth: by the engine, as a drawn head tells it that fits them."""

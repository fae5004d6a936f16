"""Whole people."""

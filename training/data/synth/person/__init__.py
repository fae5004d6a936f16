"""Heads and shoulders."""

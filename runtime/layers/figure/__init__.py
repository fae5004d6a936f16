"""Whole figures in layers: people and drawn creatures, taken apart and moved like puppets, without training."""

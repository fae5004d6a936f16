"""The number formats of exported graphs: what weights are stored in, and what is computed in."""

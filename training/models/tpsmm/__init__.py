"""TPSMM and what only it uses."""

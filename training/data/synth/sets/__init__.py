"""Data sets of clips: planned, written, read again."""

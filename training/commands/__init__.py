"""Subcommands of `bunraku` that belong to training; imports stay light."""

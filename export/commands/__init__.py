"""Subcommands of `bunraku` that this package brings."""

"""Subcommands of `bunraku` that find, fetch and publish models."""

"""The subcommands of `bunraku` that need nothing but the engine."""

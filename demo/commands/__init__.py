"""The page's subcommand of `bunraku`."""

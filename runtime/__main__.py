"""`python -m runtime` is the `bunraku` command, also where the package is not installed."""

import sys

from runtime.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m bunraku` is the `bunraku` command."""

import sys

from checkpoints.start import main

if __name__ == "__main__":
    sys.exit(main())

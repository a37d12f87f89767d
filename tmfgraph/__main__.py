"""`python -m tmfgraph`: the command line."""

import sys

from tmfgraph.cli import main

if __name__ == "__main__":
    sys.exit(main())

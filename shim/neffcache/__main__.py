"""Door: `python -m neffcache`."""

import sys

from neffcache.cli import main

if __name__ == "__main__":
    sys.exit(main())

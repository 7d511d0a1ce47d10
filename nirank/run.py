"""`python -m nirank.run config.yaml`: the same as `nirank run config.yaml`."""

from __future__ import annotations

import sys

from nirank.cli.main import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])

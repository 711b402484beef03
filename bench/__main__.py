"""``make bench``: print each figure beside its ceiling; exit status 1 when one is exceeded."""

from __future__ import annotations

import sys

from bench import emulator_xero
from bench.calls import measure


def main() -> int:
    """Measure and report."""
    exceeded = False
    for found in measure():
        over = found.figure > found.ceiling
        exceeded |= over
        print(f"{found.what:28} {found.figure:4}  (at most {found.ceiling}){'  EXCEEDED' if over else ''}")
    exceeded |= emulator_xero.main()
    return int(exceeded)


sys.exit(main())

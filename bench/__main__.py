"""``make bench``: print each figure beside its ceiling; exit status 1 when one is exceeded."""

from __future__ import annotations

import sys

from bench import emulator_xero
from bench.calls import beside, measure, measure_many


def main() -> int:
    """Measure and report."""
    exceeded = False
    for found in [*measure(), *measure_many()]:
        over = found.figure > found.ceiling
        exceeded |= over
        print(f"{found.what:32} {found.figure:4}  (at most {found.ceiling}){'  EXCEEDED' if over else ''}")
    print("\n".join(beside()))
    exceeded |= emulator_xero.main()
    return int(exceeded)


sys.exit(main())

"""``python -m crossfoot``."""

from crossfoot.cli import main

main()

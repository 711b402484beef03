"""The picture of the terminal in the README: runs the demo and draws its acts. ``make docs`` does not need it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 132


def demo_output() -> list[str]:
    """What ``crossfoot demo --once`` prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "crossfoot", "demo", "--once", "--directory", f"{folder}/demo"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return done.stdout.splitlines()


def excerpt(lines: list[str]) -> list[str]:
    """Acts 2 to 5 up to the verdict of the tie-out, without the addresses of the machine that drew it."""
    first = next(i for i, line in enumerate(lines) if line.startswith("Act 2"))
    last = next(i for i, line in enumerate(lines) if "Unexplained:" in line)
    return [line[:WIDTH] for line in lines[first : last + 1] if line]


def main() -> None:
    """Draw and write."""
    console = Console(record=True, width=WIDTH, file=StringIO(), highlight=False)
    console.print("[bold green]$[/] make demo")
    for line in excerpt(demo_output()):
        style = "bold cyan" if line.startswith("Act ") else None
        console.print(line, style=style, markup=False, overflow="crop", no_wrap=True)
    drawn = console.export_svg(title="crossfoot demo")
    plain = re.sub(r"@font-face\s*{[^}]*}|<!--.*?-->", "", drawn, flags=re.DOTALL)  # nothing is fetched to show it
    PICTURE.write_text(plain, encoding="utf-8")


if __name__ == "__main__":
    main()

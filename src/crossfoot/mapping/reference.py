"""The generated parts of the reference page on expressions; ``python -m crossfoot.mapping.reference PAGE`` renews them.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; a test fails when the page is behind the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from crossfoot.mapping.formula_functions import functions_table, refused_functions_table
from crossfoot.mapping.transforms import transforms_table

PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"functions": functions_table, "refused functions": refused_functions_table, "transforms": transforms_table}
)


def renew(page: str) -> str:
    """``page`` with its generated parts as the code has them now."""
    return re.sub(
        r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}{PARTS[match[2]]()}\n{match[3]}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renew(path.read_text(encoding="utf-8")), encoding="utf-8")

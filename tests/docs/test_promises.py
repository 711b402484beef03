"""The table of promises: current, and strict about ids."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_promises(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "tools/promises.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_of_promises_is_current() -> None:
    found = run_promises("--check")
    assert found.returncode == 0, found.stderr


def test_the_list_holds_every_promise_once() -> None:
    with (ROOT / "docs" / "promises.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["id"][:2] for row in rows) == {"S0": 81, "S1": 86, "S3": 71, "U-": 41, "N-": 27, "F-": 42}
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["promise"] and row["proof"] for row in rows)


def test_an_unknown_id_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text('import pytest\n\n@pytest.mark.promise("S9-99")\ndef test_it():\n    pass\n')
    found = run_promises("--tests", str(tmp_path))
    assert found.returncode == 1
    assert "test_x.py:3: test_it names promise 'S9-99'" in found.stderr


def test_marks_of_functions_parameters_and_modules_are_found(tmp_path: Path) -> None:
    (tmp_path / "test_y.py").write_text(
        "import pytest\n"
        'pytestmark = pytest.mark.promise("S0-01")\n'
        '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.promise("S0-02")), 2])\n'
        '@pytest.mark.promise("S0-03", "S0-04")\n'
        "def test_it(x):\n    pass\n"
    )
    found = run_promises("--tests", str(tmp_path))
    assert found.returncode == 0, found.stderr
    assert "4 of 348 promises" in found.stdout
    assert all(f"S0-0{number}  " in found.stdout for number in range(1, 5))


def test_an_id_that_cannot_be_found_in_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_z.py").write_text(
        "import pytest\nID = 'S0-01'\n@pytest.mark.promise(ID)\ndef test_it():\n    pass\n"
    )
    found = run_promises("--tests", str(tmp_path))
    assert found.returncode == 1
    assert "test_z.py:3" in found.stderr

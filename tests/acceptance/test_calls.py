"""The ceilings on API calls that the bench measures: counts, not times."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.calls import measure


@pytest.mark.promise("S1-13", "S1-14")
def test_a_hundred_invoices_stay_within_the_stated_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    over = [f"{found.what}: {found.figure} of {found.ceiling}" for found in measure() if found.figure > found.ceiling]
    assert not over

"""The emulator's reference page holds all that the tables and the source hold, and every message cites a fact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tools import emulator_reference, xero_reference

from crossfoot.emulators.xero.api import KINDS
from crossfoot.emulators.xero.coverage import NOT_COVERED

ROOT = Path(__file__).resolve().parents[2]
FACTS = (ROOT / "docs" / "vendors" / "xero.md").read_text(encoding="utf-8")


def source(folder: Path, text: str) -> emulator_reference.Source:
    (folder / "some.py").write_text(text, encoding="utf-8")
    return replace(xero_reference.SOURCE, folder=folder)


def test_every_resource_and_member_is_on_the_page() -> None:
    page = xero_reference.page()
    for kind in KINDS.values():
        section = page.split(f"\n### {kind.plural}\n")[1].split("\n### ")[0]
        assert [name for name in kind.fields if f"| `{name}` |" not in section] == []
    assert all(gap.what in page for gap in NOT_COVERED)


def test_messages_are_found_however_they_are_written() -> None:
    told = {message.text: message for message in emulator_reference.messages(xero_reference.SOURCE)}
    assert told["Contact Name cannot be empty."].fact == "4.1"  # a literal
    assert "Archived contacts cannot currently be edited via the API." in " ".join(told)  # a constant of the module
    assert "The contact name … is already assigned to another contact. " in " ".join(told)  # out of a table
    assert told["Expression expected (at index …)"].effect == "400, ErrorNumber 16"
    assert len(told) > 120


def test_a_message_without_a_fact_is_refused(tmp_path: Path) -> None:
    body = "def check(check):\n    {doc}\n    check.refuse('The colour is wrong.')\n"
    with pytest.raises(emulator_reference.UncitedError, match=r"some\.py:1: The colour is wrong"):
        emulator_reference.messages(source(tmp_path, body.format(doc="pass")))
    [found] = emulator_reference.messages(source(tmp_path, body.format(doc="'''Colours (XERO 4.2, 4.4 to 4.6).'''")))
    assert (found.text, found.fact) == ("The colour is wrong.", "4.2, 4.4 to 4.6")


def test_every_section_that_the_page_cites_is_restated() -> None:
    page = xero_reference.page()
    assert len(emulator_reference.cited_sections(page)) > 20
    assert emulator_reference.unstated_sections(page, FACTS) == []
    assert emulator_reference.unstated_sections("| x | 99.7 |", FACTS) == ["99.7"]

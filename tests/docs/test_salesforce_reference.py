"""The Salesforce emulator's reference page holds all that its tables hold, and every message cites a fact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tools import emulator_reference, salesforce_reference

from crossfoot.emulators import fault_kinds
from crossfoot.emulators.salesforce.coverage import NOT_COVERED
from crossfoot.emulators.salesforce.events.messages import METHODS
from crossfoot.emulators.salesforce.events.pubsub import STATUSES
from crossfoot.emulators.salesforce.metadata.fields import FIELD_TYPES
from crossfoot.emulators.salesforce.metadata.types import TYPES
from crossfoot.emulators.salesforce.routes import ROUTES
from crossfoot.emulators.salesforce.settings import DEFAULT_SETTINGS
from crossfoot.emulators.salesforce.setup_objects import SETUP_OBJECTS
from crossfoot.emulators.salesforce.standard import STANDARD_OBJECTS, SYSTEM_FIELDS

ROOT = Path(__file__).resolve().parents[2]
FACTS = (ROOT / "docs" / "vendors" / "salesforce.md").read_text(encoding="utf-8")
SYSTEM = {each.name for each in SYSTEM_FIELDS}


@pytest.fixture(scope="module")
def page() -> str:
    return salesforce_reference.page()


def source(folder: Path, text: str) -> emulator_reference.Source:
    (folder / "below").mkdir(exist_ok=True)
    (folder / "below" / "some.py").write_text(text, encoding="utf-8")
    return replace(salesforce_reference.SOURCE, folder=folder)


def test_every_object_and_field_is_on_the_page(page: str) -> None:
    for sobject in STANDARD_OBJECTS + SETUP_OBJECTS:
        section = page.split(f"\n### {sobject.name}\n")[1].split("\n##", maxsplit=1)[0]
        missing = [each.name for each in sobject.fields if f"| `{each.name}` |" not in section]
        assert set(missing) <= SYSTEM, sobject.name


def test_every_table_is_on_the_page(page: str) -> None:
    for pattern, methods in ROUTES:
        for method in methods:
            assert f"| `{method} /{pattern.replace('*', '{}')}` |" in page
    wanted = [f"/eventbus.v1.PubSub/{name}`" for name in METHODS]
    wanted += [f"| {each.name} |" for each in TYPES]
    wanted += [f"| {name} |" for name in FIELD_TYPES]
    wanted += [f"| `{name}` |" for name in (*STATUSES, *DEFAULT_SETTINGS, *fault_kinds.kinds_of("salesforce"))]
    wanted += [gap.what for gap in NOT_COVERED]
    assert [each for each in wanted if each not in page] == []


def test_messages_are_found_with_their_codes() -> None:
    told = {message.text: message for message in emulator_reference.messages(salesforce_reference.SOURCE)}
    assert told["Session expired or invalid"].effect == "`INVALID_SESSION_ID`, 401"
    assert told["between 1 and … ids are needed"].effect == "`INVALID_BATCH_SIZE` or `BAD_REQUEST`, 400"
    assert told["expired authorization code"].effect == "`invalid_grant`, 400"
    assert told["semi join sub-selects have to select one field"].module == "soql/semi_joins"
    assert told["end-user denied authorization"].fact == "1.1, 1.3"
    assert len(told) > 350


def test_a_message_without_a_fact_is_refused(tmp_path: Path) -> None:
    body = "def check(name):\n    {doc}\n    raise ApiError('NOT_BLUE', f'{{name}} is not blue', status=409)\n"
    with pytest.raises(emulator_reference.UncitedError, match=r"below/some\.py:1: … is not blue"):
        emulator_reference.messages(source(tmp_path, body.format(doc="pass")))
    [found] = emulator_reference.messages(source(tmp_path, body.format(doc="'''Colours (SF 2.4-2.8).'''")))
    assert (found.effect, found.fact) == ("`NOT_BLUE`, 409", "2.4 to 2.8")


def test_every_section_that_the_page_cites_is_restated(page: str) -> None:
    assert len(emulator_reference.cited_sections(page)) > 40
    assert emulator_reference.unstated_sections(page, FACTS) == []

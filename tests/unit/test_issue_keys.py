"""The key under which an entry of the review queue is shown in Salesforce fits its field."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.core.findings import REASONS
from crossfoot.core.money import Money
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.showing.mirror import Mirror
from crossfoot.store.queue import QueueEntry
from tests.unit.core.cases import books

HOME = "0f4e2b5c-7a15-4a55-8f0e-3d0c5f5d2b11"
OBJECTS = Path(__file__).parents[2] / "salesforce" / "force-app" / "main" / "default" / "objects"
FIELD = OBJECTS / "Xero_Sync_Issue__c" / "fields" / "Xero_Key__c.field-meta.xml"


def entry(record_id: str, code: str) -> QueueEntry:
    return QueueEntry(
        id=1,
        record=RecordRef(Side.SALESFORCE, "Xero_Invoice__c", record_id),
        record_name="",
        code=code,
        weight=REASONS[code].weight,
        cause="",
        fix="",
        owner="",
        owner_name="",
        money=Money("AUD", Decimal(1)),
        related=(),
        vendor_text="",
        opened_at="2026-11-20T00:00:00+00:00",
    )


@pytest.mark.parametrize("record_id", ["006mxN0000000A5UAI", HOME, f"{HOME}:{HOME}"], ids=["deal", "document", "row"])
def test_the_key_of_an_issue_fits_its_field_whatever_the_reason(record_id: str) -> None:
    [length] = map(int, re.findall(r"<length>(\d+)</length>", FIELD.read_text(encoding="utf-8")))
    mirror = Mirror(HOME, {}, books())

    keys = {mirror.issue_row(entry(record_id, code), "title").key for code in REASONS}

    assert len(keys) == len(REASONS)
    assert max(map(len, keys)) <= length

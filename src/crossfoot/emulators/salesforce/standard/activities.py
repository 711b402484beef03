"""Tasks and events (SF 6)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    checkbox,
    date,
    derived,
    integer,
    long_text,
    moment,
    picklist,
    reference,
    text,
)
from crossfoot.emulators.salesforce.standard.base import CURRENCY, OWNER, RECORD_TYPE_ID, standard

_PEOPLE = ("Contact", "Lead")
_THINGS = ("Account", "Opportunity", "Order", "Contract", "Quote", "Asset", "Campaign", "Product2")

TASK = standard(
    "Task",
    "00T",
    text("Subject", type="combobox"),
    reference("WhoId", *_PEOPLE, children="Tasks", on_delete="Cascade"),
    reference("WhatId", *_THINGS, children="Tasks", on_delete="Cascade"),
    RECORD_TYPE_ID,
    date("ActivityDate"),
    picklist(
        "Status",
        ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
        required=True,
        default="Not Started",
    ),
    picklist("Priority", ("High", "Normal", "Low"), required=True, default="Normal"),
    derived(checkbox("IsClosed"), "task_is_closed"),
    long_text("Description", 32000),
    CURRENCY,
    OWNER,
    change_events=True,
)
EVENT = standard(
    "Event",
    "00U",
    text("Subject", type="combobox"),
    reference("WhoId", *_PEOPLE, children="Events", on_delete="Cascade"),
    reference("WhatId", *_THINGS, children="Events", on_delete="Cascade"),
    RECORD_TYPE_ID,
    text("Location"),
    checkbox("IsAllDayEvent"),
    moment("StartDateTime"),
    moment("EndDateTime"),
    integer("DurationInMinutes"),
    long_text("Description", 32000),
    CURRENCY,
    OWNER,
    change_events=True,
)

"""What people do to records that no REST resource does: convert, erase, share and resave (SF 6.4, 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crossfoot.emulators.salesforce import leads, records, unseen
from crossfoot.emulators.salesforce.transaction import Transaction


def _erase(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Take a deleted record out of the recycle bin: ``{"object", "id"}``."""
    row = tx.world.row(body["object"], body["id"])
    if row is None or not row["IsDeleted"]:
        raise records.not_in_bin()
    records.erase(tx, tx.world.object(body["object"]), body["id"])
    return {"success": True}


def _hide(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Stop sharing a record with apps: ``{"object", "id"}``."""
    row = records.find(tx.world, tx.world.object(body["object"]), body["id"])
    unseen.hide(tx.world, body["object"], row["Id"], tx.now)
    return {"success": True}


def _show(tx: Transaction, body: Mapping[str, Any]) -> Any:
    unseen.show(tx.world, body["id"])
    return {"success": True}


def _resave(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Save the oldest rows of an object anew without a change: ``{"object", "rows"}``."""
    sobject = tx.world.object(body["object"])
    table = tx.world.rows.get(sobject.name, {})
    live = sorted((each for each in table.values() if not each["IsDeleted"]), key=lambda row: row["SystemModstamp"])
    saved = live[: int(body.get("rows", 1))]
    for row in saved:
        tx.write(sobject, dict(row), kind="UPDATE")
    return {"ids": [row["Id"] for row in saved]}


def _convert(tx: Transaction, body: Mapping[str, Any]) -> Any:
    """Convert a lead: ``{"id", "account", "opportunity_name"}``; the latter two may be absent, null makes no deal."""
    return leads.convert(tx, body["id"], body.get("account"), body.get("opportunity_name", ""))


CONTROLS: Mapping[str, Callable[[Transaction, Mapping[str, Any]], Any]] = {
    "convert-lead": _convert,
    "erase": _erase,
    "hide": _hide,
    "resave": _resave,
    "show": _show,
}

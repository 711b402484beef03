"""``query`` and ``queryAll``: pages of records, and cursors that are bound to the session that opened them (SF 2.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.soql.run import projection_of, run_query

PAGE_RECORDS_MAX = 2000
PAGE_RECORDS_MIN = 200
CURSOR_LIFE = timedelta(days=2)
CURSORS_PER_USER_MAX = 10


def query(ask: Ask) -> Reply:
    return _first_page(ask, all_rows=False)


def query_all(ask: Ask) -> Reply:
    return _first_page(ask, all_rows=True)


def _first_page(ask: Ask, *, all_rows: bool) -> Reply:
    text = ask.params.get("q")
    if text is None:
        raise ApiError("MALFORMED_QUERY", "SOQL statement cannot be empty")
    sobject, found = run_query(ask.seen, text, ask.tx.now, ask.version, all_rows=all_rows)
    if found.aggregates is not None:
        return Reply(200, {"totalSize": found.total, "done": True, "records": list(found.aggregates)})
    size = _page_size(ask)
    made = found.records(ask.world.rows.get(sobject.name, {}), found.ids[:size])
    if found.total <= size:
        return Reply(200, {"totalSize": found.total, "done": True, "records": made})
    cursor_id = _open_cursor(ask, text, found.ids, all_rows=all_rows)
    return Reply(200, _page(ask, cursor_id, found.total, size, made))


def _page_size(ask: Ask) -> int:
    """The hint of Sforce-Query-Options, within its bounds (SF 2.1)."""
    match = re.search(r"batchSize\s*=\s*(\d+)", ask.headers.get("sforce-query-options", ""))
    return min(max(int(match.group(1)), PAGE_RECORDS_MIN), PAGE_RECORDS_MAX) if match else PAGE_RECORDS_MAX


def _open_cursor(ask: Ask, text: str, ids: Sequence[str], *, all_rows: bool) -> str:
    """A new cursor; the oldest of the same user goes when there are too many."""
    cursors, user = ask.world.cursors, ask.tx.caller.user_id
    mine = [key for key, each in cursors.items() if each["user"] == user]
    for oldest in mine[: max(0, len(mine) - CURSORS_PER_USER_MAX + 1)]:
        del cursors[oldest]
    cursor_id = ask.world.next_id("01g")
    cursors[cursor_id] = {
        "session": ask.tx.caller.session,
        "user": user,
        "text": text,
        "all_rows": all_rows,
        "ids": list(ids),
        "opened": ask.tx.now,
    }
    return cursor_id


def _page(ask: Ask, cursor_id: str, total: int, position: int, made: list[Any]) -> dict[str, Any]:
    if position >= total:
        return {"totalSize": total, "done": True, "records": made}
    following = f"{ask.base}/query/{cursor_id}-{position}"
    return {"totalSize": total, "done": False, "nextRecordsUrl": following, "records": made}


def next_page(ask: Ask, locator: str) -> Reply:
    """The page at a locator: its rows as they are now. Another session, or an ended one, has no such cursor."""
    cursor_id, _, position_text = locator.partition("-")
    cursor = ask.world.cursors.get(cursor_id)
    lapsed = cursor is not None and ask.tx.now - cursor["opened"] > CURSOR_LIFE
    if cursor is None or lapsed or cursor["session"] != ask.tx.caller.session or not position_text.isdigit():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start = int(position_text)
    end = start + _page_size(ask)
    ids = cursor["ids"]
    sobject, record = projection_of(ask.seen, cursor["text"], ask.tx.now, ask.version, all_rows=cursor["all_rows"])
    table = ask.world.rows.get(sobject.name, {})
    made = [record(table[each]) for each in ids[start:end] if each in table]
    return Reply(200, _page(ask, cursor_id, len(ids), end, made))

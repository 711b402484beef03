"""``query`` and ``queryAll``: pages of records, and cursors that are bound to the session that opened them (SF 2.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.soql.column_metadata import column_metadata
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.plan import query_plan
from crossfoot.emulators.salesforce.soql.run import Runner
from crossfoot.emulators.salesforce.world import Row

PAGE_RECORDS_MAX = 2000
PAGE_RECORDS_MIN = 200
CURSOR_LIFE = timedelta(days=2)
CURSORS_PER_USER_MAX = 10
_POSITION = re.compile(r"[0-9]{1,9}")


def query(ask: Ask) -> Reply:
    return _answer(ask, all_rows=False)


def query_all(ask: Ask) -> Reply:
    return _answer(ask, all_rows=True)


def _answer(ask: Ask, *, all_rows: bool) -> Reply:
    """The first page; or with ``explain`` the plan of a query, with ``columns`` what its columns hold."""
    if "explain" in ask.params:
        return Reply(200, query_plan(_runner(ask, ask.params["explain"], all_rows=all_rows)))
    text = ask.params.get("q")
    if text is None:
        raise ApiError("MALFORMED_QUERY", "SOQL statement cannot be empty")
    runner = _runner(ask, text, all_rows=all_rows)
    if ask.params.get("columns", "").lower() == "true":
        return Reply(200, column_metadata(runner))
    found = runner.select()
    if found.aggregates is not None:
        return Reply(200, {"totalSize": found.total, "done": True, "records": list(found.aggregates)})
    made = _filled(ask, ask.seen.rows.get(runner.sobject.name, {}), found.record, found.ids)
    if len(made) >= found.total:
        return Reply(200, {"totalSize": found.total, "done": True, "records": made})
    cursor_id = _open_cursor(ask, text, found.ids, all_rows=all_rows)
    return Reply(200, _page(ask, cursor_id, found.total, len(made), made))


def _runner(ask: Ask, text: str, *, all_rows: bool) -> Runner:
    def open_children(at: int, ids: Sequence[str], shown: int) -> str:
        cursor_id = _open_cursor(ask, text, ids, all_rows=all_rows, child=at)
        return f"{ask.base}/query/{cursor_id}-{shown}"

    context = Context(
        ask.seen, ask.tx.now, text, ask.version, ask.tx.caller.user_id, all_rows=all_rows, tooling=ask.tooling
    )
    return Runner(context, children_max=_page_size(ask), open_children=open_children)


def _page_size(ask: Ask) -> int:
    """The hint of Sforce-Query-Options, within its bounds (SF 2.1)."""
    match = re.search(r"batchSize\s*=\s*([0-9]{1,9})", ask.headers.get("sforce-query-options", ""))
    return min(max(int(match.group(1)), PAGE_RECORDS_MIN), PAGE_RECORDS_MAX) if match else PAGE_RECORDS_MAX


def _filled(ask: Ask, table: dict[str, Row], record: Callable[[Row], Any], ids: Sequence[str]) -> list[Any]:
    """The records of one page, which child rows fill as well: a short page is not the last one (SF 2.6)."""
    size, used = _page_size(ask), 0
    made: list[Any] = []
    for each in ids:
        if used >= size:
            break
        made.append(record(table[each]) if each in table else None)
        used += 1 + _child_rows(made[-1])
    return made


def _child_rows(record: Any) -> int:
    if not isinstance(record, dict):
        return 0
    sets = (each["records"] for each in record.values() if isinstance(each, dict) and "records" in each)
    return sum(1 + _child_rows(row) for rows in sets for row in rows)


def _open_cursor(ask: Ask, text: str, ids: Sequence[str], *, all_rows: bool, child: int | None = None) -> str:
    """A new cursor, over the query's own rows or one record's children; the user's oldest goes when there are many."""
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
        "child": child,
        "ids": list(ids),
        "opened": ask.tx.now,
    }
    return cursor_id


def _page(ask: Ask, cursor_id: str, total: int, position: int, made: list[Any]) -> dict[str, Any]:
    records = [each for each in made if each is not None]
    if position >= total:
        return {"totalSize": total, "done": True, "records": records}
    following = f"{ask.base}/query/{cursor_id}-{position}"
    return {"totalSize": total, "done": False, "nextRecordsUrl": following, "records": records}


def next_page(ask: Ask, locator: str) -> Reply:
    """The page at a locator: its rows as they are now. Another session, or an ended one, has no such cursor."""
    cursor_id, _, position_text = locator.partition("-")
    cursor = ask.world.cursors.get(cursor_id)
    lapsed = cursor is not None and ask.tx.now - cursor["opened"] > CURSOR_LIFE
    if (
        cursor is None
        or lapsed
        or cursor["session"] != ask.tx.caller.session
        or not re.fullmatch("[0-9]{1,9}", position_text)
    ):
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    start, ids = int(position_text), cursor["ids"]
    runner = _runner(ask, cursor["text"], all_rows=cursor["all_rows"])
    child = cursor.get("child")
    sobject, record = (runner.sobject, runner.record()) if child is None else runner.child(child)
    made = _filled(ask, ask.seen.rows.get(sobject.name, {}), record, ids[start:])
    return Reply(200, _page(ask, cursor_id, len(ids), start + len(made), made))

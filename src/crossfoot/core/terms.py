"""When an invoice is due."""

from __future__ import annotations

import datetime as dt


def due_date(dated: dt.date, terms: tuple[int, str] | None, default_days: int) -> dt.date:
    """The due date by the contact's or organisation's sales terms, else after the default days (XERO 4.1)."""
    if terms is None:
        return dated + dt.timedelta(days=default_days)
    day, kind = terms
    month_end = _month_end(dated)
    match kind:
        case "DAYSAFTERBILLDATE":
            return dated + dt.timedelta(days=day)
        case "DAYSAFTERBILLMONTH":
            return month_end + dt.timedelta(days=day)
        case "OFCURRENTMONTH":
            return max(dated, dated.replace(day=max(1, min(day, month_end.day))))
        case "OFFOLLOWINGMONTH":
            first = month_end + dt.timedelta(days=1)
            return first.replace(day=max(1, min(day, _month_end(first).day)))
        case _:
            return dated + dt.timedelta(days=default_days)


def _month_end(day: dt.date) -> dt.date:
    following = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return following - dt.timedelta(days=1)

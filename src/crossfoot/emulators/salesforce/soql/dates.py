"""Date literals as half-open spans of days in the user's time zone (SF 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[date, date]
Unit = Callable[[date, int], date]


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _day(day: date, steps: int) -> date:
    return day + timedelta(days=steps)


def _week(day: date, steps: int) -> date:
    """Weeks begin on Sunday, as in the platform's English locales."""
    return day - timedelta(days=(day.weekday() + 1) % 7) + timedelta(weeks=steps)


def _month(day: date, steps: int) -> date:
    return _add_months(day, steps)


def _quarter(day: date, steps: int) -> date:
    return _add_months(day, steps * 3 - (day.month - 1) % 3)


def _year(day: date, steps: int) -> date:
    return date(day.year + steps, 1, 1)


# What a date function makes of a day. Weeks count from the first day of the month or year (SF 3.2).
PARTS: Mapping[str, Callable[[date], int]] = {
    "CALENDAR_MONTH": lambda day: day.month,
    "CALENDAR_QUARTER": lambda day: (day.month + 2) // 3,
    "CALENDAR_YEAR": lambda day: day.year,
    "DAY_IN_MONTH": lambda day: day.day,
    "DAY_IN_WEEK": lambda day: day.isoweekday() % 7 + 1,
    "DAY_IN_YEAR": lambda day: day.timetuple().tm_yday,
    "WEEK_IN_MONTH": lambda day: (day.day + 6) // 7,
    "WEEK_IN_YEAR": lambda day: (day.timetuple().tm_yday + 6) // 7,
}


def fiscal_part(name: str, day: date, start_month: int, *, named_by_end: bool) -> int:
    """FISCAL_MONTH, FISCAL_QUARTER or FISCAL_YEAR; a year that spans two is named by where it ends, or begins."""
    if name == "FISCAL_YEAR":
        begun = day.year if day.month >= start_month else day.year - 1
        return begun + 1 if named_by_end and start_month > 1 else begun
    month = (day.month - start_month) % 12 + 1
    return month if name == "FISCAL_MONTH" else (month + 2) // 3


def _fiscal(unit: Unit, months: int) -> Unit:
    """The same unit in a year that begins ``months`` after January."""
    return lambda day, steps: _add_months(unit(_add_months(day, -months), steps), months)


def _units(fiscal_start_month: int) -> Mapping[str, Unit]:
    shift = fiscal_start_month - 1
    return {
        "DAY": _day,
        "WEEK": _week,
        "MONTH": _month,
        "QUARTER": _quarter,
        "YEAR": _year,
        "FISCAL_QUARTER": _fiscal(_quarter, shift),
        "FISCAL_YEAR": _fiscal(_year, shift),
    }


def span_of(name: str, count: int | None, today: date, fiscal_start_month: int = 1) -> Span | None:
    """The days of a date literal, first and one past the last; None when there is no such literal.

    ValueError or OverflowError when the days are beyond the calendar.
    """
    units = _units(fiscal_start_month)
    single = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if name in single and count is None:
        return _day(today, single[name]), _day(today, single[name] + 1)
    if name in {"LAST_90_DAYS", "NEXT_90_DAYS"} and count is None:
        return (_day(today, -90), _day(today, 1)) if name.startswith("LAST") else (_day(today, 1), _day(today, 91))
    which, _, rest = name.partition("_")
    if rest in units and count is None and which in {"LAST", "THIS", "NEXT"}:
        step = {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
        return units[rest](today, step), units[rest](today, step + 1)
    if count is None:
        return None
    if rest.startswith("N_") and (unit := units.get(rest.removeprefix("N_").removesuffix("S"))):
        if which == "LAST":
            # LAST_N_DAYS reaches into today; the larger units end where the present one begins.
            return unit(today, -count), unit(today, 1 if unit is _day else 0)
        return (unit(today, 1), unit(today, count + 1)) if which == "NEXT" else None
    if which == "N" and rest.endswith("S_AGO") and (unit := units.get(rest.removesuffix("S_AGO"))):
        return unit(today, -count), unit(today, 1 - count)
    return None


def is_literal(name: str, count: int | None) -> bool:
    """Whether there is such a date literal, with a count or without."""
    return span_of(name, None if count is None else 1, date(2000, 1, 1)) is not None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)

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
    """The days of a date literal, first and one past the last; None when there is no such literal."""
    units = _units(fiscal_start_month)
    single = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if name in single:
        return _day(today, single[name]), _day(today, single[name] + 1)
    if name in {"LAST_90_DAYS", "NEXT_90_DAYS"}:
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


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)

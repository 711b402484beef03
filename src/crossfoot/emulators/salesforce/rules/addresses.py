"""State and country picklists: labels and codes of an address agree, or the save is refused (SF 6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from crossfoot.emulators.salesforce.errors import field_error
from crossfoot.emulators.salesforce.schema import SObject, label_of
from crossfoot.emulators.salesforce.standard.base import ADDRESS_CODES
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

# Code -> label of the countries that the emulated org has switched on, and of the states of those that have any.
COUNTRIES: Mapping[str, str] = {
    "AU": "Australia",
    "CA": "Canada",
    "DE": "Germany",
    "FR": "France",
    "GB": "United Kingdom",
    "HK": "Hong Kong",
    "IE": "Ireland",
    "IN": "India",
    "JP": "Japan",
    "NL": "Netherlands",
    "NZ": "New Zealand",
    "SG": "Singapore",
    "US": "United States",
    "ZA": "South Africa",
}
STATES: Mapping[str, Mapping[str, str]] = {
    "AU": {
        "ACT": "Australian Capital Territory",
        "NSW": "New South Wales",
        "NT": "Northern Territory",
        "QLD": "Queensland",
        "SA": "South Australia",
        "TAS": "Tasmania",
        "VIC": "Victoria",
        "WA": "Western Australia",
    },
    "CA": {"AB": "Alberta", "BC": "British Columbia", "ON": "Ontario", "QC": "Quebec"},
    "US": {"CA": "California", "IL": "Illinois", "NY": "New York", "TX": "Texas", "WA": "Washington"},
}

_PARTS = ("Country", "CountryCode", "State", "StateCode")


def check(tx: Transaction, sobject: SObject, old: Row | None, row: Row, given: frozenset[str]) -> None:
    """Fill in the code of a label and the label of a code, for each address of which a part was given."""
    if not tx.world.settings[ADDRESS_CODES]:
        return
    for field in sobject.fields:
        if field.type == "address":
            prefix = field.name.removesuffix("Address")
            if given & {f"{prefix}{part}" for part in _PARTS}:
                _settle(row, prefix, given, new=old is None)


def _settle(row: Row, prefix: str, given: frozenset[str], *, new: bool) -> None:
    """Of a new record the code decides; one that loses the code of its country loses state and country (SF 6.1)."""
    parts = {f"{prefix}{part}" for part in _PARTS}
    if new:
        row |= {part: None for part in parts if row.get(f"{part}Code") is not None}
    elif given & parts == {f"{prefix}CountryCode"} and row[f"{prefix}CountryCode"] is None:
        row |= dict.fromkeys(parts)
    country = _agree(row, f"{prefix}Country", COUNTRIES, given, "country", "country/territory")
    states = STATES.get(country or "", {})
    if states:
        _agree(row, f"{prefix}State", states, given, "state", "state/province")
    elif row.get(f"{prefix}State") or row.get(f"{prefix}StateCode"):
        raise _refusal(f"{prefix}State", "state", "state/province")


def _agree(row: Row, name: str, labels: Mapping[str, str], given: frozenset[str], word: str, listed: str) -> str | None:
    """The code of the label and code that a row has under ``name``; both are made to stand in the row."""
    label, code = row.get(name), row.get(f"{name}Code")
    if name in given and f"{name}Code" not in given:
        code = None if label is None else _code_of(labels, label)
        if label is not None and code is None:
            raise _refusal(name, word, listed)
    elif code is not None:
        code = code.upper()
        if code not in labels or (name in given and label is not None and _code_of(labels, label) != code):
            raise _refusal(name, word, listed)
    row[name], row[f"{name}Code"] = labels.get(code or ""), code
    return code


def _code_of(labels: Mapping[str, str], label: str) -> str | None:
    return next((code for code, each in labels.items() if each.lower() == label.lower()), None)


def _refusal(name: str, word: str, listed: str) -> Exception:
    problem = f"There's a problem with this {word}, even though it may appear correct."
    valid = {"country": "countries", "state": "states"}[word]
    advice = f"Please select a {listed} from the list of valid {valid}.: {label_of(name)}"  # noqa: S608 - no SQL
    return field_error("FIELD_INTEGRITY_EXCEPTION", f"{problem} {advice}", name)

"""Journals: the feed of the general ledger, in the order of their numbers (XERO 4.18)."""

from __future__ import annotations

from itertools import islice

from crossfoot.emulators.xero import ledger
from crossfoot.emulators.xero.errors import bad_query
from crossfoot.emulators.xero.fields import GUID
from crossfoot.emulators.xero.formats import parse_modified_since
from crossfoot.emulators.xero.kinds import PAGE, SINGLE, Call, Kind, Record

JOURNALS_MAX = 100
OFFSET_DIGITS_MAX = 18
CASH_SOURCES = frozenset({"CASHREC", "CASHPAID"})


def _view(call: Call, journal: Record, shape: str) -> Record:
    """A single journal does not tell its source; the feed does."""
    lines = ledger.journal_lines(call.organisation, journal)
    shown = {**journal, "JournalLines": [_line(call, line) for line in lines]}
    if shape == SINGLE:
        del shown["SourceID"], shown["SourceType"]
    return shown


def _line(call: Call, line: Record) -> Record:
    account = call.organisation.get("Accounts", line["AccountID"]) or {}
    rate = call.organisation.get("TaxRates", line["TaxType"] or "") or {}
    return {
        **line,
        "AccountCode": account.get("Code"),
        "AccountType": account.get("Type"),
        "AccountName": account.get("Name"),
        "GrossAmount": line["NetAmount"] + line["TaxAmount"],
        "TaxName": rate.get("Name"),
    }


def _read(call: Call) -> list[Record]:
    """At most 100 journals with numbers above ``offset``, made at or after If-Modified-Since."""
    text = call.query.get("offset", "0")
    if not text.isdecimal() or len(text) > OFFSET_DIGITS_MAX:
        raise bad_query(f"The offset '{text}' is not a number.")
    sent = call.headers.get("if-modified-since")
    since = parse_modified_since(sent) if sent else None
    cash_only = call.asks("paymentsOnly")
    wanted = (
        journal
        for journal in islice(call.organisation.all("Journals"), int(text), None)  # numbers run from 1 without gaps
        if (since is None or journal["CreatedDateUTC"] >= since) and (not cash_only or _is_cash(journal))
    )
    return [_view(call, journal, PAGE) for journal in islice(wanted, JOURNALS_MAX)]


def _is_cash(journal: Record) -> bool:
    return journal["SourceType"] in CASH_SOURCES or journal["SourceType"].endswith("PAYMENT")


JOURNALS = Kind(
    plural="Journals",
    singular="Journal",
    id_field="JournalID",
    families=("accounting.journals",),
    fields={"JournalID": GUID},
    view=_view,
    verbs=frozenset({"GET"}),
    number_index="JournalNumber",
    modified_since=False,
    read=_read,
)

"""Customers of a firm that kept both systems by hand: a first sync links no wrong one, and asks about those it may be.

``customers.txt`` is labelled by hand over many languages. A wrong link bills the wrong company, so there is none; what
is found has a floor, and what is asked in vain a ceiling, so that neither is bought with the other unseen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.books import LedgerContact, LedgerPhone
from crossfoot.core.links import record_id_in
from crossfoot.core.records import content_hash
from crossfoot.emulators.scenario import Scenario, read_scenario
from crossfoot.emulators.scenarios.demo_book import abn, spaced
from crossfoot.engine.reading.ledger import to_version
from crossfoot.engine.reading.scope import FORM

from .business import URLS, Business, found

CUSTOMERS = Path(__file__).with_name("customers.txt")
FOUND_MIN = {"=": 890, "?": 14}
ASKED_IN_VAIN_MAX = 39
_BRAKE = (
    "brake: {creations: 50, amount: 250000, times_biggest_recent_run: 3, changes: 10, first_live_run: 5}",
    "brake: {creations: 9999, amount: 9999999, times_biggest_recent_run: 9999, changes: 9999, first_live_run: 9999}",
)
_PHONE = "      Phone: {from: Phone, as: phone}\n"


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: an account, the contact beside it, and whether they are one customer."""

    label: str
    account: str
    contact: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def right(self) -> str:
        """The contact that the account's invoices belong to."""
        return self.details.get("merged", self.contact)


def read_pairs(path: Path) -> Iterator[Pair]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), line)
        label, _, account, *more = text.split(" | ")
        details = dict(part.strip().split("=", 1) for part in (more[1] if len(more) > 1 else "").split(";") if part)
        yield Pair(label, account, more[0].removeprefix("-") if more else "", details)


def tax_number(text: str) -> str:
    """The ABN that a number of the file stands for."""
    number = abn(400_500_600 + 13 * int(text.rstrip("sx")))
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    return spaced(number) if text.endswith("s") else wrong if text.endswith("x") else number


def scenario(pairs: list[Pair]) -> Scenario:
    accounts: list[dict[str, Any]] = []
    deals: list[dict[str, Any]] = []
    contacts: list[dict[str, Any]] = []
    for number, pair in enumerate(pairs):
        told = pair.details
        account = {"Name": pair.account, "BillingCountry": "Australia", "$name": f"account{number}"}
        account |= {"Phone": told.get("a.phone", ""), "Site": told.get("a.mail", "")}
        accounts.append(account | ({"ABN__c": tax_number(told["a.abn"])} if "a.abn" in told else {}))
        deal: dict[str, Any] = {"Name": f"Deal {number}", "AccountId": f"$account{number}", "CloseDate": "2026-11-10"}
        deal |= {"StageName": "Prospecting", "Amount": 1000 + number}
        deals.append(deal | {"$name": f"deal{number}", "$at": "2026-11-02T00:00:00Z"})
        deals.append({"$update": f"$deal{number}", "$at": "2026-11-10T03:00:00Z", "StageName": "Closed Won"})
        for kind in ("c", "other", "merged"):
            name = pair.contact if kind == "c" else told.get(kind, "")
            if not name:
                continue
            contact: dict[str, Any] = {"Name": name, "$name": f"{kind}{number}"}
            contact |= {"TaxNumber": tax_number(told[f"{kind}.abn"])} if f"{kind}.abn" in told else {}
            if kind == "c":
                contact |= {"EmailAddress": told.get("c.mail", "")}
                contact["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": told.get("c.phone", "")}]
            contacts.append(contact)
        if "archived" in told:
            archived = {"$update": f"$c{number}", "$at": "2026-11-03T00:00:00Z", "ContactStatus": "ARCHIVED"}
            contacts.append(archived)
    document = {"clock": "2026-11-20T01:30:00Z", "start_date": "2026-11-01", "xero": {"Contacts": contacts}}
    return read_scenario(document | {"salesforce": {"Account": accounts, "Opportunity": deals}}, CUSTOMERS.name)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """What a first sync made of each pair: the pairs by label and outcome."""
    pairs, directory = list(read_pairs(CUSTOMERS)), tmp_path_factory.mktemp("customers")
    firm = Business(found(scenario(pairs), directory, date(2026, 11, 1)), directory)
    firm.set(*_BRAKE)
    firm.set(_PHONE, f"{_PHONE}      Email: Site\n")
    known = {contact["Name"]: contact["ContactID"] for contact in firm.contacts()}
    for pair in pairs:
        if "merged" in pair.details:
            into = {"Into": known[pair.right]}
            firm.office.ask(URLS["xero"], "POST", f"/Contacts/{known[pair.contact]}/merge", into)
    firm.later()
    firm.sync()
    yield _sort(firm, pairs, known)
    firm.close()


def _sort(firm: Business, pairs: list[Pair], known: Mapping[str, str]) -> dict[str, list[str]]:
    deals = {row["Name"]: row["Id"] for row in firm.soql("SELECT Id, Name FROM Opportunity")}
    billed = {record_id_in(each.get("Url") or ""): each["Contact"]["ContactID"] for each in firm.invoices()}
    asked: dict[str, set[str]] = defaultdict(set)
    for entry in firm.desk.entries(ignored=True):
        asked[entry.record.id] |= {ref.id for ref in entry.related if ref.kind == "Contact"}
    sorted_out = defaultdict(list)
    for number, pair in enumerate(pairs):
        deal_id = deals[f"Deal {number}"]
        right, contact_id = known.get(pair.right, ""), billed.get(deal_id, "")
        if contact_id in known.values():
            outcome = "linked" if pair.label == "=" and contact_id == right else "wrong link"
        elif contact_id:
            outcome = "created"
        else:
            outcome = "proposed" if right in asked[deal_id] else "waits"
        sorted_out[f"{pair.label} {outcome}"].append(f"{pair.account} | {pair.contact}")
    return sorted_out


@pytest.mark.promise("S0-71")
def test_no_customer_is_linked_to_a_wrong_contact(outcomes: Mapping[str, list[str]]) -> None:
    assert [pair for key, pairs in outcomes.items() for pair in pairs if key.endswith("wrong link")] == []


@pytest.mark.promise("S1-62")
@pytest.mark.parametrize("label", sorted(FOUND_MIN))
def test_customers_that_xero_knows_are_linked_or_asked_about(outcomes: Mapping[str, list[str]], label: str) -> None:
    missed = [*outcomes.get(f"{label} created", ()), *outcomes.get(f"{label} waits", ())]
    counts = Counter({key: len(pairs) for key, pairs in outcomes.items()})
    assert counts[f"{label} linked"] + counts[f"{label} proposed"] >= FOUND_MIN[label], missed


def test_few_customers_that_xero_does_not_know_are_asked_about(outcomes: Mapping[str, list[str]]) -> None:
    vain = [
        pair for label in "!." for outcome in ("proposed", "waits") for pair in outcomes.get(f"{label} {outcome}", ())
    ]
    assert len(vain) <= ASKED_IN_VAIN_MAX, vain


def test_whoever_reads_a_name_otherwise_has_contacts_kept_anew() -> None:
    """A contact is found by what was kept of it. Where this fails, raise ``FORM`` in ``reading/scope.py`` and take the
    new digest with it; the digest alone where nothing but ``customers.txt`` changed."""
    kept = []
    for pair in read_pairs(CUSTOMERS):
        told = pair.details
        contact = LedgerContact(
            "",
            pair.contact,
            "ACTIVE",
            datetime(2026, 11, 20, tzinfo=UTC),
            tax_number=tax_number(told["c.abn"]) if "c.abn" in told else "",
            email=told.get("c.mail", ""),
            phones=(LedgerPhone("DEFAULT", number=told.get("c.phone", "")),),
        )
        version = to_version("", contact)
        kept.append([version.name, version.keys])
    assert (FORM, content_hash(kept)[:16]) == (1, "5d1a0f59ec960a3d")

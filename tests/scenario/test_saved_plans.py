"""A saved plan: what a person reviewed is what is sent, or it is named as left out."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal

import pytest

from crossfoot.core.errors import NeedsPerson, Stopped

from .business import Business

MOVED = "Cent and Sons Bakers - Flour costing"


@pytest.fixture
def november(connected: Business) -> Business:
    """Only wins since 5 November count: 40 drafts."""
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-05")
    return connected


def refused(firm: Business, code: str, *, strict: bool = False) -> str:
    """Apply the saved plan, which must stop before it writes anything. Returns what it says."""
    words: list[str] = []

    def attempt() -> None:
        with pytest.raises(Stopped) as stopped:
            firm.apply(firm.directory / "reviewed.plan", strict=strict)
        assert stopped.value.code == code
        words.append(str(stopped.value))

    assert firm.writes_during(attempt) == []
    return words[0]


def sell(firm: Business, quantity: int) -> None:
    """The deal that moves is now about so many."""
    [line] = firm.lines(MOVED)
    firm.edit("OpportunityLineItem", line["Id"], Quantity=quantity, UnitPrice=line["UnitPrice"])
    firm.later()


def test_a_plan_gives_numbers_to_nothing_and_writes_nothing(connected: Business) -> None:
    assert connected.writes_during(connected.save_plan) == []
    body = json.loads((connected.directory / "reviewed.plan").read_text())
    assert len(body["documents"]) == 112
    assert body["by_currency"]["NZD"]["ex_tax"] == "188448.33"


def test_applying_a_reviewed_plan_makes_exactly_its_documents(november: Business) -> None:
    plan = november.save_plan()
    wanted = {document["deal"] for document in json.loads(plan.read_text())["documents"]}

    written = november.writes_during(lambda: november.apply(plan))

    made = [invoice for invoice in november.invoices() if invoice.get("Url")]
    assert written.count("xero PUT /api.xro/2.0/Invoices") == 1  # 40 documents in one call
    assert {invoice["Url"].rsplit("/", 1)[-1] for invoice in made} == wanted
    assert november.writes_during(lambda: november.apply(plan)) == []


def test_a_plan_that_was_edited_by_hand_is_not_sent(november: Business) -> None:
    plan = november.save_plan()
    body = json.loads(plan.read_text())
    body["wanted"] = dict(list(body["wanted"].items())[:1])
    plan.write_text(json.dumps(body))

    def attempt() -> None:
        with pytest.raises(NeedsPerson, match="not as Crossfoot saved it"):
            november.apply(plan)

    assert november.writes_during(attempt) == []


@pytest.mark.promise("N-08")
def test_what_a_plan_says_of_each_document_and_in_all_is_what_xero_then_has_to_the_cent(november: Business) -> None:
    path = november.save_plan()
    plan = json.loads(path.read_text(), parse_float=Decimal)
    totals = {(row["month"], row["currency"], row["account"], row["tax_type"]): row for row in plan["totals"]}

    november.apply(path)

    made = {invoice["Url"].rsplit("/", 1)[-1]: invoice for invoice in november.invoices() if invoice.get("Url")}
    said = {row["deal"]: tuple(Decimal(row[name]) for name in ("ex_tax", "tax", "gross")) for row in plan["documents"]}
    assert said == {deal: (made[deal]["SubTotal"], made[deal]["TotalTax"], made[deal]["Total"]) for deal in made}
    assert {row["action"] for row in plan["documents"]} == {"create"}
    worth: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    tax: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for invoice in made.values():
        for line in invoice["LineItems"]:
            key = (invoice["DateString"][:7], invoice["CurrencyCode"], line["AccountCode"], line["TaxType"])
            worth[key] += line["LineAmount"]
            tax[key] += line["TaxAmount"]
    assert {key: (Decimal(row["ex_tax"]), Decimal(row["tax"])) for key, row in totals.items()} == {
        key: (worth[key], tax[key]) for key in worth
    }


def test_a_deal_won_after_the_review_is_not_sent(november: Business) -> None:
    plan = november.save_plan()
    november.win("Later win", "Evergreen Cinemas", [{"code": "ASR-CTRL", "Quantity": 1, "UnitPrice": 2640}])
    november.later()

    november.apply(plan)

    assert november.invoices_of("Later win") == []


def test_a_document_that_moved_since_is_left_out_and_named_and_the_rest_go(november: Business) -> None:
    plan = november.save_plan()
    sell(november, 2)

    assert MOVED in refused(november, "plan_moved", strict=True)
    report = november.apply(plan)

    assert (report.left_out, report.applied.created) == ([MOVED], 39)
    assert november.invoices_of(MOVED) == []


def test_a_changed_draft_whose_deal_moved_on_since_is_left_out_and_named(november: Business) -> None:
    november.sync()
    november.later()
    sell(november, 2)
    plan = november.save_plan()
    sell(november, 3)

    assert MOVED in refused(november, "plan_moved", strict=True)
    report = november.apply(plan)

    assert (report.left_out, report.applied.updated) == ([MOVED], 0)


def test_a_changed_draft_is_changed_once_however_often_its_plan_is_applied(november: Business) -> None:
    november.sync()
    november.later()
    sell(november, 2)
    plan = november.save_plan()

    assert november.apply(plan, strict=True).applied.updated == 1
    november.later()
    assert november.writes_during(lambda: november.apply(plan, strict=True)) == []


def test_a_plan_expires_after_a_day(connected: Business) -> None:
    connected.save_plan()
    connected.later(hours=24, minutes=1)
    assert "has expired" in refused(connected, "expired")


def test_a_plan_made_under_other_settings_is_refused(connected: Business) -> None:
    connected.save_plan()
    connected.set("due_days: 14", "due_days: 30")
    assert "The settings changed" in refused(connected, "plan_moved")


def test_a_plan_made_under_other_lock_dates_is_refused(connected: Business) -> None:
    connected.save_plan()
    connected.lock("2026-10-31")
    connected.later()
    assert "The lock dates changed" in refused(connected, "plan_moved")


def test_a_plan_made_under_other_tax_rates_is_refused(connected: Business) -> None:
    connected.save_plan()
    rate = {"Name": "Reduced GST", "ReportTaxType": "OUTPUT", "TaxComponents": [{"Name": "GST", "Rate": 5}]}
    connected.office.xero("PUT", "TaxRates", [rate])
    connected.later()
    assert "The tax rates changed" in refused(connected, "plan_moved")


def test_a_plan_of_another_workspace_is_refused(connected: Business, live: Business) -> None:
    plan = live.save_plan("other.plan")
    with pytest.raises(NeedsPerson, match="was not made in this workspace"):
        connected.apply(plan)

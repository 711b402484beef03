"""Going live: read-only first, then a reviewed plan, then small steps under the brake."""

from __future__ import annotations

import pytest

from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.engine.review.desk import go_live

from .business import Business

NAME = "Harbour Point Advisory"
BRAKE = "brake: {creations: 50, amount: 250000, times_biggest_recent_run: 3, changes: 10, first_live_run: 5}"


def stopped(firm: Business, code: str) -> str:
    """Run sync, which must stop before it writes anything. Returns what it says."""
    words: list[str] = []

    def attempt() -> None:
        with pytest.raises(Stopped) as refused:
            firm.sync()
        assert refused.value.code == code
        words.append(str(refused.value))

    assert firm.writes_during(attempt) == []
    return words[0]


def starting(firm: Business, day: str) -> Business:
    """Count wins from another day on. By day, drafts that would be made: 20th 0, 16th 5, 15th 11, 13th 15; 1 Nov 42."""
    start = next(line for line in firm.settings.splitlines() if line.startswith("start_date: "))
    firm.set(start[:22], f"start_date: {day}")
    return firm


def gone_live(firm: Business) -> Business:
    """A live firm whose controller has typed the name and applied a first reviewed plan, which was empty."""
    go_live(firm.session(), NAME)
    starting(firm, "2026-11-20")
    firm.apply(firm.save_plan())
    return firm


def test_a_live_ledger_is_read_only_until_its_name_was_typed(live: Business) -> None:
    plan = live.save_plan()

    assert "live and read-only" in stopped(live, "not_live_yet")
    with pytest.raises(Stopped, match="read-only"):
        live.apply(plan)
    with pytest.raises(Stopped, match="not 'Harbour Point Advisory'"):
        go_live(live.session(), "harbour point")
    stopped(live, "not_live_yet")


def test_a_tax_basis_other_than_the_ledgers_blocks_going_live(live: Business) -> None:
    live.set("prices: ex_tax ", "prices: inc_tax")
    next(iter(live.ledger.organisations.values())).info["DefaultSalesTax"] = "Tax Exclusive"

    with pytest.raises(Stopped, match="Correct one of them first"):
        go_live(live.session(), NAME)


def test_a_test_organisation_needs_no_going_live(connected: Business) -> None:
    with pytest.raises(NeedsPerson, match="test organisation"):
        go_live(connected.session(), NAME)


def test_the_first_documents_on_a_live_ledger_go_by_a_reviewed_plan_only(live: Business) -> None:
    go_live(live.session(), NAME)
    assert "first documents go by a reviewed plan" in stopped(live, "no_reviewed_plan")
    starting(live, "2026-11-13")

    report = live.apply(live.save_plan())

    assert report.applied.created == 15  # more than the brake lets a sync make: a person has reviewed them
    assert {invoice["Status"] for invoice in live.invoices() if invoice.get("Url")} == {"DRAFT"}


def test_the_first_live_run_makes_at_most_five(live: Business) -> None:
    starting(gone_live(live), "2026-11-15")
    assert "11 documents on the first live run (at most 5)" in stopped(live, "brake")

    starting(live, "2026-11-16")
    assert live.sync().applied.created == 5


def test_the_brake_holds_above_250_000_in_24_hours(live: Business) -> None:
    """After a first run of 5, ten more stay within three times the biggest run; some are in US dollars."""
    starting(gone_live(live), "2026-11-16")
    live.sync()
    starting(live, "2026-11-13")

    words = stopped(live, "brake")

    assert "271,747.58 created within 24 hours (at most 250,000.00)" in words
    assert "documents" not in words


def test_the_brake_weighs_a_currency_without_an_invoice_by_the_rate_of_the_org(live: Business) -> None:
    gone_live(live)
    live.office.ask(live.office.xero_url, "PUT", "/Currencies", {"Code": "GBP"})
    live.win("London fair", "Thames Bridge Capital", [], CloseDate="2026-11-20", CurrencyIsoCode="GBP", Amount=150_000)
    live.later()

    assert "294,117.65 created within 24 hours" in stopped(live, "brake")  # an AUD is worth 0.51 GBP in the org


def test_the_brake_holds_above_50_documents(live: Business) -> None:
    gone_live(live)
    live.set("amount: 250000, times_biggest_recent_run: 3, changes: 10, first_live_run: 5", "amount: 9000000")
    starting(live, "2026-11-16")
    live.sync()
    live.set("amount: 9000000", "amount: 9000000, times_biggest_recent_run: 100")
    starting(live, "2026-10-01")

    assert "112 documents created within 24 hours (at most 50)" in stopped(live, "brake")
    starting(live, "2026-11-01")
    assert live.sync().applied.created == 42 - 5


def test_the_brake_holds_above_three_times_the_biggest_recent_run(live: Business) -> None:
    starting(gone_live(live), "2026-11-18")
    assert live.sync().applied.created == 3
    live.set("amount: 250000", "amount: 9000000")
    starting(live, "2026-11-13")

    assert "12 documents, the biggest recent run had 3 (at most 9)" in stopped(live, "brake")


def test_the_brake_counts_24_hours_of_intents_and_not_one_process(live: Business) -> None:
    """At most 12 a day: 5 go, then 6 more, then none of the next 4 until a day has passed."""
    gone_live(live)
    live.set(BRAKE, "brake: {creations: 12, amount: 9000000, times_biggest_recent_run: 100, first_live_run: 5}")
    for day, made in (("2026-11-16", 5), ("2026-11-15", 6)):
        assert starting(live, day).sync().applied.created == made
        live.later()
    starting(live, "2026-11-13")

    assert "15 documents created within 24 hours (at most 12)" in stopped(live, "brake")

    live.later(hours=24)
    assert live.sync().applied.created == 4


def test_on_a_test_pair_the_brake_warns_unless_it_is_switched_on(connected: Business) -> None:
    starting(connected, "2026-11-12").set("creations: 50", "on_test_pair: true, creations: 10")
    assert "17 documents created within 24 hours (at most 10)" in stopped(connected, "brake")

    connected.set("on_test_pair: true, ", "")
    report = connected.sync()
    assert report.applied.created == 17
    assert "brake would hold this run: 17 documents" in report.warning


def test_a_live_ledger_is_read_only_again_once_another_org_is_connected(live: Business) -> None:
    """Somebody consented as a user of the firm's other production org, which bears the same name."""
    gone_live(live)
    mine = live.org.organization
    for other, act in (({**mine, "Id": "00D000000000099EAA"}, stopped), (mine, None)):
        live.org.rows["Organization"] = {other["Id"]: other}
        live.reconnect()
        live.later()
        if act:
            assert "read-only" in act(live, "not_live_yet")
        else:
            live.sync()


def test_it_stays_open_for_the_org_it_went_live_with_when_xero_is_connected_again(live: Business) -> None:
    gone_live(live)
    live.reconnect()
    live.reconnect()

    live.sync()

"""Payments are made only where Xero was connected for it, and it says so where it was not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from crossfoot.core.errors import NeedsReauthorisation
from crossfoot.emulators.scenario import find_scenario
from crossfoot.engine.setup.doctor import Check, examine
from crossfoot.xero import oauth as xero_oauth

from .business import Business, Stage, found
from .test_payments_recorded import DEAL, FLOW, SMALL_FIRM, Counter, counter_for


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """The firm after its first sync, with payments switched on in the settings alone."""
    stage: Stage = found(find_scenario(str(SMALL_FIRM)), tmp_path, date(2026, 11, 1))
    firm = Business(stage, tmp_path)
    firm.reconnect()
    firm.sync()
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DEAL)["InvoiceID"], Status="AUTHORISED")
    firm.settings += FLOW
    firm.later()
    firm.sync()
    yield counter_for(firm, DEAL)
    firm.close()


def permission(firm: Business) -> list[Check]:
    return [each for each in examine(firm.session()) if each.name == "Xero permission"]


@pytest.mark.promise("S0-55", "S1-74")
def test_payments_wait_until_xero_is_connected_for_them(counter: Counter) -> None:
    firm = counter.firm
    counter.record("10.00")
    report = firm.sync()
    assert report.paid.made == 0
    assert "connected without the permission to make them. Run `crossfoot connect xero`" in report.warning
    assert [each.state for each in permission(firm)] == ["fix"]
    assert counter.payments() == []
    firm.reconnect(payments=True)
    firm.later()
    assert firm.sync().paid.made == 1
    assert permission(firm) == []


def test_a_renewed_grant_asks_for_no_more_than_it_was_made_with(counter: Counter) -> None:
    firm = counter.firm
    session = firm.session()
    session.xero.renew()
    assert not session.xero.may_make_payments()
    firm.reconnect(payments=True)
    session = firm.session()
    session.xero.renew()
    assert session.xero.may_make_payments()


def test_the_doctor_tells_what_xero_was_connected_without(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by an older version, which needed less. Each run is refused until then, and sends people to the doctor."""
    firm = counter.firm
    with monkeypatch.context() as before:
        before.delitem(xero_oauth.SCOPES, "accounting.payments.read")
        firm.reconnect()
    with pytest.raises(NeedsReauthorisation, match="doctor"):
        firm.sync()
    firm.settings = firm.settings.removesuffix(FLOW)
    [check] = permission(firm)
    assert check.found == "not granted: accounting.payments.read (read payments and overpayments)"
    assert check.how == "run `crossfoot connect xero` again"
    firm.reconnect()
    assert permission(firm) == []


@pytest.mark.promise("S3-38", "S3-39")
@pytest.mark.parametrize(
    ("edition", "said"),
    [
        ("Enterprise Edition", []),
        ("Unlimited Edition", []),
        ("Professional Edition", ["Professional Edition needs the API add-on"]),
    ],
)
def test_the_doctor_tells_an_edition_that_needs_the_api_add_on(tmp_path: Path, edition: str, said: list[str]) -> None:
    scenario = find_scenario(str(SMALL_FIRM))
    settings = {**scenario.settings, "salesforce": {"organization_type": edition}}
    firm = Business(found(replace(scenario, settings=settings), tmp_path, date(2026, 11, 1)), tmp_path)
    assert [each.how for each in examine(firm.session()) if each.name == "Edition"] == said
    firm.close()

"""Before the first run: what ``crossfoot init`` proposes for a pair, and what the doctor says is still to be mended."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.engine.setup.doctor import Check, examine
from crossfoot.engine.setup.workspace import Choices, accept, make_workspace, propose
from crossfoot.mapping.settings import TransformedField
from tests.full_disk import full_disk

from .business import Business


def found(firm: Business) -> dict[str, Check]:
    """The doctor's lines by name; it writes nothing."""
    lines: list[Check] = []
    assert firm.writes_during(lambda: lines.extend(examine(firm.session()))) == []
    return {line.name: line for line in lines}


@pytest.mark.promise("S1-01")
def test_an_australian_pair_begins_with_gst_abn_and_australian_dollars(connected: Business) -> None:
    mapping = connected.mapping
    assert (mapping.policy.coding.tax, mapping.policy.coding.home_country) == ("OUTPUT", "AU")
    tax_number = mapping.settings.flows.customers.fields["TaxNumber"]
    assert isinstance(tax_number, TransformedField)
    assert tax_number.transform == "abn"
    checks = found(connected)
    assert "(AU, AUD)" in checks["Pair"].found
    assert checks["Default tax"].found == "GST on Income (10 %)"
    assert [check for check in checks.values() if check.state == "fix"] == []
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.win("Golden deal", "Evergreen Cinemas", [{"code": "ASR-SAMPLE", "Quantity": 1, "UnitPrice": 100}])
    connected.sync()
    invoice = connected.invoice_of("Golden deal")
    assert (invoice["CurrencyCode"], invoice["TotalTax"]) == ("AUD", Decimal("10.00"))


@pytest.mark.promise("S0-45", "S0-46", "S0-47", "S0-78", "S1-85")
def test_the_doctor_names_what_no_rule_covers_with_who_mends_it_and_how(connected: Business) -> None:
    before = found(connected)
    assert (before["Currencies"].state, before["Currencies"].who) == ("note", "finance")
    assert before["Currencies"].found == "GBP in Salesforce, not in Xero: such deals wait"
    sound = connected.settings
    connected.set('  account: "200"', '  account: "090"')
    connected.set('  tax: "OUTPUT"', '  tax: "NOSUCH"')
    connected.set("prices: ex_tax ", "prices: inc_tax")

    mend = {name: (check.who, check.how) for name, check in found(connected).items() if check.state == "fix"}

    assert mend == {
        "Tax basis": ("finance", "correct `prices` in crossfoot.yaml or the default in Xero"),
        "Default account": ("finance", "correct `coding` in crossfoot.yaml"),
        "Default tax": ("finance", "correct `coding` in crossfoot.yaml"),
    }
    connected.settings = sound
    connected.office.ask(connected.office.xero_url, "PUT", "/Currencies", {"Code": "GBP"})
    connected.later(days=1)
    after = found(connected)
    assert [check for check in after.values() if check.state != "pass"] == []
    assert "GBP" in after["Currencies"].found


def test_where_the_disk_is_full_nothing_is_half_set_up_and_the_next_try_goes_on(
    connected: Business, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with full_disk(), pytest.raises(OSError, match="File too large"):
        make_workspace(tmp_path / "new", with_key=True)
    made, _ = make_workspace(tmp_path / "new", with_key=True)
    session = connected.session()
    proposal = propose(session.salesforce, session.xero, Choices(date(2026, 10, 1)))

    with full_disk(room=4096), pytest.raises(OSError, match="File too large"):
        accept(made, connected.database, session.host, proposal, session.organisation_id)

    assert not made.settings_path.exists()
    accept(made, connected.database, session.host, proposal, session.organisation_id)
    assert made.settings_path.read_text() == proposal.text

"""The live guard: a pair that is not the one connected, or that mixes test and live, is never written to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import Stopped
from crossfoot.emulators.scenarios import demo
from crossfoot.engine.review.desk import go_live
from crossfoot.engine.undo import undo

from .business import Business, demo_firm, found


def refusal(firm: Business, act: Any) -> str:
    """What Crossfoot says when it stops; the vendors' logs must show no write of its own."""
    said: list[Stopped] = []

    def attempt() -> None:
        with pytest.raises(Stopped) as stopped:
            act()
        said.append(stopped.value)

    assert firm.writes_during(attempt) == []
    assert said[0].code == "live_guard"
    return str(said[0])


def another_org(firm: Business) -> None:
    """The Salesforce sandbox was refreshed: same address, another org."""
    other = {**firm.org.organization, "Id": "00D000000000099EAA"}
    firm.org.rows["Organization"] = {other["Id"]: other}


def another_organisation(firm: Business) -> None:
    """The same grant now answers for another organisation."""
    next(iter(firm.ledger.organisations.values())).info["OrganisationID"] = "00000000-0000-4000-8000-000000000099"


def ledger_turned_live(firm: Business) -> None:
    """The demo company became a live organisation, the org is still a sandbox."""
    firm.office.ask(firm.office.xero_url, "POST", "/Organisation", {"IsDemoCompany": False})


def org_turned_production(firm: Business) -> None:
    """The org is now production, the organisation still a demo company."""
    firm.org.organization["IsSandbox"] = False


OTHERS = {"salesforce": "another-firm", "xero": "[another-firm]"}
CHANGES = [another_org, another_organisation, ledger_turned_live, org_turned_production]


@pytest.mark.promise("U-32", "N-21")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_pair_that_changed_since_it_was_connected_is_not_written_to(synced: Business, change: Any) -> None:
    [run] = synced.runs()
    change(synced)
    synced.later()

    for act in (synced.sync, synced.save_plan, lambda: undo(synced.session(), run)):
        assert "Nothing was written" in refusal(synced, act)


def test_a_saved_plan_does_not_reach_another_organisation(connected: Business) -> None:
    plan = connected.save_plan()
    another_organisation(connected)
    connected.later()

    assert "Nothing was written" in refusal(connected, lambda: connected.apply(plan))


@pytest.mark.promise("U-32", "N-21")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"xero": {"IsDemoCompany": False}}, "sandbox must not write to a live"),
        ({"salesforce": {"is_sandbox": False}}, "production Salesforce org must not be tied to a Xero demo company"),
    ],
    ids=["sandbox and live ledger", "production and demo company"],
)
def test_a_pair_mixed_from_the_first_day_is_refused(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    firm = Business(found(demo_firm(**settings), tmp_path, demo.START_DATE), tmp_path)

    assert words in refusal(firm, firm.sync)
    if "xero" in settings:
        assert words in refusal(firm, lambda: go_live(firm.session(), "Harbour Point Advisory"))
    firm.close()


@pytest.mark.parametrize("side", ["salesforce", "xero"])
def test_settings_of_another_pair_are_not_used_on_this_one(connected: Business, side: str) -> None:
    """Two workspaces were given one database: whoever connected last is in it, and the other one's timer goes off."""
    connected.settings = re.sub(rf"^{side}: \S+", f"{side}: {OTHERS[side]}", connected.settings, flags=re.MULTILINE)

    for act in (connected.sync, connected.save_plan):
        words = refusal(connected, act)
        assert "crossfoot.yaml is about 'another-firm'" in words
        assert "a database of its own" in words


def test_an_organisation_that_was_renamed_is_still_the_one_of_the_settings(connected: Business) -> None:
    next(iter(connected.ledger.organisations.values())).info["Name"] = "Harbour Point Partners"
    connected.reconnect()
    connected.later()

    assert connected.session().xero.connection.name == "Harbour Point Partners"
    assert connected.sync().applied.created


def test_another_org_is_shown_everything_and_nothing_is_billed_anew(synced: Business) -> None:
    """The sandbox was refreshed from production: the same deals, under another org, and nothing of what was shown."""
    shown = len(synced.org.rows["Xero_Invoice__c"])
    assert shown > 100
    for name in (
        "Xero_Payment__c",
        "Xero_Invoice_Line__c",
        "Xero_Invoice__c",
        "Xero_Contact__c",
        "Xero_Organisation__c",
    ):
        synced.org.rows[name].clear()
    another_org(synced)
    synced.reconnect()
    synced.later()

    report = synced.sync()

    assert (report.applied.created, report.write_backs_refused) == (0, 0)
    assert len(synced.org.rows["Xero_Invoice__c"]) == shown
    assert synced.org.rows["Xero_Organisation__c"]
    synced.later()
    assert synced.sync().writes == 0

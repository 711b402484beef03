"""The package was taken out with its data and is brought in again: all that was shown is shown once more."""

from __future__ import annotations

from pathlib import Path

from tests.scenario.business import KEY, machine

from crossfoot.emulators.scenarios import demo
from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import make_session
from crossfoot.engine.setup.workspace import Choices, propose, remotes
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings

from .conftest import Firm

SHOWN = ("Xero_Organisation__c", "Xero_Contact__c", "Xero_Invoice__c", "Xero_Invoice_Line__c")


def run(firm: Firm, path: Path) -> RunReport:
    mapping = FlowMapping(load_settings(path))
    firm.time.pass_s(600)
    return sync(make_session(firm.database, mapping, lambda: KEY, host=machine(firm.time), transport=firm.carrier))


def test_what_was_shown_before_is_shown_again(firm: Firm) -> None:
    firm.install()
    path = Path(firm.workspace.directory) / FILE_NAME
    sides = remotes(firm.connections, firm.connector())
    path.write_text(propose(*sides, Choices(demo.CLOCK.date())).text, encoding="utf-8")
    assert run(firm, path).applied.created
    before = {name: len(firm.org.rows[name]) for name in SHOWN}
    assert all(before.values())
    installer = firm.installer()
    installer.remove(installer.inspect(), "Avery")
    assert run(firm, path).applied.created == 0  # there is nothing to show it in, which is no reason to bill anew

    firm.install()
    report = run(firm, path)

    assert (report.applied.created, report.write_backs_refused) == (0, 0)
    assert {name: len(firm.org.rows[name]) for name in SHOWN} == before
    shown = [deal for deal in firm.org.rows["Opportunity"].values() if deal.get("Xero_Invoice_Number__c")]
    assert len(shown) == before["Xero_Invoice__c"]
    assert run(firm, path).writes == 0

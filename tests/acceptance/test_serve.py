"""``crossfoot serve`` as a process: a win is an invoice within seconds, told of by a change event, not by the clock."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .command_line import Terminal

SOON_S = 60  # for a machine that does other things too; the clock would take an hour


@contextmanager
def serving(terminal: Terminal, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = terminal.start("serve", "--every", "60", *options, CROSSFOOT_WORKSPACE=str(terminal.workspace))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
        assert "Traceback" not in out + err


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.mark.promise("S0-01")
def test_a_win_is_an_invoice_within_seconds_and_a_payment_is_seen_on_the_deal(terminal: Terminal) -> None:
    terminal.init()
    with serving(terminal) as process:
        wait_for(terminal.invoices)
        wait_for(lambda: len(terminal.soql("SELECT Id FROM Opportunity WHERE Xero_Invoice_Number__c != null")) >= 3)
        [account] = terminal.soql("SELECT Id FROM Account WHERE Name = 'Birch & Sons'")
        win = {"Name": "Third audit", "StageName": "Closed Won", "CloseDate": "2026-11-17", "Amount": 500}
        deals = "/services/data/v66.0/sobjects/Opportunity"
        deal = terminal.person("salesforce", "POST", deals, {**win, "AccountId": account["Id"]})
        number = f"SELECT Xero_Invoice_Number__c FROM Opportunity WHERE Id = '{deal['id']}'"
        wait_for(lambda: terminal.soql(number)[0]["Xero_Invoice_Number__c"])
        assert terminal.soql(number)[0]["Xero_Invoice_Number__c"] in terminal.invoices()
        assert "Another crossfoot command is writing" in terminal.refused("sync", expect=2)
        assert process.poll() is None

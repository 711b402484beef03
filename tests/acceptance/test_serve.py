"""``crossfoot serve`` as a process: a win is an invoice within seconds, told of by a change event, not by the clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
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


@pytest.mark.promise("S0-01", "S1-09", "S1-27", "S3-59")
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


def test_a_webhook_makes_a_change_in_xero_seen_within_seconds(terminal: Terminal) -> None:
    terminal.init()
    port = free_port()
    settings = terminal.workspace / "crossfoot.yaml"
    settings.write_text(f"{settings.read_text()}serve:\n  webhooks: {{port: {port}}}\n", encoding="utf-8")
    terminal.run("webhook-key", XERO_WEBHOOK_KEY="the app's signing key")
    shown = "SELECT Id, Xero_Status__c FROM Opportunity WHERE Xero_Status__c = 'Authorised'"
    with serving(terminal, "--no-events"):
        wait_for(lambda: len(terminal.soql("SELECT Id FROM Opportunity WHERE Xero_Invoice_Number__c != null")) >= 3)
        draft = next(invoice for invoice in terminal.invoices().values() if invoice["Status"] == "DRAFT")
        approved = {"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"}
        terminal.person("xero", "POST", "/Invoices", {"Invoices": [approved]})
        [organisation] = terminal.person("xero", "GET", "/Organisation")["Organisations"]
        body = json.dumps({"events": [{"tenantId": organisation["OrganisationID"]}]}).encode()
        digest = hmac.new(b"the app's signing key", body, hashlib.sha256).digest()
        headers = {"x-xero-signature": base64.b64encode(digest).decode()}
        address = f"http://127.0.0.1:{port}/webhooks/xero"
        assert httpx2.post(address, content=body, headers=headers, trust_env=False).status_code == 200
        assert httpx2.post(address, content=body, trust_env=False).status_code == 401
        wait_for(lambda: terminal.soql(shown))


@pytest.mark.promise("S0-01", "S0-12", "S1-09", "S1-27", "S3-59")
def test_a_payment_in_xero_is_seen_on_the_deal_within_seconds(terminal: Terminal) -> None:
    """Xero's own webhook tells of the invoice that was paid; the clock would take an hour."""
    terminal.init()
    port = free_port()
    settings = terminal.workspace / "crossfoot.yaml"
    settings.write_text(f"{settings.read_text()}serve:\n  webhooks: {{port: {port}}}\n", encoding="utf-8")
    stands = "SELECT Xero_Payment_Status__c, Xero_Amount_Due__c FROM Opportunity WHERE Name = 'Second audit'"
    key, address = "the app's signing key", f"http://127.0.0.1:{port}/webhooks/xero"
    terminal.run("webhook-key", XERO_WEBHOOK_KEY=key)
    told = ("subscribe", address, "--signing-key", key, "--env-file", str(terminal.home / "apps.env"))
    with serving(terminal, "--no-events"):
        wait_for(lambda: (terminal.soql(stands) or [{}])[0].get("Xero_Payment_Status__c"))
        terminal.run("emulator", "webhooks", *told)
        draft = terminal.invoices()["SF-D-00006"]
        approved = {"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"}
        terminal.person("xero", "POST", "/Invoices", {"Invoices": [approved]})
        wait_for(lambda: terminal.soql(stands)[0]["Xero_Payment_Status__c"] == "Unpaid")
        payment = {"Invoice": {"InvoiceID": draft["InvoiceID"]}, "Account": {"Code": "090"}, "Date": "2026-11-19"}
        terminal.person("xero", "PUT", "/Payments", {**payment, "Amount": draft["Total"]})
        wait_for(lambda: terminal.soql(stands)[0]["Xero_Payment_Status__c"] == "Paid")
        assert terminal.soql(stands)[0]["Xero_Amount_Due__c"] == 0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

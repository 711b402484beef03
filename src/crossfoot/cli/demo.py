"""``crossfoot demo``: the main job on a made-up business, in five acts, with counts and money."""

from __future__ import annotations

import shutil
import signal
import threading
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfoot.cli.reports import render_tie_out, tie_out_data
from crossfoot.cli.runs import buckets_table, report_data
from crossfoot.cli.screen import Command, JsonOption, counted, cut, money, print_json, progress_bar, table, told_plainly

if TYPE_CHECKING:
    from crossfoot.emulators.host import Host
    from crossfoot.engine.runs import RunReport
    from crossfoot.engine.session import Session, Workspace
    from crossfoot.engine.tie import TieOutReport

PORTS = {"salesforce": 8091, "xero": 8092}
MARKER = "demo-workspace.txt"


@told_plainly
def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the last act instead of keeping the emulators up.")
    ] = False,
    directory: Annotated[Path, typer.Option(help="Where the demo's workspace is made (anew each time).")] = Path(
        "demo-workspace"
    ),
    as_json: JsonOption = False,
) -> None:
    """See the main job on a made-up business: connect, plan, send as drafts, approve and pay, tie out.

    Nothing here touches a real account. Example: crossfoot demo
    """
    story = _Story(as_json=as_json)
    home = _fresh_directory(directory.resolve())
    story.say("Nothing here touches a real account: both systems are emulated on this machine.")
    with progress_bar(as_json=as_json) as progress:
        progress("Loading the demo business", 0, 0)
        running = _start(home)
    try:
        _play(story, home, running)
        if as_json:
            print_json(story.facts)
        if not once:
            _stay(story, home, running)
    finally:
        running.stop()


class _Story:
    """What is told on the way, or gathered for a machine."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.facts: dict[str, Any] = {}

    def act(self, number: int, title: str) -> None:
        self.say(f"\nAct {number}: {title}")

    def say(self, text: str) -> None:
        if not self.as_json:
            typer.echo(text)


def _fresh_directory(home: Path) -> Path:
    from crossfoot.core.errors import NeedsPerson

    if home.exists() and any(home.iterdir()):
        if not (home / MARKER).exists():
            raise NeedsPerson(f"{home} is not a demo workspace; it is left alone. Name another with --directory.")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARKER).write_text("Made by `crossfoot demo`, which empties this directory when it runs again.\n")
    return home


def _start(home: Path) -> Host:
    from crossfoot.emulators.host import Host, HostSettings

    def settings(ports: dict[str, int]) -> HostSettings:
        return HostSettings(scenario="demo", ports=ports, state=home / "emulators", env_file=home / "demo.env")

    try:
        running = Host(settings(PORTS))
    except OSError:  # somebody else has those ports
        running = Host(settings(dict.fromkeys(PORTS, 0)))
    running.start()
    return running


def _play(story: _Story, home: Path, running: Host) -> None:
    workspace = _connect(story, home, running)
    with workspace.only_writer(), progress_bar(as_json=story.as_json) as progress:
        from crossfoot.engine.session import open_session

        session = open_session(workspace, progress=progress)
        session.actor = "demo"
        try:
            _plan(story, session)
            _send(story, session)
            _approve_and_pay(story, session, running)
            _tie_out(story, session)
        finally:
            session.close()


def _connect(story: _Story, home: Path, running: Host) -> Workspace:
    import datetime as dt

    from crossfoot.engine.host import real_host
    from crossfoot.engine.setup.connect import Connector
    from crossfoot.engine.setup.workspace import Choices, accept, connect_with_env, make_workspace, propose, remotes

    story.act(1, "connect")
    made, key_file = make_workspace(home, with_key=True)
    env = running.env()
    database, host = made.open_database(), real_host()
    org, organisation = connect_with_env(made, database, host, env)
    start = dt.date.fromisoformat(env["CROSSFOOT_START_DATE"])
    with closing(Connector(made, database, host)) as connector:
        proposal = propose(*remotes((org, organisation), connector), Choices(start))
    accept(made, database, host, proposal, organisation.home)
    database.engine.dispose()
    story.say(f"Salesforce org {org.name} (sandbox)  {running.urls['salesforce']}")
    story.say(f"Xero organisation {organisation.name} (AU, demo company)  {running.urls['xero']}")
    story.say(
        f"crossfoot.yaml has {len(proposal.text.splitlines())} lines; the start date is {start}; vault key {key_file}"
    )
    story.facts["connect"] = {
        "salesforce": {"name": org.name, "url": running.urls["salesforce"]},
        "xero": {"name": organisation.name, "url": running.urls["xero"]},
        "workspace": str(home),
        "start_date": start,
    }
    return made


def _plan(story: _Story, session: Session) -> None:
    from crossfoot.engine.plans import describe_plan
    from crossfoot.engine.review.desk import Desk
    from crossfoot.engine.runs import look

    story.act(2, "plan")
    observed, planned, _ = look(session)
    described = describe_plan(session, planned)
    story.say(", ".join(f"{counts.read} {name}" for name, counts in observed.counts.items()) + " read.")
    story.say(described["summary"])
    for currency, sums in described["by_currency"].items():
        story.say(
            f"  {currency}  ex tax {money(sums['ex_tax']):>14}  tax {money(sums['tax']):>12}  gross "
            f"{money(sums['gross']):>14}  (Salesforce: {money(sums['salesforce'])})"
        )
    desk = Desk(session.database, session.org_id, session.organisation_id, "demo", session.host.now())
    waiting = [entry for entry in desk.entries() if entry.weight == "waits"]
    story.say(f"{counted(len(waiting), 'deal')} wait, each with its reason:")
    rows = [(money(e.money.amount, e.money.currency), cut(e.record_name, 46), cut(e.cause, 84)) for e in waiting]
    story.say(table(["money", "deal", "why it waits"], rows, right=(0,)))
    story.facts["plan"] = {
        "summary": described["summary"],
        "documents": len(planned.invoices),
        "by_currency": described["by_currency"],
        "waiting": [{"deal": e.record_name, "reason": e.code, "amount": e.money.amount} for e in waiting],
    }


def _send(story: _Story, session: Session) -> None:
    from crossfoot.engine.runs import sync

    story.act(3, "send as drafts")
    report = sync(session)
    story.say(_sent(report))
    story.facts["send"] = report_data(report)


def _sent(report: RunReport) -> str:
    done = report.applied
    return (
        f"{counted(done.created, 'draft invoice')}, {counted(done.contacts, 'customer')} and "
        f"{counted(done.items, 'item')} created in Xero; {report.verified.verified} read back as meant; "
        f"{counted(report.written_back, 'row')} written to Salesforce, {report.write_backs_refused} refused "
        f"({report.calls['xero']} Xero and {report.calls['salesforce']} Salesforce calls so far)."
        + (f"\n{report.warning}" if report.warning else "")
    )


def _approve_and_pay(story: _Story, session: Session, running: Host) -> None:
    from crossfoot.emulators.people import approve_and_pay
    from crossfoot.engine.runs import sync

    story.act(4, "approve and pay")
    session.progress("People at work in Xero", 0, 0)
    acts = approve_and_pay(running.urls["salesforce"], running.urls["xero"])
    for what, count in acts.counts.items():
        sums = ", ".join(money(amount, currency) for currency, amount in sorted(acts.money[what].items()))
        story.say(f"  {what:28} {count:>4}  {sums}")
    report = sync(session)
    story.say(
        f"Back into Salesforce: {counted(report.written_back, 'row')} of status, balances and payments; "
        f"{counted(report.queue_opened, 'new entry', 'new entries')} in the review queue."
    )
    story.say(_payment_states(session))
    story.facts["approve_and_pay"] = {
        "counts": acts.counts,
        "money": acts.money,
        "report": report_data(report),
    }


def _payment_states(session: Session) -> str:
    from crossfoot.salesforce import requests as sf
    from crossfoot.salesforce import soql

    fields = ["Id", "Xero_Payment_Status__c", "Xero_Total__c", "CurrencyIsoCode"]
    query = soql.select(fields, "Opportunity", where="Xero_Payment_Status__c != null", limit=2000)
    rows = sf.decode_query(session.salesforce.read(sf.query(query)).body).rows
    sums: dict[tuple[str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for row in rows:
        key = (row["Xero_Payment_Status__c"], row["CurrencyIsoCode"])
        count, amount = sums[key]
        sums[key] = (count + 1, amount + Decimal(row["Xero_Total__c"] or 0))
    shown = [(state, count, money(amount, currency)) for (state, currency), (count, amount) in sorted(sums.items())]
    return table(["what sales people see", "deals", "gross"], shown, right=(1, 2))


def _tie_out(story: _Story, session: Session) -> None:
    from crossfoot.emulators.scenarios.demo_cases import CASES
    from crossfoot.engine.tie import run_tie_out
    from crossfoot.store.queue import bucket_totals

    story.act(5, "tie out")
    report = run_tie_out(session)
    story.say(render_tie_out(report))
    with session.database.reading() as connection:
        buckets = bucket_totals(connection, session.organisation_id)
    story.say("\nEvery won deal read from Salesforce stands in one place:")
    story.say(buckets_table(buckets))
    unexplained = _closing_difference(report, buckets)
    for currency, difference in unexplained.items():
        story.say(f"{currency}: won deals read less all of the above: unexplained {money(difference)}")
    story.say("\nPlanted in the demo business:")
    rows = [(case.number, cut(case.title, 50), cut(case.expectation, 96)) for case in CASES]
    story.say(table(["#", "case", "what must happen"], rows, right=(0,)))
    story.facts["tie_out"] = tie_out_data(report)
    story.facts["closing"] = {
        "won_deals": [
            {"standing": bucket, "currency": currency, "deals": count, "amount": amount}
            for bucket, currency, count, amount in buckets
        ],
        "unexplained": unexplained,
    }


def _closing_difference(report: TieOutReport, buckets: list[tuple[str, str, int, Decimal]]) -> dict[str, Decimal]:
    """Won deals as the tie-out read them afresh, less the buckets, by currency."""
    left: dict[str, Decimal] = defaultdict(Decimal)
    for row in report.result.rows:
        left[row.currency] += row.won
    for _, currency, _, amount in buckets:
        left[currency] -= amount
    return {currency: left[currency] + row_unexplained(report, currency) for currency in sorted(left)}


def row_unexplained(report: TieOutReport, currency: str) -> Decimal:
    """What the tie-out could not name in one currency."""
    return sum((row.unexplained for row in report.result.rows if row.currency == currency), Decimal(0))


def _stay(story: _Story, home: Path, running: Host) -> None:
    story.say(
        f"\nThe emulators stay up. In another terminal, from here:\n"
        f"  crossfoot -h                                  what there is\n"
        f"  cd {home}\n"
        f"  crossfoot status; crossfoot queue ls; crossfoot queue show 1\n"
        f'  crossfoot explain "Cent and Sons Bakers - Flour costing"\n'
        f"  crossfoot sync; crossfoot tieout\n"
        f"Salesforce {running.urls['salesforce']}, Xero {running.urls['xero']}. Ctrl-C stops."
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(timeout=3600):
        continue
    story.say("Stopped. The workspace stays; start its emulators again with:")
    ports = {name: url.rsplit(":", 1)[1] for name, url in running.urls.items()}
    story.say(
        f"  crossfoot emulator up --state {home / 'emulators'} "
        f"--salesforce-port {ports['salesforce']} --xero-port {ports['xero']}"
    )


COMMANDS = (Command("demo", demo),)

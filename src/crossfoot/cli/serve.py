"""``serve``: keep both sides in agreement by itself, until it is stopped."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossfoot.cli.screen import Command, JsonOption, WorkspaceOption, actor, counted, told_plainly, workspace_at

if TYPE_CHECKING:
    from crossfoot.engine.serve import Turn


@told_plainly
def serve(
    *,
    workspace: WorkspaceOption = Path(),
    every: Annotated[int, typer.Option(min=1, max=1440, help="Minutes from one run to the next.")] = 5,
    events: Annotated[bool, typer.Option(help="Follow Salesforce's change events, to run within seconds.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Sync by itself: when either side tells of a change, and every few minutes. Ctrl-C stops after the run at hand.

    Each run is what `crossfoot sync` does: guards, brake and review queue hold as they do there. A run that finds
    nothing to do is not told. Needs `crossfoot[cdc]` for change events; `--no-events` goes by the clock alone.

    Example: crossfoot serve --every 10
    """
    from crossfoot.engine.host import real_host
    from crossfoot.engine.serve import Served, serve

    stop, printing = threading.Event(), threading.Lock()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    said: set[str] = set()

    def tell(turn: Turn) -> None:
        with printing:
            line = _line(turn) if not as_json else _json(turn)
            if turn.problem and turn.problem in said:
                return  # once is enough until something else happens
            said.clear()
            if turn.problem:
                said.add(turn.problem)
            if line:
                typer.echo(line if as_json else f"{datetime.now().astimezone():%H:%M:%S}  {line}")

    if not as_json:
        typer.echo(f"Running every {counted(every, 'minute')}. Ctrl-C stops.")
    serve(Served(workspace_at(workspace), real_host(), actor(), every * 60.0, events), stop, tell)
    if not as_json:
        typer.echo("Stopped.")


def _line(turn: Turn) -> str:
    """A run in one line; blank when it did nothing."""
    if turn.report is None:
        return turn.problem
    done = turn.report.applied
    parts = [
        (done.created, "invoice", "created"),
        (done.updated, "invoice", "updated"),
        (done.deleted, "draft", "deleted"),
        (len(done.refused), "write", "refused"),
        (turn.report.written_back, "row", "written to Salesforce"),
        (turn.report.queue_opened, "queue entry", "opened"),
        (turn.report.queue_closed, "queue entry", "closed"),
    ]
    told = [f"{counted(number, noun, _PLURALS.get(noun, ''))} {what}" for number, noun, what in parts if number]
    return ", ".join(told) + (f". {turn.report.warning}" if turn.report.warning else "")


_PLURALS = {"queue entry": "queue entries"}


def _json(turn: Turn) -> str:
    from crossfoot.cli.runs import report_data

    told = {"report": report_data(turn.report)} if turn.report else {"problem": turn.problem}
    return json.dumps({**told, "next_in_s": turn.wait_s}, default=str, ensure_ascii=False)


@told_plainly
def webhook_key(*, workspace: WorkspaceOption = Path()) -> None:
    """Keep the signing key of your app's Xero webhooks in the vault: from XERO_WEBHOOK_KEY, else asked for unseen.

    It stands in the Xero developer portal under Webhooks. The key before it stays good for deliveries on their way.

    Example: crossfoot webhook-key
    """
    from crossfoot.engine.host import real_host
    from crossfoot.engine.reading.receiver import save_webhook_key

    place = workspace_at(workspace)
    key = os.environ.get("XERO_WEBHOOK_KEY") or typer.prompt("Webhook key", hide_input=True)
    with place.only_writer():
        save_webhook_key(place, place.open_database(), real_host(), key, actor())
    typer.echo("Kept in the vault. `serve.webhooks` in crossfoot.yaml says where webhooks are received.")


COMMANDS = (Command("serve", serve), Command("webhook-key", webhook_key))

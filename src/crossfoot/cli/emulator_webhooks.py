"""``crossfoot emulator webhooks``: what an app's owner does in Xero's developer portal, at a running emulator."""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from typing import Annotated, Any

import typer

from crossfoot.cli.emulator_remote import EnvFileOption, Remote, System, UrlOption, find_emulator
from crossfoot.cli.screen import JsonOption, counted, print_json, table, told_plainly

LOOKS_MAX, LOOK_EVERY_S = 20, 0.1  # how long a receiver's intent is waited for before the answer is shown
ITR_REQUIRED = "ITR required"

webhooks_app = typer.Typer(
    help="Have the Xero emulator deliver webhooks, and see how they are answered.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@webhooks_app.command()
@told_plainly
def subscribe(
    address: Annotated[str, typer.Argument(help="Where to deliver: the http or https address of your receiver.")],
    *,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; may be repeated.")] = None,
    signing_key: Annotated[str, typer.Option(help="The text to sign with, in place of the present one.")] = "",
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver events to a receiver, which has to show its intent first. What is not said stays as it is.

    Example: crossfoot emulator webhooks subscribe http://127.0.0.1:8000/webhooks/xero
    """
    asked: dict[str, Any] = {"url": address}
    asked |= {name: value for name, value in (("categories", category), ("signing_key", signing_key)) if value}
    remote = find_emulator(System.XERO, url, env_file)
    remote.ask("PUT", "/webhooks", asked)
    _show(_settled(remote), as_json=as_json)


@webhooks_app.command()
@told_plainly
def show(*, url: UrlOption = "", env_file: EnvFileOption = None, as_json: JsonOption = False) -> None:
    """Show the subscription: address, status, signing key, and what was delivered.

    Example: crossfoot emulator webhooks show
    """
    _show(find_emulator(System.XERO, url, env_file).ask("GET", "/webhooks"), as_json=as_json)


@webhooks_app.command()
@told_plainly
def deliveries(
    *,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest attempts; 0 shows all.")] = 50,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the attempts to deliver with their answers, and the batches that wait.

    Example: crossfoot emulator webhooks deliveries
    """
    told = _subscription(find_emulator(System.XERO, url, env_file).ask("GET", "/webhooks"))
    made, waiting = told["history"][-last:], told["waiting"]
    if as_json:
        print_json({"made": made, "waiting": waiting})
        return
    rows = [(row["at"][:19], row["delivery"], row["status"] or "no answer", row["milliseconds"]) for row in made]
    typer.echo(table(["at", "delivery", "answer", "ms"], rows, right=(3,)))
    for batch in waiting:
        events, failures = counted(batch["last"] - batch["first"] + 1, "event"), counted(batch["failures"], "failure")
        typer.echo(f"Waiting: {events} from number {batch['first']}, due {batch['due'][:19]}, {failures}")


@webhooks_app.command()
@told_plainly
def resend(*, url: UrlOption = "", env_file: EnvFileOption = None, as_json: JsonOption = False) -> None:
    """Ask the receiver for its intent again, then deliver at once what waits for it. Lifts a disabled subscription.

    Example: crossfoot emulator webhooks resend
    """
    remote = find_emulator(System.XERO, url, env_file)
    _subscription(remote.ask("GET", "/webhooks"))
    remote.ask("POST", "/webhooks/intent")
    _show(_settled(remote), as_json=as_json)


@webhooks_app.command()
@told_plainly
def remove(*, url: UrlOption = "", env_file: EnvFileOption = None, as_json: JsonOption = False) -> None:
    """End the subscription.

    Example: crossfoot emulator webhooks remove
    """
    _show(find_emulator(System.XERO, url, env_file).ask("DELETE", "/webhooks"), as_json=as_json)


def _subscription(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    from crossfoot.core.errors import NeedsPerson

    told: Mapping[str, Any] | None = answer["webhooks"]
    if told is None:
        raise NeedsPerson("Nothing is subscribed. Start with `crossfoot emulator webhooks subscribe URL`.")
    return told


def _settled(remote: Remote) -> Mapping[str, Any]:
    """The subscription once the receiver has shown its intent or failed to, or as it is after a while."""
    for _ in range(LOOKS_MAX):
        answer: Mapping[str, Any] = remote.ask("GET", "/webhooks")
        told = answer["webhooks"]
        if told["status"] != ITR_REQUIRED or told["intent_problem"]:
            break
        sleep(LOOK_EVERY_S)
    return answer


def _show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    told = answer["webhooks"]
    if as_json:
        print_json(answer)
        return
    if told is None:
        typer.echo("Nothing is subscribed.")
        return
    counts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in told["counts"].items())
    lines = {
        "Delivers to": told["url"],
        "Status": told["status"] + (f": {told['intent_problem']}" if told["intent_problem"] else ""),
        "Signing key": told["signing_key"],
        "Categories": ", ".join(told["categories"]),
        "Waiting": counted(len(told["waiting"]), "batch", "batches"),
        "Deliveries": counts,
    }
    width = max(len(name) for name in lines)
    for name, value in lines.items():
        typer.echo(f"{name.ljust(width)}  {value}")

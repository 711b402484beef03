"""``crossfoot emulator``: Salesforce and Xero on this machine, to try, rehearse and test with."""

from __future__ import annotations

import gc
import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from crossfoot.cli import emulator_control
from crossfoot.cli.emulator_webhooks import webhooks_app

app = typer.Typer(help="Run emulated Salesforce and Xero on this machine.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def emulator() -> None:
    """Run emulated Salesforce and Xero on this machine."""


@app.command()
def up(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    salesforce_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for Salesforce; 0 = any free.")] = 8091,
    xero_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for Xero; 0 = any free.")] = 8092,
    pubsub_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for change events; 0 = any free.")] = 7443,
    certificate: Annotated[Path | None, typer.Option(help="Certificate (PEM): https, and events over TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")] = None,
    scenario: Annotated[str, typer.Option(help="demo, empty, or the path of a scenario file.")] = "demo",
    state: Annotated[Path | None, typer.Option(help="Folder in which everything survives a restart.")] = None,
    salesforce_url: Annotated[str | None, typer.Option(help="Public address that Salesforce reports.")] = None,
    xero_url: Annotated[str | None, typer.Option(help="Public address that Xero reports.")] = None,
    env_file: Annotated[Path | None, typer.Option(help="Written when both accept connections.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")] = False,
) -> None:
    """Start both emulators and keep them up until Ctrl-C.

    Example: crossfoot emulator up --scenario demo --env-file demo.env
    """
    from crossfoot.emulators.host import Host, HostSettings
    from crossfoot.emulators.salesforce.events.pubsub import PubSubSettings
    from crossfoot.emulators.scenario import ScenarioError
    from crossfoot.emulators.snapshot import StateError
    from crossfoot.http import is_loopback

    if not is_loopback(host):
        typer.echo(f"Warning: {host} is not this machine alone. Anyone who reaches it can read and change all.")
    urls = {"salesforce": salesforce_url, "xero": xero_url}
    settings = HostSettings(
        scenario=scenario,
        host=host,
        ports={"salesforce": salesforce_port, "xero": xero_port},
        public_urls={name: url for name, url in urls.items() if url is not None},
        state=state,
        env_file=env_file,
        certificate=certificate,
        key=key,
        pubsub=PubSubSettings(host, pubsub_port, certificate, key),
    )
    try:
        running = Host(settings)
        running.start()
    except (ScenarioError, StateError, OSError) as error:
        typer.echo(f"The emulators did not start: {error}", err=True)
        raise typer.Exit(1) from None
    gc.freeze()  # what was loaded stays: looking through it all for garbage would hold up an answer for seconds
    if as_json:
        endpoint = running.pubsub.endpoint if running.pubsub else ""
        typer.echo(
            json.dumps(
                {
                    **running.urls,
                    "pubsub": endpoint,
                    "scenario": running.worlds.scenario,
                    "env_file": str(env_file or ""),
                }
            )
        )
        _wait_for_signal()
        running.stop()
        return
    typer.echo(f"Salesforce emulator  {running.urls['salesforce']}")
    typer.echo(f"Xero emulator        {running.urls['xero']}")
    typer.echo(f"Scenario             {running.worlds.scenario}")
    served = f"{running.pubsub.endpoint} (Pub/Sub API)" if running.pubsub else f"not served: {running.events_off}"
    typer.echo(f"Change events        {served}")
    typer.echo("Nothing here touches a real account. Ctrl-C stops.")
    _wait_for_signal()
    running.stop()
    typer.echo("Stopped.")


app.command("log")(emulator_control.log)
app.add_typer(emulator_control.fault_app, name="fault")
app.add_typer(emulator_control.clock_app, name="clock")
app.add_typer(emulator_control.state_app, name="state")
app.add_typer(webhooks_app, name="webhooks")


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(timeout=3600):
        continue

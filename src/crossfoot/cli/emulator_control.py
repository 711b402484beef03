"""``crossfoot emulator fault|clock|log|state``: what may be done to emulators while they run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import typer

from crossfoot.cli.emulator_remote import (
    EnvFileOption,
    Remote,
    System,
    SystemOption,
    UrlOption,
    find_emulator,
    state_s_max,
)
from crossfoot.cli.screen import JsonOption, counted, print_json, table, told_plainly

FOLLOW_EVERY_S = 0.5
_SPAN = re.compile(r"(\d+)\s*([smhd])")
_SPAN_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SHOWN_APART = ("number", "kind", "match", "times", "after")


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


fault_app = _group("Let things go wrong: on the wire, at the vendor, or by what people do.")
clock_app = _group("Show the emulators' clock, or turn it forward, for both at once.")
state_app = _group("Save the whole state of both emulators, or put a saved one in its place.")


@fault_app.command("kinds")
@told_plainly
def fault_kinds(*, system: SystemOption = System.XERO, as_json: JsonOption = False) -> None:
    """List everything that can go wrong, with its settings.

    Example: crossfoot emulator fault kinds
    """
    from crossfoot.emulators.fault_kinds import kinds_of

    kinds = kinds_of(system)
    if as_json:
        print_json(
            {
                name: {
                    "place": kind.place,
                    "does": kind.does,
                    "settings": {key: setting.text for key, setting in kind.settings.items()},
                }
                for name, kind in kinds.items()
            }
        )
        return
    for name, kind in kinds.items():
        typer.echo(f"{name}  ({kind.place})\n    {kind.does}")
        for key, setting in kind.settings.items():
            typer.echo(f"    {key}: {setting.text}")


@fault_app.command("list")
@told_plainly
def fault_list(
    *,
    system: SystemOption = System.XERO,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the faults that are switched on.

    Example: crossfoot emulator fault list
    """
    _show_faults(find_emulator(system, url, env_file).ask("GET", "/fault"), as_json=as_json)


@fault_app.command("add")
@told_plainly
def fault_add(
    kind: Annotated[str, typer.Argument(help="What goes wrong: a name from `crossfoot emulator fault kinds`.")],
    settings: Annotated[list[str] | None, typer.Argument(help="Its settings, each as NAME=VALUE.")] = None,
    *,
    method: Annotated[str, typer.Option(help="Only requests of this method.")] = "",
    path: Annotated[str, typer.Option(help="Only requests whose path has this in it.")] = "",
    times: Annotated[int, typer.Option(min=1, help="How often it strikes.")] = 1,
    after: Annotated[int, typer.Option(min=0, help="How many matching requests pass first.")] = 0,
    system: SystemOption = System.XERO,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch a fault on. An act of a person is done at once, unless --method, --path or --after make it wait.

    Example: crossfoot emulator fault add lost_response --method PUT --path /Invoices --after 2
    """
    match = {name: value for name, value in (("method", method), ("path_contains", path)) if value}
    spec: dict[str, Any] = {**_settings(settings or []), "kind": kind, "times": times}
    spec |= {name: value for name, value in (("match", match), ("after", after)) if value}
    answer = find_emulator(system, url, env_file).ask("POST", "/fault", spec)
    _show_faults(answer, as_json=as_json)


@fault_app.command("clear")
@told_plainly
def fault_clear(
    number: Annotated[int | None, typer.Argument(help="One fault's number; without it, all go.")] = None,
    *,
    system: SystemOption = System.XERO,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch faults off. What a person did stays done.

    Example: crossfoot emulator fault clear
    """
    body = None if number is None else {"number": number}
    _show_faults(find_emulator(system, url, env_file).ask("DELETE", "/fault", body), as_json=as_json)


def _settings(words: list[str]) -> dict[str, Any]:
    """NAME=VALUE words; numbers and objects are read as JSON writes them, everything else is text."""
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.emulators.fault_kinds import CATALOGUE

    numbers = {key for kind in CATALOGUE for key, setting in kind.settings.items() if setting.lowest is not None}
    found: dict[str, Any] = {}
    for word in words:
        name, is_setting, value = word.partition("=")
        if not is_setting:
            raise NeedsPerson(f"{word!r} is no setting: write NAME=VALUE.")
        try:
            found[name] = json.loads(value) if name in numbers or name == "headers" else value
        except ValueError:
            raise NeedsPerson(f"{name} does not read as a number or a JSON object: {value!r}") from None
    return found


def _show_faults(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    if not answer["faults"]:
        typer.echo("No fault is switched on.")
        return
    rows = [
        (
            fault["number"],
            fault["kind"],
            f"{fault['match']['method'] or 'any'} {fault['match']['path_contains']}".strip(),
            fault["times"],
            fault["after"],
            ", ".join(f"{name}={value}" for name, value in fault.items() if name not in _SHOWN_APART),
        )
        for fault in answer["faults"]
    ]
    typer.echo(table(["number", "fault", "strikes", "times", "after", "settings"], rows, right=(0, 3, 4)))


@clock_app.command("show")
@told_plainly
def clock_show(*, url: UrlOption = "", env_file: EnvFileOption = None, as_json: JsonOption = False) -> None:
    """Show the emulators' present instant.

    Example: crossfoot emulator clock show
    """
    _show_clock(find_emulator(System.XERO, url, env_file).ask("GET", "/clock"), as_json=as_json)


@clock_app.command("advance")
@told_plainly
def clock_advance(
    span: Annotated[str, typer.Argument(help="How far: 90s, 30m, 12h, 3d, or several, as 1d12h.")],
    *,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn the clock forward by a span of time.

    Example: crossfoot emulator clock advance 3d
    """
    from crossfoot.core.errors import NeedsPerson

    if _SPAN.sub("", span).strip() or not span.strip():
        raise NeedsPerson(f"{span!r} is no span of time. Write 90s, 30m, 12h, 3d, or several, as 1d12h.")
    seconds = sum(int(count) * _SPAN_S[unit] for count, unit in _SPAN.findall(span))
    remote = find_emulator(System.XERO, url, env_file)
    _show_clock(remote.ask("POST", "/clock", {"advance_s": seconds}), as_json=as_json)


@clock_app.command("set")
@told_plainly
def clock_set(
    instant: Annotated[str, typer.Argument(help="An instant with its zone, as 2026-12-01T00:00:00Z.")],
    *,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn the clock forward to an instant; it never turns back.

    Example: crossfoot emulator clock set 2026-12-01T00:00:00Z
    """
    remote = find_emulator(System.XERO, url, env_file)
    _show_clock(remote.ask("POST", "/clock", {"set": instant}), as_json=as_json)


def _show_clock(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        ahead = counted(answer["offset_s"], "second")
        typer.echo(f"{answer['now']}  ({ahead} ahead of this machine)")


@told_plainly
def log(
    *,
    system: SystemOption = System.XERO,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest requests; 0 shows all.")] = 50,
    illegal: Annotated[bool, typer.Option("--illegal", help="Only what a careful client never sends.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing requests as they come.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Counts of calls and bytes instead.")] = False,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the requests that an emulator has had: status, what was asked, what was illegal, which fault struck.

    Example: crossfoot emulator log --illegal
    """
    remote = find_emulator(system, url, env_file)
    if summary:
        _show_counts(remote.ask("GET", "/counts"), as_json=as_json)
        return
    answer = remote.ask("GET", "/log")
    entries = [entry for entry in answer["entries"] if entry.get("illegal") or not illegal][-last:]
    if as_json and not follow:
        print_json({"entries": entries, "next": answer["next"]})
        return
    for entry in entries:
        _show_entry(entry, as_json=as_json)
    if follow:
        for entry in _coming(remote, answer["next"]):
            if entry.get("illegal") or not illegal:
                _show_entry(entry, as_json=as_json)


def _coming(remote: Remote, position: int) -> Iterator[Mapping[str, Any]]:
    """Requests as they come, until Ctrl-C."""
    while True:
        sleep(FOLLOW_EVERY_S)
        answer = remote.ask("GET", f"/log?since={position}")
        position = answer["next"]
        yield from answer["entries"]


def _show_entry(entry: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(entry))
        return
    query = f"?{entry['query']}" if entry.get("query") else ""
    instant = str(entry.get("at") or entry.get("instant"))[:19]
    typer.echo(f"{instant}  {entry['status']}  {entry['method']:<6} {entry['path']}{query}")
    if entry.get("fault"):
        typer.echo(f"    fault: {entry['fault']}")
    if entry.get("illegal"):
        typer.secho(f"    ILLEGAL: {entry['illegal']}", fg=typer.colors.RED)


def _show_counts(counts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(counts)
        return
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in counts.items() if isinstance(value, int)]
    rows += [(f"  {name}", f"{value:,}") for name, value in sorted(counts.get("by", {}).items())]
    typer.echo(table(["", "count"], rows, right=(1,)))


@state_app.command("save")
@told_plainly
def state_save(
    target: Annotated[Path, typer.Argument(help="A new folder for `emulator up --state`, or a file named *.json.")],
    *,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save both running emulators, with clock, faults and tokens. Only you can read what is written.

    Example: crossfoot emulator state save before-the-test
    """
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.emulators.files import write_private

    path = _state_file(target)
    if path.exists():
        raise NeedsPerson(f"{path} exists already. Choose another name; a saved state is not written over.")
    content = find_emulator(System.XERO, url, env_file).send("GET", "/state", None, state_s_max)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, content)
    if as_json:
        print_json({"saved": str(path), "bytes": len(content)})
    else:
        typer.echo(f"Saved {path}, {counted(len(content), 'byte')}.")


@state_app.command("load")
@told_plainly
def state_load(
    source: Annotated[Path, typer.Argument(help="What `emulator state save` wrote, or a folder of `up --state`.")],
    *,
    url: UrlOption = "",
    env_file: EnvFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a saved state in place of what the running emulators hold. Their env file is written anew.

    Example: crossfoot emulator state load before-the-test
    """
    from crossfoot.core.errors import NeedsPerson

    path = _state_file(source)
    if any(other.stat().st_size for other in path.parent.glob("log-*.jsonl") if source.is_dir()):
        raise NeedsPerson(
            f"{source} holds requests that came after its snapshot. Start emulators on it with "
            "`crossfoot emulator up --state`, and stop them once; then it can be loaded."
        )
    answer = find_emulator(System.XERO, url, env_file).send("POST", "/state", path.read_bytes(), state_s_max)
    told = json.loads(answer)
    if as_json:
        print_json({"loaded": str(path), **told})
        return
    typer.echo(f"Loaded {path}; scenario {told['scenario']}.")
    if told["env_file"]:
        typer.echo(f"Addresses and tokens are in {told['env_file']}.")


def _state_file(place: Path) -> Path:
    return place if place.suffix == ".json" and not place.is_dir() else place / "snapshot.json"

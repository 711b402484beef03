"""What every command shares: options, errors as sentences, progress, money and tables."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

if TYPE_CHECKING:
    from crossfoot.engine.session import Progress, Session, Workspace

P = ParamSpec("P")

EXIT_ERROR, EXIT_PENDING, EXIT_INTERRUPTED = 1, 2, 130
SHOW_PROGRESS_AFTER_S = 1.0
NUMBER_MAX = 2**31 - 1  # of an entry or an override: beyond it no database finds any

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-C", help="The workspace directory.", envvar="CROSSFOOT_WORKSPACE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name and function."""

    name: str
    function: Callable[..., None]


def told_plainly(function: Callable[P, None]) -> Callable[P, None]:
    """Turn what a user can cause into one sentence and an exit status; never a stack trace."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from crossfoot.core.errors import CrossfootError, Stopped

        as_json = bool(kwargs.get("as_json"))
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            _interrupted_or(function, *args, **kwargs)
        except Stopped as error:
            _complain(str(error), as_json=as_json, code=error.code)
            raise typer.Exit(EXIT_PENDING) from None
        except CrossfootError as error:
            _complain(str(error), as_json=as_json, code=type(error).__name__)
            raise typer.Exit(EXIT_ERROR) from None
        except typer.Abort:
            option = "--yes" if "yes" in kwargs else "--name"  # of what only a typed name agrees to
            _complain(f"Not agreed to. Where nobody can answer, give {option}.", as_json=as_json, code="declined")
            raise typer.Exit(EXIT_ERROR) from None
        except KeyboardInterrupt:
            _complain(
                "Interrupted. What was sent stays; running again is safe and continues.",
                as_json=as_json,
                code="interrupted",
            )
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(EXIT_ERROR) from None
        except OSError as error:
            _complain(f"{error.strerror or error}: {error.filename or ''}", as_json=as_json, code="os")
            raise typer.Exit(EXIT_ERROR) from None

    return run


def _interrupted_or(function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run it. What a library made of an interrupt, as it failed over tidying up, is one all the same."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        if _began_with_interrupt(error):
            raise KeyboardInterrupt from None
        raise


def _began_with_interrupt(error: BaseException) -> bool:
    before = error.__cause__ or error.__context__
    return before is not None and (isinstance(before, KeyboardInterrupt) or _began_with_interrupt(before))


def _interrupt(*_: object) -> None:
    """Being told to end is as Ctrl-C: what is held (a lease, an administrator's session) is given back on the way."""
    raise KeyboardInterrupt


def _complain(message: str, *, as_json: bool, code: str) -> None:
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": message}}), err=True)
    else:
        typer.echo(message, err=True)


def print_json(value: Any) -> None:
    """JSON with exact amounts as text."""
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f") if value != value.quantize(Decimal("0.01")) else format(value, ".2f")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def money(amount: Decimal, currency: str = "") -> str:
    """An amount as people write it, with its currency."""
    text = f"{amount:,.2f}"
    return f"{currency} {text}" if currency else text


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 draft, 2 drafts."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> str:
    """A plain table: aligned columns that survive a pipe and a narrow terminal."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(heading), *(len(row[i]) for row in cells)]) for i, heading in enumerate(headings)]
    aligned = set(right)

    def line(row: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if i in aligned else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(list(headings)), line(["-" * width for width in widths]), *(line(row) for row in cells)])


def cut(text: str, width: int) -> str:
    """Text that fits a column."""
    return text if len(text) <= width else text[: width - 1] + "…"


@contextmanager
def progress_bar(*, as_json: bool) -> Iterator[Progress]:
    """A progress bar on the terminal for what takes longer than a second; silence for a machine or a pipe."""
    if as_json or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    started = time.monotonic()
    task: Any = None

    def show(what: str, done: int, of: int) -> None:
        nonlocal task
        if task is None:
            if time.monotonic() - started < SHOW_PROGRESS_AFTER_S:
                return
            bar.start()
            task = bar.add_task(what, total=of or None)
        bar.update(task, description=what, completed=done, total=of or None)

    try:
        yield show
    finally:
        bar.stop()


@contextmanager
def writing_session(directory: Path, *, as_json: bool) -> Iterator[Session]:
    """A session of the one process that may write."""
    from crossfoot.engine.session import Workspace, open_session

    workspace = Workspace(directory.resolve())
    with workspace.only_writer(), progress_bar(as_json=as_json) as progress:
        session = open_session(workspace, progress=progress)
        session.actor = actor()
        if not as_json:
            session.say = functools.partial(typer.echo, err=True)
        try:
            with session.only_engine():
                yield session
        finally:
            session.close()


def require_yes(question: str, *, yes: bool, as_json: bool) -> None:
    """Ask before something is sent or ended, where ``--yes`` does not say so already. A machine is not asked: it has to
    say so."""
    if yes:
        return
    if as_json:
        raise typer.Abort
    typer.confirm(question, abort=True)


def actor() -> str:
    """Who the audit log names."""
    return os.environ.get("CROSSFOOT_ACTOR") or os.environ.get("USER") or "operator"


def workspace_at(directory: Path) -> Workspace:
    """A workspace by its directory."""
    from crossfoot.engine.session import Workspace

    return Workspace(directory.resolve())

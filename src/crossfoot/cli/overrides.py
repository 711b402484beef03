"""``queue edit``, ``approve``, ``withdraw``, ``overrides``: what people decide otherwise than the source says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossfoot.cli.queue import EntryArgument
from crossfoot.cli.reports import override_data
from crossfoot.cli.screen import (
    NUMBER_MAX,
    Command,
    JsonOption,
    WorkspaceOption,
    actor,
    print_json,
    told_plainly,
    workspace_at,
)

if TYPE_CHECKING:
    from crossfoot.core.overrides import Override
    from crossfoot.engine.session import Session

OverrideArgument = Annotated[
    int, typer.Argument(help="The override's number, from `crossfoot queue overrides`.", max=NUMBER_MAX)
]
ReasonOption = Annotated[str, typer.Option(help="Why; it is kept in the audit log.")]


@contextmanager
def _session(directory: Path) -> Iterator[Session]:
    """A session that asks neither vendor."""
    from crossfoot.engine.session import open_session

    session = open_session(workspace_at(directory))
    session.actor = actor()
    try:
        yield session
    finally:
        session.close()


def _tell(decided: Sequence[Override], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json([override_data(each) for each in decided])
        return
    for each in decided:
        typer.echo(f"{each.id}  {each.words} ({each.state})")
    typer.echo(sentence)


@told_plainly
def edit(
    entry: EntryArgument,
    *,
    changes: Annotated[
        list[str],
        typer.Option(
            "--set", help="PART=VALUE: account, tax, unit_amount (of line 2: account:2), due, reference, contact."
        ),
    ],
    reason: ReasonOption,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Decide a part of the document otherwise than Salesforce says. An amount waits for a second person's approval.

    Example: crossfoot queue edit 3 --set account=200 --reason "rent is coded there"
    """
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.core.overrides import OverrideState
    from crossfoot.engine.review.overrides import edit_entry

    pairs = {name.strip(): value for name, found, value in (each.partition("=") for each in changes) if found}
    if len(pairs) != len(changes):
        raise NeedsPerson("Write each --set as PART=VALUE, and each part once.")
    with _session(workspace) as session:
        decided = edit_entry(session, entry, pairs, reason)
    waits = any(each.state is OverrideState.PROPOSED for each in decided)
    then = "A second person approves amounts: `crossfoot queue approve`." if waits else "It goes at the next sync."
    _tell(decided, then, as_json=as_json)


@told_plainly
def approve(override: OverrideArgument, *, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Approve an amount that somebody else proposed.

    Example: crossfoot queue approve 5
    """
    from crossfoot.engine.review.overrides import approve_override

    with _session(workspace) as session:
        _tell([approve_override(session, override)], "Approved. It goes at the next sync.", as_json=as_json)


@told_plainly
def withdraw(
    override: OverrideArgument,
    *,
    reason: ReasonOption,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Take an override back: the document follows Salesforce again.

    Example: crossfoot queue withdraw 5 --reason "the product is coded now"
    """
    from crossfoot.engine.review.overrides import withdraw_override

    with _session(workspace) as session:
        taken_back = withdraw_override(session, override, reason)
        _tell([taken_back], "Taken back. The document follows Salesforce again.", as_json=as_json)


@told_plainly
def overrides(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """List what people decided otherwise than Salesforce says; each is dropped by itself once it agrees.

    Example: crossfoot queue overrides
    """
    from crossfoot.store.overrides import load_overrides

    with _session(workspace) as session, session.database.reading() as connection:
        standing = load_overrides(connection, session.organisation_id)
    decided = [each for of_one in standing.values() for each in of_one]
    _tell(decided, f"{len(decided)} in all." if decided else "None.", as_json=as_json)


COMMANDS = (
    Command("edit", edit),
    Command("approve", approve),
    Command("withdraw", withdraw),
    Command("overrides", overrides),
)

"""``restore``: go on after an old copy of the database was put back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crossfoot.cli.screen import (
    Command,
    JsonOption,
    WorkspaceOption,
    counted,
    print_json,
    told_plainly,
    writing_session,
)


@told_plainly
def restore(
    *,
    reason: Annotated[str, typer.Option(help="Why an older copy stands here; it is kept in the audit log.")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Go on with an older copy of the database: link again what Xero holds of ours. Writes to neither side.

    Example: crossfoot restore --reason "disk failed, copy of last night"
    """
    from crossfoot.engine.runs import restore as go_on

    with writing_session(workspace, as_json=as_json) as session:
        done, planned = go_on(session, reason)
    if as_json:
        print_json({**asdict(done), "planned": len(planned.operations)})
        return
    if not done.departed:
        typer.echo("Nothing shows that this is an older copy. It was looked through all the same.")
    typer.echo(f"{counted(done.linked, 'invoice')} that Crossfoot made since the copy are linked again.")
    if done.departed:
        numbered = f"entries {done.lost_from:,} to {done.lost_to:,} of the audit log, and "
        typer.echo(
            f"Lost with the newer database: {numbered if done.lost_to >= done.lost_from else ''}what people decided in "
            "the queue since. Look at `crossfoot queue ls` and take those decisions again."
        )
    typer.echo(f"`crossfoot plan` shows the {counted(len(planned.operations), 'write')} that would come next.")


COMMANDS = (Command("restore", restore),)

"""``sweep``: every id of both sides against what is stored."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from crossfoot.cli.screen import Command, JsonOption, WorkspaceOption, print_json, table, told_plainly, writing_session


@told_plainly
def sweep(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Compare every id on both sides with what is stored; what was missed is read now. Writes to neither side.

    `crossfoot serve` does it once a week. What is gone without a trace is named: a purged record, or one that is hidden
    from the integration user.

    Example: crossfoot sweep
    """
    from crossfoot.engine.reading.key_sweep import sweep_keys

    with writing_session(workspace, as_json=as_json) as session:
        found = sweep_keys(session)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        [each.side.value.capitalize(), each.object, f"{each.theirs:,}", f"{each.ours:,}", f"{len(each.missed):,}",
         f"{len(each.gone):,}"]
        for each in found
    ]  # fmt: skip
    typer.echo(table(["side", "records", "there", "stored", "read late", "gone"], rows, right=(2, 3, 4, 5)))
    for each in found:
        if each.words:
            typer.echo(each.words)


COMMANDS = (Command("sweep", sweep),)

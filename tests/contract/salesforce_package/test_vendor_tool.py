"""The vendor's own command line converts the source, to the same components as ours. ``make salesforce-convert``."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import salesforce_source

from crossfoot.salesforce.package import CORE, ORDERS, Component, load_components, pack, parse, says_the_same, unpack

SF = shlex.split(os.environ.get("CROSSFOOT_SF", ""))


def gathered(folder: Path) -> list[Component]:
    """What the vendor's tool made, as a retrieved zip would have it."""
    return unpack(Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes())


@pytest.mark.skipif(not SF, reason="CROSSFOOT_SF does not name the vendor's command line")
@pytest.mark.parametrize("part", [CORE, ORDERS])
def test_the_vendors_tool_makes_the_same_components(part: str, tmp_path: Path) -> None:
    project, out = tmp_path / "project", tmp_path / "out"
    shutil.copytree(salesforce_source.ROOT, project)
    command = [*SF, "project", "convert", "source", "--root-dir", part, "--output-dir", str(out), "--json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ours = {each.key: each for each in unpack(pack(load_components((part,))))}
    theirs = {each.key: each for each in gathered(out)}
    assert theirs.keys() == ours.keys()
    for key, component in ours.items():
        assert says_the_same(component.element, theirs[key].element), key
        assert says_the_same(theirs[key].element, component.element), key
    assert parse((out / "package.xml").read_bytes()).findtext("version")

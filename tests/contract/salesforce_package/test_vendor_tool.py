"""The vendor's own tools: its command line converts the source to the same components as ours, its linter and compiler
find nothing in the Lightning components. ``make salesforce-convert`` and ``make salesforce-lint``."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import salesforce_source

from crossfoot.salesforce.package import (
    BILLS,
    CORE,
    ORDERS,
    Component,
    load_components,
    pack,
    parse,
    says_the_same,
    unpack,
)

SF = shlex.split(os.environ.get("CROSSFOOT_SF", ""))


def gathered(folder: Path) -> list[Component]:
    """What the vendor's tool made, as a retrieved zip would have it."""
    return unpack(Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes())


@pytest.mark.skipif(not SF, reason="CROSSFOOT_SF does not name the vendor's command line")
@pytest.mark.parametrize("part", [CORE, ORDERS, BILLS])
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
        assert theirs[key].files == component.files, key
        assert says_the_same(component.element, theirs[key].element), key
        assert says_the_same(theirs[key].element, component.element), key
    assert parse((out / "package.xml").read_bytes()).findtext("version")


LWC = os.environ.get("CROSSFOOT_LWC", "")
COMPONENTS = salesforce_source.ROOT / CORE / "main" / "default" / "lwc"


@pytest.mark.skipif(not LWC, reason="CROSSFOOT_LWC does not name a folder with the vendor's linter and compiler")
@pytest.mark.parametrize(
    "command",
    [
        ["npx", "eslint", "--max-warnings", "0", "lwc"],
        ["node", "compile.mjs", "lwc"],
        ["npx", "prettier", "--check", "lwc/**/*.{js,html}"],
    ],
    ids=["linter", "compiler", "formatter"],
)
def test_the_vendors_tools_find_nothing_in_the_components(command: list[str], tmp_path: Path) -> None:
    for each in (Path(__file__).parent / "node").iterdir():
        shutil.copy(each, tmp_path)
    shutil.copytree(COMPONENTS, tmp_path / "lwc")
    shutil.copy(salesforce_source.ROOT / ".prettierrc", tmp_path)
    (tmp_path / "node_modules").symlink_to(Path(LWC).resolve() / "node_modules")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""The documentation keeps up with the code: generated pages, links, commands, scopes, fields and dependencies."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer

from crossfoot.core.findings import REASONS
from crossfoot.core.policy import Brake
from crossfoot.emulators.salesforce import package
from crossfoot.mapping.settings import BrakeRule
from crossfoot.salesforce import oauth as salesforce_oauth
from crossfoot.xero import oauth as xero_oauth

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
CONNECT = DOCS / "how-to" / "connect-real-accounts.md"

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`(crossfoot [^`]*)`")
_CONSOLE = re.compile(r"^\$ (crossfoot .*)$", re.MULTILINE)
_COMMENT_OR_EXAMPLE = re.compile(r"[A-Z…\"'<./-]|\d")
_NEVER_ON_SCREEN = re.compile(r"\b(tenants?|watermarks?|dead letters?|epochs?)\b", re.IGNORECASE)
_FOR_DEVELOPERS = ("vendors", "adr", "promises.md", "emulator-xero.md", "emulator-salesforce.md")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "name",
    [
        "reasons.md",
        "crossfoot-yaml.md",
        "crossfoot.schema.json",
        "commands.md",
        "emulator-xero.md",
        "emulator-salesforce.md",
    ],
)
def test_a_generated_page_says_what_the_code_says(name: str) -> None:
    found = run_tool("tools/generate_docs.py", "--check", "--only", name)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    for target in _LINK.findall(_FENCE.sub("", text_of(page))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the usual viewers make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).strip().replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = (target.partition("#")[0] for target in _LINK.findall(text_of(page)))
        waiting += [(page.parent / target).resolve() for target in links if target and ":" not in target]
    assert sorted(name_of(page) for page in set(DOCS.rglob("*.md")) - reached) == []


def command_line() -> Any:
    from crossfoot.cli.app import app

    return typer.main.get_command(app)


def said_commands() -> Iterator[tuple[str, str]]:
    """Every ``crossfoot ...`` in the documentation and in the words on screen, with where it stands."""
    for page in PAGES:
        text = text_of(page)
        for said in [*_CODE.findall(_FENCE.sub("", text)), *_CONSOLE.findall(text)]:
            yield name_of(page), said
    for code, reason in REASONS.items():
        for said in _CODE.findall(reason.fix):
            yield f"reason {code}", said


def problem_with(said: str, root: Any) -> str:
    """Why a command line cannot be typed like that, or nothing."""
    command = root
    words = said.split()[1:]
    while words and getattr(command, "commands", None):
        if words[0] in command.commands:
            command = command.commands[words.pop(0)]
        elif words[0].startswith("-") or _COMMENT_OR_EXAMPLE.match(words[0]):
            break
        else:
            return f"there is no command {words[0]!r}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if word.startswith("--") and word not in {*known, "--help"}]
    return f"there is no option {', '.join(unknown)}" if unknown else ""


def test_every_command_in_the_docs_exists() -> None:
    root = command_line()
    said = list(said_commands())
    assert len(said) > 50
    assert [(where, text, problem) for where, text in said if (problem := problem_with(text, root))] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    root = command_line()
    assert problem_with("crossfoot queue list", root)
    assert problem_with("crossfoot sync --hard", root)
    assert not problem_with('crossfoot queue ignore 12 --reason "why" --until 2027-01-31', root)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_words_that_mean_two_things_are_not_used(page: Path) -> None:
    if any(part in _FOR_DEVELOPERS for part in page.parts):
        return
    prose = re.sub(r"`[^`]*`", "", _FENCE.sub("", text_of(page)))
    assert _NEVER_ON_SCREEN.findall(prose) == []


def test_the_guide_names_every_scope_with_its_reason() -> None:
    guide = text_of(CONNECT)
    for scope, reason in (xero_oauth.SCOPES | xero_oauth.scopes(payments=True)).items():
        assert f"| `{scope}` | {reason}" in guide
    for scope in salesforce_oauth.SCOPES:
        assert f"({scope})" in guide


def test_every_field_that_crossfoot_brings_is_in_the_reference() -> None:
    page = text_of(DOCS / "reference" / "salesforce-package.md") + text_of(CONNECT)  # or an org's own, in the guide
    fields = {
        field.name for declared in package.DECLARATIONS for field in declared.fields if field.name.endswith("__c")
    }
    assert sorted(name for name in fields if f"`{name}`" not in page) == []


def test_every_dependency_says_what_it_is_for() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["cdc"], *extras["postgres"]]
    needed = {re.split(r"[<>=\[;]", line)[0] for line in lines}
    explained = set(
        re.findall(r"^\| ([a-z0-9.-]+) \|", text_of(DOCS / "explanation" / "dependencies.md"), re.MULTILINE)
    )
    assert explained == needed


def test_the_brake_is_described_with_the_limits_it_has() -> None:
    brake, written = Brake(), BrakeRule()
    assert {name: getattr(written, name) for name in BrakeRule.model_fields} == {
        name: getattr(brake, name) for name in BrakeRule.model_fields
    }
    told = " ".join(text_of(DOCS / "explanation" / "how-books-stay-safe.md").split())
    assert f"create more than {brake.creations} invoices or {brake.amount:,}" in told
    assert f"change more than {brake.changes} (or {brake.changed_percent_of_links} %" in told
    assert f"create more than {brake.first_live_run} on the first live run" in told


def test_the_schema_takes_the_file_of_the_template_and_refuses_a_wrong_one() -> None:
    import json

    schema = json.loads(text_of(DOCS / "reference" / "crossfoot.schema.json"))
    flows: dict[str, Any] = {
        "customers": {"fields": {"Name": "Name"}},
        "products": {"fields": {"Code": "ProductCode", "Name": "Name"}},
        "invoices": {
            "when": "IsWon",
            "won_at": "CreatedDate",
            "fields": {"Name": "Name"},
            "lines": {"from": "OpportunityLineItems", "fields": {"Phone": {"from": "Phone", "as": "phone"}}},
        },
    }
    file = {"crossfoot": 1, "salesforce": "a", "xero": ["b"], "start_date": "2026-11-21", "flows": flows}
    jsonschema.validate(file, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**file, "prices": "net"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**file, "flow": flows}, schema)


def test_the_guide_to_the_code_names_every_module_of_the_engine() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where a change belongs")[2].partition("\n## ")[0]
    rows = [row.split("|")[2:4] for row in table.splitlines() if row.startswith("| ") and "`" in row]
    named = [(room.strip(" `"), name) for room, modules in rows for name in re.findall(r"`(\w+)`", modules)]
    modules = [path for path in (ROOT / "src/crossfoot/engine").rglob("*.py") if path.stem != "__init__"]
    assert sorted(named) == sorted((path.parent.name, path.stem) for path in modules)

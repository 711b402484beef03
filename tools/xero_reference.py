"""The emulator's reference page, written from its tables, its docstrings and the messages in its source.

A message is found where the code says it (``check.refuse("...")`` and the like) and cites the nearest fact: that of its
function, else of its module. A message without one is an error, so that nothing is imitated that nobody can look up.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossfoot.emulators import controls, fault_kinds
from crossfoot.emulators.xero import acts, api, control, documents, identity, movements, nested, papers, reports
from crossfoot.emulators.xero.coverage import NOT_COVERED
from crossfoot.emulators.xero.fields import Field, Fields
from crossfoot.emulators.xero.kinds import Kind

SOURCE = Path(api.__file__).parent
# Who tells a client why not -> what the message comes with
SPEAKERS: Mapping[str, str] = {
    "refuse": "refused",
    "warn": "warning",
    "bad_data": "400, ErrorNumber 14",
    "bad_query": "400, ErrorNumber 16",
    "idempotency_error": "400",
    "unauthorized": "401",
    "forbidden": "403",
}
OURS = frozenset({"control", "webhook_screens", "acts"})  # the control plane speaks for itself, not for Xero
_CITATION = re.compile(r"XERO (\d+(?:\.\d+)?(?:(?:, | to )\d+(?:\.\d+)?)*)")
_PLACEHOLDER = "…"


class UncitedError(ValueError):
    """Messages that cite no fact, each with its place."""


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence that a client may be told, where it is said, and the fact it imitates."""

    text: str
    effect: str
    module: str
    fact: str


@dataclass(frozen=True)
class _Scope:
    """A function with the text that may cite its facts, and the names it gives to texts."""

    module: str
    cited: str
    names: Mapping[str, list[ast.expr]] = field(default_factory=dict)


def citation(text: str) -> str:
    """The sections that a text cites, as ``4.1, 3.3``; empty without one."""
    found = [part for group in _CITATION.findall(text) for part in group.split(", ")]
    return ", ".join(dict.fromkeys(found))


def messages(folder: Path = SOURCE) -> list[Message]:
    """Every message in the emulator's source. Raises UncitedError when one cites nothing."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))}
    constants = {name: [value] for tree in trees.values() for name, value in _assigned(tree.body)}
    found, uncited = [], []
    for path, tree in trees.items():
        if path.stem in OURS:
            continue
        source = path.read_text(encoding="utf-8")
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            fact = citation(ast.get_source_segment(source, function) or "") or citation(ast.get_docstring(tree) or "")
            names: dict[str, list[ast.expr]] = dict(constants)
            for name, value in _assigned(ast.walk(function)):
                names[name] = [*names.get(name, []), value] if name not in constants else [value]
            for text, effect in _said(function, names):
                found.append(Message(text, effect, path.stem, fact))
                if not fact:
                    uncited.append(f"{path.name}:{function.lineno}: {text}")
    if uncited:
        raise UncitedError("these messages cite no fact (XERO n.n) in their function or module:\n" + "\n".join(uncited))
    return sorted(set(found), key=lambda message: (message.module, message.effect, message.text))


def _assigned(nodes: Iterator[ast.AST] | Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
        elif isinstance(node, ast.For):  # for name, message in messages.items()
            yield from ((name.id, node.iter) for name in ast.walk(node.target) if isinstance(name, ast.Name))


def _said(function: ast.FunctionDef, names: Mapping[str, list[ast.expr]]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args:
            speaker = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if speaker in SPEAKERS:
                yield from ((text, SPEAKERS[speaker]) for text in _texts(node.args[0], names))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "Message":
                    yield from ((text, "refused") for text in _texts(value, names))


def _texts(node: ast.expr, names: Mapping[str, list[ast.expr]], depth: int = 0) -> Iterator[str]:
    """What an expression may say; what it passes on from elsewhere is found where it is said."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if " " in node.value:
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else _PLACEHOLDER for part in node.values)
        text = "".join(str(part) for part in parts)
        if text.strip(_PLACEHOLDER + " "):
            yield text
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, names, depth)
        yield from _texts(node.orelse, names, depth)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value, names, depth)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _texts(node.func.value, names, depth)
    elif isinstance(node, ast.Name) and depth < 3:
        for value in names.get(node.id, []):
            yield from _texts(value, names, depth + 1)


def page() -> str:
    """The whole page."""
    parts = (
        _head(),
        _sign_in(),
        _endpoints(),
        _around(),
        _resources(),
        _rules(),
        _messages(),
        _control(),
        _faults(),
        _gaps(),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _head() -> Iterator[str]:
    yield from (
        "# The Xero emulator",
        "",
        "Generated by `tools/generate_docs.py`; do not edit. What the emulator answers to, which rules it keeps and",
        "what it leaves out. Numbers such as 4.3 are sections of [the facts](../vendors/xero.md) that it imitates.",
        "[Use the emulators](../how-to/use-the-emulators.md) says how to start it.",
    )


def _table(*heads: str) -> tuple[str, str]:
    return f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _sign_in() -> Iterator[str]:
    yield from ("", "## Signing in", "", *_table("Request", "Meaning", "Facts"))
    for (method, path), route in identity.IDENTITY_ROUTES.items():
        yield _documented(f"`{method} {path}`", route, identity.__doc__ or "")
    yield _documented("`GET /connections`, `DELETE /connections/{id}`", identity.connections, "")


def _documented(shown: str, function: Any, module: str) -> str:
    told = _first(function.__doc__ or "")
    return f"| {shown} | {_cell(_CITED.sub('', told))} | {citation(function.__doc__ or '') or citation(module)} |"


_CITED = re.compile(r"\s*\((?:[^()]*; )?XERO [^)]*\)")


def _first(text: str) -> str:
    """The first paragraph of a docstring."""
    return " ".join(text.strip().split("\n\n")[0].split())


def _endpoints() -> Iterator[str]:
    yield from ("", "## Endpoints", "", "Below `/api.xro/2.0`, each with `xero-tenant-id`; names ignore case.", "")
    yield from _table("Path", "Methods", "Scopes (one of them)")
    for kind in api.KINDS.values():
        verbs, scopes = _verbs(kind), ", ".join(f"`{family}`" for family in kind.families)
        yield f"| `/{kind.plural}` | {', '.join(verbs)} | {scopes} |"
        single = [verb for verb in ("GET", *verbs[1:]) if verb != "PUT"]
        if kind.plural in api.DELETABLE:
            single.append("DELETE")
        if kind.by_id:
            yield f"| `/{kind.plural}/{{{_reference(kind)}}}` | {', '.join(single)} | {scopes} |"
    yield "| `/Organisation`, `/Organisation/Actions` | GET | `accounting.settings` |"
    for name, report in reports.REPORTS.items():
        yield f"| `/Reports/{name}` | GET | `{report.family}` |"


def _around() -> Iterator[str]:
    yield from ("", "## Around a record", "", "Below a record's path, with the scopes of its resource.", "")
    yield from _table("Below", "Of", "Meaning", "Facts")
    for name, (plurals, answer) in nested.NESTED.items():
        where = ", ".join(sorted(plurals)) if plurals is not None else "all that have a history"
        told = answer.__doc__ or sys.modules[answer.__module__].__doc__ or ""
        yield f"| `/{name}` | {where} | {_cell(_CITED.sub('', _first(told)))} | {citation(told)} |"


def _verbs(kind: Kind) -> list[str]:
    """What an app may ask of the list; people may write where apps may not."""
    return [verb for verb in ("GET", "PUT", "POST") if verb in kind.verbs and (verb == "GET" or not kind.people_only)]


def _reference(kind: Kind) -> str:
    return f"{kind.id_field} or {kind.number_index.removeprefix('Any')}" if kind.number_index else kind.id_field


def _resources() -> Iterator[str]:
    yield from (
        "",
        "## Resources",
        "",
        "A member marked *read only* may be filtered and ordered by; it is ignored when sent.",
    )
    for kind in api.KINDS.values():
        yield from ("", f"### {kind.plural}", "", " ".join(_traits(kind)))
        if kind.fields:
            yield from ("", *_table("Member", "Value"), *_members(kind.fields, ""))


def _traits(kind: Kind) -> Iterator[str]:
    yield f"Known by `{_reference(kind)}`."
    if kind.match:
        rule = _first(kind.match.__doc__ or "A rule of its own says what a POST without the id means.")
        yield _cell(_CITED.sub("", rule))
    if kind.people_only:
        yield "Read only for apps; people may write."
    if kind.one_per_call:
        yield "One element to a call."
    yield "Paged." if kind.paged else "Never paged."
    if kind.lists:
        yield f"Filters: {', '.join(f'`{name}`' for name in kind.lists)}."
    if kind.searched:
        yield f"`searchTerm` looks at {', '.join(f'`{name}`' for name in kind.searched)}."
    if not kind.modified_since:
        yield "If-Modified-Since is ignored."
    if kind.event:
        yield f"Webhook category `{kind.event}`."


def _members(fields: Fields, prefix: str) -> Iterator[str]:
    for name, declared in fields.items():
        yield f"| `{prefix}{name}` | {_value(declared)} |"
        yield from _members(declared.members, f"{prefix}{name}.")


def _value(declared: Field) -> str:
    told = {
        "text": "text" + (f", at most {declared.max} characters" if declared.max else ""),
        "choice": "one of " + ", ".join(f"`{value}`" for value in declared.choices),
        "rows": "list" + (f" of at most {declared.max}" if declared.max else ""),
    }.get(declared.kind, declared.kind)
    return told + (", *read only*" if declared.read_only else "")


def _statuses() -> Iterator[str]:
    yield from (
        "",
        "## Statuses",
        "",
        "What a status becomes by a client's wish; PAID is the system's (4.3, 4.15 to 4.17).",
    )
    papers_of = {
        name: paper.statuses
        for paper in vars(papers).values()
        if isinstance(paper, papers.Paper)
        for name in [paper.plural]
    }
    tables = {"Invoices, CreditNotes": documents.TRANSITIONS, "ManualJournals": movements.JOURNAL_STATUSES, **papers_of}
    for name, moves in tables.items():
        yield from ("", *_table(f"{name}: from", "to"))
        for before, after in moves.items():
            yield f"| {before or 'new'} | {', '.join(sorted(after)) or 'final'} |"


def _rules() -> Iterator[str]:
    yield from ("", "## Rules", "", "What the code says of itself, wherever it names the fact that it imitates.", "")
    yield from _table("Module", "Rule", "Facts")
    for path in sorted(SOURCE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                told = ast.get_docstring(node) or ""
                if citation(told):
                    yield f"| {path.stem} | {_cell(_CITED.sub('', _first(told)))} | {citation(told)} |"


def _messages() -> Iterator[str]:
    yield from ("", "## Messages", "", f"`{_PLACEHOLDER}` stands for what differs from case to case.", "")
    yield from _table("Said by", "Message", "Comes with", "Facts")
    for message in messages():
        yield f"| {message.module} | {_cell(message.text)} | {message.effect} | {message.fact} |"


def _control() -> Iterator[str]:
    yield from ("", "## Control plane", "", "On this machine only, without a token; no part of Xero's API.", "")
    yield from _table("Request", "Meaning")
    for (method, path), route in control._ROUTES.items():
        told = (
            getattr(route, "__doc__", None) or sys.modules[getattr(route, "__module__", control.__name__)].__doc__ or ""
        )
        yield f"| `{method} {path}` | {_cell(_first(told))} |"
    yield f"| `GET, POST {controls.CLOCK_PATH}` | {_cell(_first(controls.clock_control.__doc__ or ''))} |"
    yield from (
        "",
        "What a person does in Xero's own screens, as the `path` of `POST /control/person`; any request of the",
    )
    yield from ("API is taken there too, without quota, scope or token.", "", *_table("Screen", "Meaning"))
    for (method, place, below), screen in control._SCREENS.items():
        shown = f"/{place}/{{id}}/{below}" if below else f"/{place}"
        yield f"| `{method} {shown}` | {_cell(_first(screen.__doc__ or ''))} |"


def _faults() -> Iterator[str]:
    yield from (
        "",
        "## Faults",
        "",
        "`crossfoot emulator fault` switches them on.",
        "",
        *_table("Fault", "Where", "What happens", "Settings"),
    )
    for name, kind in {**fault_kinds.WIRE_FAULTS, **fault_kinds.XERO_FAULTS}.items():
        told = "; ".join(f"`{setting}`: {found.text}" for setting, found in kind.settings.items())
        act = acts.ACTS.get(name)
        fact = citation(getattr(act, "__doc__", None) or "")
        yield f"| `{name}` | {kind.place} | {_cell(kind.does)}{f' ({fact})' if fact else ''} | {_cell(told)} |"


def _gaps() -> Iterator[str]:
    yield from ("", "## Not covered", "", *_table("What Xero has", "What happens instead", "Facts"))
    for gap in NOT_COVERED:
        yield f"| {gap.what} | {gap.instead} | {citation(gap.section)} |"

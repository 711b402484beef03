"""What the reference pages of both emulators share: citations, the messages in their source, and tables.

A message is found where the code says it (``check.refuse("...")`` and the like) and cites the nearest fact: that of its
function, else of its module. A message without one is an error, so that nothing is imitated that nobody can look up.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLACEHOLDER = "…"
_SECTIONS = r"(\d+(?:\.\d+)?(?:(?:, | to |-)\d+(?:\.\d+)?)*)"
_CITATION = re.compile(rf"(?:XERO|SF) {_SECTIONS}")
_CITED = re.compile(r"\s*\((?:[^()]*; )?(?:XERO|SF) [^)]*\)")

Names = Mapping[str, list[ast.expr]]


class UncitedError(ValueError):
    """Messages that cite no fact, each with its place."""


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence that a client may be told, where it is said, and the fact it imitates."""

    text: str
    effect: str
    module: str
    fact: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who tells a client why not: what that comes with, and which arguments are the message and the error's code.

    A keyword argument ``status`` stands for ``effect`` where the code has one.
    """

    effect: str
    message: int = 0
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """An emulator's code: its folder, the speakers in it by name, and the modules that speak for themselves.

    ``member`` is what a message is called where it stands in a dict.
    """

    tag: str
    folder: Path
    speakers: Mapping[str, Speaker]
    ours: frozenset[str]
    member: str = ""

    def modules(self) -> Iterator[tuple[str, str, ast.Module]]:
        """Name, text and tree of each module, in the order of their paths."""
        for path in sorted(self.folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(self.folder).with_suffix("").as_posix(), text, ast.parse(text)


@dataclass(frozen=True, slots=True)
class _Scope:
    """A stretch of code with its line, the fact that it cites and the names that it gives to texts."""

    nodes: Sequence[ast.AST]
    line: int
    fact: str
    names: Names = field(default_factory=dict)


def citation(text: str) -> str:
    """The sections that a text cites, as ``4.1, 3.3``; empty without one."""
    found = [part for group in _CITATION.findall(text) for part in group.replace("-", " to ").split(", ")]
    return ", ".join(dict.fromkeys(found))


def uncited(text: str) -> str:
    """A text without the citations in parentheses."""
    return _CITED.sub("", text)


def cited_sections(page: str) -> set[str]:
    """Every section in the last column of a page's tables."""
    rows = re.findall(r"\| ([\d., to]+) \|$", page, re.MULTILINE)
    return {part for row in rows for part in re.findall(r"\d+(?:\.\d+)?", row)}


def unstated_sections(page: str, facts: str) -> list[str]:
    """Sections that a page cites and the vendor's facts do not restate."""
    return [
        part
        for part in sorted(cited_sections(page))
        if not re.search(rf"^(\*\*|##+ ){re.escape(part)}[ .*]", facts, re.MULTILINE)
    ]


def first(text: str) -> str:
    """The first paragraph of a docstring."""
    return " ".join(text.strip().split("\n\n")[0].split())


def summary(text: str) -> str:
    """The first paragraph of a docstring as a table shows it."""
    return cell(uncited(first(text)))


def table(*heads: str) -> tuple[str, str]:
    return f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def rules(source: Source) -> Iterator[str]:
    """What the code says of itself, wherever it names the fact that it imitates."""
    yield from ("", "## Rules", "", "What the code says of itself, wherever it names the fact that it imitates.", "")
    yield from table("Module", "Rule", "Facts")
    for module, _, tree in source.modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                text = ast.get_docstring(node) or ""
                if citation(text):
                    yield f"| {module} | {summary(text)} | {citation(text)} |"


def message_table(source: Source) -> Iterator[str]:
    """Every message with what it comes with."""
    yield from ("", "## Messages", "", f"`{PLACEHOLDER}` stands for what differs from case to case.", "")
    yield from table("Said by", "Message", "Comes with", "Facts")
    for message in messages(source):
        yield f"| {message.module} | {cell(message.text)} | {message.effect} | {message.fact} |"


def messages(source: Source) -> list[Message]:
    """Every message in the emulator's source. Raises UncitedError when one cites nothing."""
    modules = list(source.modules())
    constants = {name: [value] for _, _, tree in modules for name, value in _assigned(tree.body)}
    found, lacking = set(), []
    for module, text, tree in modules:
        if module in source.ours:
            continue
        own = {name: [value] for name, value in _assigned(tree.body)}
        for scope in _scopes(tree, text, {**constants, **own}):
            for said, effect in _said(source, scope):
                found.add(Message(said, effect, module, scope.fact))
                if not scope.fact:
                    lacking.append(f"{module}.py:{scope.line}: {said}")
    if lacking:
        shown = "\n".join(lacking)
        raise UncitedError(f"these messages cite no fact ({source.tag} n.n) in their function or module:\n{shown}")
    return sorted(found, key=lambda message: (message.module, message.effect, message.text, message.fact))


def _scopes(tree: ast.Module, text: str, constants: Names) -> Iterator[_Scope]:
    """Each function, and what stands outside of all."""
    of_module = citation(ast.get_docstring(tree) or "")
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    yield _Scope([each for node in outside for each in ast.walk(node)], 1, of_module, constants)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        names = dict(constants)
        for name, value in _assigned(nodes):
            names[name] = [*names.get(name, []), value] if name not in constants else [value]
        fact = citation(ast.get_source_segment(text, function) or "") or of_module
        yield _Scope(nodes, function.lineno, fact, names)


def _assigned(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
        elif isinstance(node, ast.For):  # for name, message in messages.items()
            yield from ((name.id, node.iter) for name in ast.walk(node.target) if isinstance(name, ast.Name))


def _said(source: Source, scope: _Scope) -> Iterator[tuple[str, str]]:
    for node in scope.nodes:
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            speaker = source.speakers.get(name)
            if speaker is not None and len(node.args) > speaker.message:
                effect = _effect(node, speaker, scope.names)
                yield from ((text, effect) for text in _texts(node.args[speaker.message], scope.names))
        elif isinstance(node, ast.Dict) and source.member:
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == source.member:
                    yield from ((text, "refused") for text in _texts(value, scope.names))


def _effect(call: ast.Call, speaker: Speaker, names: Names) -> str:
    """What a message comes with: the codes that it may have, and the status."""
    status = next((each.value for each in call.keywords if each.arg == "status"), None)
    effect = str(status.value) if isinstance(status, ast.Constant) else speaker.effect
    if speaker.code is None:
        return effect
    codes = " or ".join(f"`{code}`" for code in dict.fromkeys(_texts(call.args[speaker.code], names, words=True)))
    return ", ".join(part for part in (codes, effect) if part)


def _texts(node: ast.expr, names: Names, depth: int = 0, *, words: bool = False) -> Iterator[str]:
    """What an expression may say; what it passes on from elsewhere is found where it is said.

    A message that a name stands for has a space in it; a code (``words``) has none.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if (" " not in node.value) if words else (" " in node.value or depth == 0):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
        text = "".join(str(part) for part in parts)
        if text.strip(PLACEHOLDER + " "):
            yield text
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, names, depth, words=words)
        yield from _texts(node.orelse, names, depth, words=words)
    elif isinstance(node, ast.BinOp):  # what is added goes into detail
        yield from _texts(node.left, names, depth, words=words)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value, names, depth, words=words)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _texts(node.func.value, names, depth, words=words)
    elif isinstance(node, ast.Name) and depth < 3:
        for value in names.get(node.id, []):
            yield from _texts(value, names, depth + 1, words=words)

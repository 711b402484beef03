"""One deployment carried out: each component judged against a draft, and the draft adopted, or not (SF 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.metadata import rows
from crossfoot.emulators.salesforce.metadata.archive import DESTRUCTIVE, MANIFEST, Package, Problem, read_packages
from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.objects import Missing
from crossfoot.emulators.salesforce.metadata.selection import Member, members_of, select
from crossfoot.emulators.salesforce.metadata.types import BY_NAME, ORDER
from crossfoot.emulators.salesforce.transaction import Caller, Transaction
from crossfoot.emulators.salesforce.world import World

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a deployment that change what it does. Clients write some booleans as text (SF 8.2)."""

    check_only: bool = False
    rollback: bool = True
    single: bool = False
    allow_missing: bool = False
    auto_update: bool = False
    ignore_warnings: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        def is_on(name: str, default: bool = False) -> bool:
            return str(given.get(name, default)).lower() == "true"

        return cls(
            check_only=is_on("checkOnly"),
            rollback=is_on("rollbackOnError"),
            single=is_on("singlePackage"),
            allow_missing=is_on("allowMissingFiles"),
            auto_update=is_on("autoUpdatePackage"),
            ignore_warnings=is_on("ignoreWarnings"),
        )


@dataclass(slots=True)
class Outcome:
    """What a deployment did, as DeployMessages: one for each component and one for each manifest."""

    messages: list[Message]
    success: bool
    applied: bool

    @property
    def components(self) -> list[Message]:
        return [each for each in self.messages if each["componentType"]]


def deploy(world: World, caller: Caller, now: datetime, files: Mapping[str, bytes], options: Options) -> Outcome:
    """Deploy the packages of a zip at this instant. An ArchiveError means that there was nothing to deploy."""
    run = Run(world, now)
    for package in read_packages(files, single=options.single):
        run.package(package, options)
    return run.finish(caller, options)


class Run:
    """One deployment under way: the draft so far, and what is to be told of it."""

    def __init__(self, world: World, now: datetime) -> None:
        self._draft = Draft(world)
        self._now = now.replace(microsecond=0)
        self._messages: list[Message] = []
        self._touched: list[tuple[str, str]] = []

    def package(self, package: Package, options: Options) -> None:
        chosen = select(package, allow_missing=options.allow_missing, auto_update=options.auto_update)
        start = f"{package.folder}/" if package.folder else ""
        for name, first in DESTRUCTIVE.items():
            if first and name in package.destructive:
                self._delete(members_of(package.destructive[name], name, package.problems), start + name)
        for component in _in_turn(chosen):
            self.component(component)
        for name, first in DESTRUCTIVE.items():
            if not first and name in package.destructive:
                self._delete(members_of(package.destructive[name], name, package.problems), start + name)
        self._tell(start + MANIFEST, "", MANIFEST, success=True)
        for problem in package.problems:
            self._refuse(problem)

    def component(self, component: Component) -> Message:
        """Judge one component and take it into the draft."""
        kind, draft = BY_NAME[component.type], self._draft
        known = draft.find(component.type, component.name)
        existed = known is not None or rows.existed(draft, component)
        try:
            kind.apply(draft, component)
        except Refusal as refusal:
            return self._refuse(_problem(component, refusal))
        stored = component.stored
        changed = known is None or any(known[each] != stored[each] for each in stored)
        entry = {"file": component.file, "created": self._now, **(known or {}), **stored}
        entry["id"] = (known or {}).get("id") or rows.known_id(draft, component) or draft.world.next_id(kind.prefix)
        if changed:
            entry["modified"] = self._now
            self._touched.append((component.type, component.name))
        draft.put(component, entry)
        return self._tell(
            component.file,
            component.type,
            component.name,
            success=True,
            id=entry["id"],
            changed=changed,
            created=not existed,
        )

    def delete(self, kind: str, name: str, file: str) -> Message:
        """Take one component out of the draft. One that is not there is a warning."""
        draft = self._draft
        known = draft.find(kind, name)
        component = Component(kind, name, file, rows.EMPTY)
        try:
            delete: Callable[[Draft, Component], None] | None = BY_NAME[kind].delete
            if delete is not None:
                delete(draft, component)
            elif known is None:
                raise Missing(f"No {kind} named: {name} found")
            rows.check_deletable(draft, component)
        except Missing as missing:
            warned = {"problem": missing.problem, "problemType": "Warning", "warning": True}
            return self._tell(file, kind, name, success=True, **warned)
        except Refusal as refusal:
            return self._refuse(_problem(component, refusal))
        draft.remove(kind, name)
        self._touched.append((kind, name))
        return self._tell(file, kind, name, success=True, id=(known or {}).get("id"), changed=True, deleted=True)

    def finish(self, caller: Caller, options: Options) -> Outcome:
        """Adopt the draft when nothing failed, or when what succeeded is wanted all the same."""
        failed = any(not each["success"] for each in self._messages)
        warned = any(each["warning"] for each in self._messages) and not options.ignore_warnings
        succeeded = any(each["success"] and each["componentType"] for each in self._messages)
        applied = not options.check_only and (not failed or (not options.rollback and succeeded))
        if applied:
            self._draft.adopt()
            tx = Transaction(self._draft.world, caller, self._now)
            rows.settle(tx, self._draft, self._touched)
        return Outcome(self._messages, success=not failed and not (warned and options.check_only), applied=applied)

    def _delete(self, members: Iterable[Member], file: str) -> None:
        for each in sorted(members, key=lambda member: -ORDER[member.type]):
            self.delete(each.type, each.name, file)

    def _refuse(self, problem: Problem) -> Message:
        return self._tell(
            problem.file,
            problem.type,
            problem.name or problem.file,
            success=False,
            problem=problem.text,
            problemType="Error",
            lineNumber=problem.line or None,
            columnNumber=problem.column or None,
        )

    def _tell(self, file: str, kind: str, name: str, *, success: bool, **values: Any) -> Message:
        message: Message = {
            "changed": False,
            "columnNumber": None,
            "componentType": kind,
            "created": False,
            "createdDate": f"{self._now:%Y-%m-%dT%H:%M:%S}.000Z",
            "deleted": False,
            "fileName": file,
            "fullName": name,
            "id": None,
            "lineNumber": None,
            "problem": None,
            "problemType": None,
            "requiresProductionTestRun": False,
            "success": success,
            "warning": False,
            **values,
        }
        self._messages.append(message)
        return message


def _in_turn(components: list[Component]) -> Iterator[Component]:
    """Types in their order, and within them computed fields last, each after those that it is computed from."""
    ordered = sorted(components, key=lambda each: (ORDER[each.type], _is_computed(each), each.name))
    waiting = [each for each in ordered if _is_computed(each)]
    for component in ordered:
        if component not in waiting:
            yield component
            continue
        while component in waiting:
            free = (each for each in waiting if not any(_uses(each, other) for other in waiting if other is not each))
            chosen = next(free, component)
            waiting.remove(chosen)
            yield chosen


def _is_computed(component: Component) -> bool:
    root = component.root
    return component.type == "CustomField" and (root.one("formula") is not None or root.get("type") == "Summary")


def _uses(component: Component, other: Component) -> bool:
    name = other.name.partition(".")[2]
    return name in component.root.get("formula") or name in component.root.get("summarizedField")


def _problem(component: Component, refusal: Refusal) -> Problem:
    return Problem(component.file, refusal.problem, refusal.line, refusal.column, component.type, component.name)


NO_TESTS: Mapping[str, Any] = {
    "apexLogId": None,
    "codeCoverage": [],
    "codeCoverageWarnings": [],
    "failures": [],
    "flowCoverage": [],
    "flowCoverageWarnings": [],
    "numFailures": 0,
    "numTestsRun": 0,
    "successes": [],
    "totalTime": Decimal("0.0"),
}

"""Scenario files: what an emulated pair of Salesforce and Xero holds when it starts.

A scenario is a YAML or JSON mapping (or the same shape built in Python) of ``clock``, ``start_date``, ``seed`` and, per
side, object name to records in the vendor's own field names. This module reads and checks that shape; ``play`` carries
it out. Numbers become Decimal and dates stay text, so that nothing is lost on the way to the vendor's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError

SIDES = ("xero", "salesforce")
yaml_megabytes_max, json_megabytes_max = 20, 200

_TOP_LEVEL = {"clock", "start_date", "seed", *SIDES}
_REFERENCE = re.compile(r"\$[A-Za-z0-9_.-]+")
_DIRECTIVES = {"$name", "$at", "$update"}


class ScenarioError(Exception):
    """A scenario cannot be read or played; the message names file, side, object, record, field and cause."""


@dataclass(frozen=True, slots=True)
class Step:
    """One write of a scenario: create a record, or update the one that ``updates`` names."""

    side: str
    object: str
    number: int
    fields: Mapping[str, Any]
    name: str | None = None
    at: datetime | None = None
    updates: str | None = None

    @property
    def place(self) -> str:
        """Where the step stands in its file, in words."""
        return f"{self.side}, {self.object}, record {self.number}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as read. ``source`` is the name or path that messages use."""

    source: str
    clock: datetime | None = None
    start_date: date | None = None
    seed: int = 0
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    def history(self, side: str, default_at: datetime) -> list[tuple[datetime, Step]]:
        """One side's steps in the order of time; steps of one instant keep their order in the file.

        A step without an instant comes before all history: at the file's earliest instant, else at ``default_at``.
        """
        earliest = min((step.at for step in self.steps if step.at is not None), default=default_at)
        dated = [(step.at or earliest, step) for step in self.steps if step.side == side]
        return sorted(dated, key=lambda pair: pair[0])


def find_scenario(name: str) -> Scenario:
    """The scenario called ``demo`` or ``empty``, or the one in the file that ``name`` is the path of."""
    if name == "empty":
        return Scenario(source="empty")
    if name == "demo":
        from crossfoot.emulators.scenarios import demo  # noqa: PLC0415 - the demo's data is large and not always wanted

        return read_scenario(demo.build(), "demo")
    return read_scenario(_load(Path(name)), name)


def read_scenario(document: Any, source: str) -> Scenario:
    """Check a parsed document's shape. The records themselves are judged by the vendors' rules when played."""
    if not isinstance(document, dict):
        raise ScenarioError(f"{source}: a scenario is a mapping with any of {', '.join(sorted(_TOP_LEVEL))}.")
    unknown = sorted(str(key) for key in document if key not in _TOP_LEVEL)
    if unknown:
        raise ScenarioError(f"{source}: unknown key {unknown[0]!r}. Known: {', '.join(sorted(_TOP_LEVEL))}.")
    sides = {side: _mapping(document.get(side), f"{source}, {side}") for side in SIDES}
    clock = _instant(document.get("clock"), f"{source}, clock")
    seed = document.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ScenarioError(f"{source}: seed must be a whole number; got {seed!r}.")
    return Scenario(
        source=source,
        clock=clock,
        start_date=_date(document.get("start_date"), f"{source}, start_date"),
        seed=seed,
        settings={
            side: _mapping(content.get("$settings"), f"{source}, {side}, $settings") for side, content in sides.items()
        },
        steps=tuple(step for side, content in sides.items() for step in _steps(source, side, content, clock)),
    )


def references(value: Any) -> Iterator[str]:
    """The names that a value refers to: every string that is exactly ``$name``, at any depth."""
    if isinstance(value, str):
        if _REFERENCE.fullmatch(value):
            yield value[1:]
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _steps(source: str, side: str, content: Mapping[str, Any], clock: datetime | None) -> Iterator[Step]:
    for name, records in content.items():
        if name == "$settings":
            continue
        where = f"{source}: {side}, {name}"
        for number, (key, record) in enumerate(_records(records, where), start=1):
            place = f"{where}, record {number}"
            if not isinstance(record, dict):
                raise ScenarioError(f"{place}: a record is a mapping of field names to values.")
            unknown = sorted(key for key in record if str(key).startswith("$") and key not in _DIRECTIVES)
            if unknown:
                raise ScenarioError(f"{place}: unknown {unknown[0]!r}. Known: {', '.join(sorted(_DIRECTIVES))}.")
            updates = record.get("$update")
            yield Step(
                side=side,
                object=str(name),
                number=number,
                fields={field: value for field, value in record.items() if field not in _DIRECTIVES},
                name=str(record["$name"]).removeprefix("$") if "$name" in record else key,
                at=_past(_instant(record.get("$at"), f"{place}, $at"), clock, f"{place}, $at"),
                updates=None if updates is None else str(updates).removeprefix("$"),
            )


def _records(records: Any, where: str) -> list[tuple[str | None, Any]]:
    if isinstance(records, list):
        return [(None, record) for record in records]
    if isinstance(records, dict):
        return [(str(name), record) for name, record in records.items()]
    raise ScenarioError(f"{where}: expected a list of records, or a mapping of names to records.")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ScenarioError(f"{where}: expected a mapping.")
    return value


def _instant(value: Any, where: str) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise ScenarioError(f"{where}: {value!r} is no instant such as 2026-11-20T01:30:00Z.") from None
    if instant.tzinfo is None:
        raise ScenarioError(f"{where}: {value!r} needs its zone, for example Z at its end.")
    return instant.astimezone(UTC)


def _past(moment: datetime | None, clock: datetime | None, where: str) -> datetime | None:
    if moment is not None and clock is not None and moment > clock:
        raise ScenarioError(f"{where}: lies after the scenario's clock.")
    return moment


def _date(value: Any, where: str) -> date | None:
    try:
        return None if value is None else date.fromisoformat(str(value))
    except ValueError:
        raise ScenarioError(f"{where}: {value!r} is no date such as 2026-10-01.") from None


class _PlainConstructor(SafeConstructor):
    """Builds plain values: decimals exact, dates left as the text that the vendors expect."""


_PlainConstructor.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: Decimal(loader.construct_scalar(node).replace("_", ""))
)
_PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def _load(path: Path) -> Any:
    """The document in a file: JSON where the name ends so, which reads many times faster, else YAML."""
    if not path.is_file():
        raise ScenarioError(f"There is no scenario called {str(path)!r} and no such file. Use demo, empty or a path.")
    read, megabytes_max = (_json, json_megabytes_max) if path.suffix == ".json" else (_yaml, yaml_megabytes_max)
    if path.stat().st_size > megabytes_max * 1024 * 1024:
        raise ScenarioError(f"{path}: larger than {megabytes_max} MB.")
    return read(path)


def _yaml(path: Path) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainConstructor
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except (MarkedYAMLError, ArithmeticError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not readable as YAML: {error}") from None


def _json(path: Path) -> Any:
    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(path.read_bytes())
    except (msgspec.DecodeError, ArithmeticError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not readable as JSON: {error}") from None

"""The whole state of one emulated org: plain data, and the indexes that follow from it."""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from crossfoot.emulators.faults import new_faults
from crossfoot.emulators.salesforce.ids import DIGITS, make_id
from crossfoot.emulators.salesforce.schema import Schema, SObject, with_declarations
from crossfoot.emulators.salesforce.settings import filled
from crossfoot.emulators.salesforce.setup_objects import SETUP_OBJECTS
from crossfoot.emulators.salesforce.standard import standard_objects

Row = dict[str, Any]

LOG_ENTRIES_MAX = 100_000
STATUS_CATALOGUES = {"801": "OrderStatus", "800": "ContractStatus"}
ACCESS_OBJECTS = frozenset({"User", *(each.name for each in SETUP_OBJECTS)})


class Index:
    """Rows by stamp, and by the value of each indexed field. Deleted rows are in it: the reader leaves them out."""

    def __init__(self) -> None:
        self._by_stamp: dict[str, list[tuple[datetime, str]]] = {}
        self._by_value: dict[tuple[str, str], dict[Any, dict[str, None]]] = {}

    def add(self, sobject: SObject, row: Row) -> None:
        insort(self._by_stamp.setdefault(sobject.name, []), (row["SystemModstamp"], row["Id"]))
        for each in sobject.fields:
            value = row.get(each.name)
            if value is not None and each.indexed:
                self._by_value.setdefault((sobject.name, each.name), {}).setdefault(each.fold(value), {})[row["Id"]] = (
                    None
                )

    def remove(self, sobject: SObject, row: Row) -> None:
        stamps, entry = self._by_stamp[sobject.name], (row["SystemModstamp"], row["Id"])
        del stamps[bisect_left(stamps, entry)]
        for each in sobject.fields:
            value = row.get(each.name)
            if value is not None and each.indexed:
                ids = self._by_value[(sobject.name, each.name)][each.fold(value)]
                del ids[row["Id"]]
                if not ids:
                    del self._by_value[(sobject.name, each.name)][each.fold(value)]

    def find(self, object_name: str, field_name: str, folded: Any) -> list[str]:
        """The ids whose indexed field has this folded value, deleted rows included."""
        return list(self._by_value.get((object_name, field_name), {}).get(folded, ()))

    def newest(self, object_name: str) -> datetime | None:
        """The last stamp of an object's rows."""
        stamps = self._by_stamp.get(object_name)
        return stamps[-1][0] if stamps else None

    def since(self, object_name: str, floor: datetime) -> Iterator[str]:
        """The ids stamped at or after ``floor``, by stamp and id."""
        stamps = self._by_stamp.get(object_name, [])
        return (record_id for _, record_id in stamps[bisect_left(stamps, (floor, "")) :])


def _new_events() -> dict[str, Any]:
    """An empty event bus."""
    return {"head": 0, "log": [], "schemas": {}, "delivered": {}, "published": {}}


@dataclass
class World:
    """One org. Every field but the derived ones is plain data; ``dump`` and ``load`` carry them."""

    seed: int
    settings: dict[str, Any]
    public_url: str = "https://harbourpoint--crossfoot.sandbox.my.salesforce.com"
    host_offset_s: int = 0
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    declarations: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    families: dict[str, dict[str, Any]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    visits: dict[str, dict[str, Any]] = field(default_factory=dict)
    logins: dict[str, dict[str, Any]] = field(default_factory=dict)
    cursors: dict[str, dict[str, Any]] = field(default_factory=dict)
    deletions: list[dict[str, Any]] = field(default_factory=list)
    grants: dict[str, str] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    usage_by_hour: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[dict[str, Any]]] = field(default_factory=new_faults)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    bulk_usage: dict[str, dict[str, int]] = field(default_factory=dict)
    retrievals: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, Any] = field(default_factory=_new_events)
    unseen: dict[str, dict[str, Any]] = field(default_factory=dict)
    strike: dict[str, Any] | None = field(init=False, default=None, repr=False, metadata={"derived": True})
    schema: Schema = field(init=False, repr=False, metadata={"derived": True})
    whole: Schema = field(init=False, repr=False, metadata={"derived": True})  # also behind a narrower view
    index: Index = field(init=False, repr=False, metadata={"derived": True})
    compiled: dict[str, Any] = field(init=False, repr=False, metadata={"derived": True})

    def __post_init__(self) -> None:
        self.declare()

    def declare(self, *added: Mapping[str, Any]) -> None:
        """Add declarations of objects and fields, and derive schema and indexes anew."""
        self.declarations.extend(dict(each) for each in added)
        objects = standard_objects(filled(self.seed, self.settings)) + SETUP_OBJECTS
        self.whole = self.schema = with_declarations(objects, self.declarations)
        self.index = Index()
        self.compiled = {}
        for name, rows in self.rows.items():
            sobject = self.object(name)
            for row in rows.values():
                self.index.add(sobject, row)

    def dump(self) -> dict[str, Any]:
        """The state as plain data that shares no mutable part with this world."""
        return {each.name: _copy(getattr(self, each.name)) for each in fields(self) if not each.metadata.get("derived")}

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Self:
        """The org that ``dump`` described; what its version did not have yet is as in a new one."""
        kept = {name: _copy(value) for name, value in state.items()}
        return cls(**{**kept, "settings": filled(kept["seed"], kept["settings"])})

    def object(self, name: str) -> SObject:
        """A declared object by its exact or folded name; KeyError for an unknown one."""
        return self.schema.objects[name.lower()]

    def row(self, object_name: str, record_id: str | None) -> Row | None:
        return self.rows.get(object_name, {}).get(record_id or "")

    def live(self, object_name: str, record_id: str | None) -> Row | None:
        found = self.row(object_name, record_id)
        return None if found is None or found["IsDeleted"] else found

    def put(self, sobject: SObject, row: Row) -> None:
        """Store a row in place of the one with its id. Rows are replaced, never changed in place."""
        table = self.rows.setdefault(sobject.name, {})
        old = table.get(row["Id"])
        if old is not None:
            self.index.remove(sobject, old)
        table[row["Id"]] = row
        self.index.add(sobject, row)
        if sobject.name in ACCESS_OBJECTS:
            self._forget_access()

    def drop(self, sobject: SObject, record_id: str) -> None:
        self.index.remove(sobject, self.rows[sobject.name].pop(record_id))
        if sobject.name in ACCESS_OBJECTS:
            self._forget_access()

    def _forget_access(self) -> None:
        """Who sees what is resolved again after any change of users and their grants."""
        self.compiled.pop("access", None)
        self.compiled.pop("seen", None)

    def strikes(self, kind: str) -> bool:
        """Whether the request in hand meets this fault."""
        return self.strike is not None and self.strike["kind"] == kind

    def next_number(self, name: str) -> int:
        self.counters[name] = self.counters.get(name, 0) + 1
        return self.counters[name]

    def next_id(self, key_prefix: str) -> str:
        instance = hashlib.sha256(f"instance {self.seed}".encode()).digest()
        return make_id(key_prefix, "".join(DIGITS[byte % 62] for byte in instance[:3]), self.next_number(key_prefix))

    def random_text(self, length: int) -> str:
        """The next characters of the world's seeded stream."""
        drawn = self.next_number("random")
        text = base64.urlsafe_b64encode(hashlib.sha512(f"{self.seed} {drawn}".encode()).digest()).decode()
        return text.replace("-", "A").replace("_", "B")[:length]

    def stage(self, api_name: str | None) -> Row | None:
        stages = self.compiled.get("stages")
        if stages is None:
            stages = self.compiled["stages"] = {
                row["ApiName"]: row for row in self.rows.get("OpportunityStage", {}).values()
            }
        found: Row | None = stages.get(api_name)
        return found

    def status_code(self, key_prefix: str, status: str | None) -> str | None:
        """The category of an order's or a contract's status (SF 6.9)."""
        known = self.compiled.get("statuses")
        if known is None:
            known = self.compiled["statuses"] = {
                (prefix, row["ApiName"]): row["StatusCode"]
                for prefix, catalogue in STATUS_CATALOGUES.items()
                for row in self.rows.get(catalogue, {}).values()
            }
        found: str | None = known.get((key_prefix, status), status)
        return found

    @property
    def multi_currency(self) -> bool:
        return bool(self.settings["multi_currency"])

    @property
    def organization(self) -> Row:
        return next(iter(self.rows["Organization"].values()))

    def usage(self, now: datetime) -> int:
        """API calls of the last 24 hours, by the hour (SF 2.8)."""
        floor = (now - timedelta(hours=24)).astimezone(UTC).strftime("%Y-%m-%dT%H")
        return sum(count for hour, count in self.usage_by_hour.items() if hour > floor)

    def count_usage(self, now: datetime) -> None:
        hour = now.astimezone(UTC).strftime("%Y-%m-%dT%H")
        self.usage_by_hour[hour] = self.usage_by_hour.get(hour, 0) + 1

    def note(self, entry: dict[str, Any]) -> None:
        """Add to the request log; the oldest entries go when it is full."""
        self.log.append(entry)
        if len(self.log) > LOG_ENTRIES_MAX:
            del self.log[: LOG_ENTRIES_MAX // 10]

    def credentials(self, now: datetime | None = None) -> dict[str, str]:  # noqa: ARG002 - sessions have no fixed end
        """What a client of this org is given: the app, a login, and ready grants of which using one ends no other."""
        family = self.families[self.grants["family"]]
        return {
            "consumer_key": self.settings["consumer_key"],
            "consumer_secret": self.settings["consumer_secret"],
            "username": self.settings["username"],
            "password": self.settings["password"],
            "access_token": self.grants["access_token"],
            "refresh_token": family["current"],
            "org_id": self.organization["Id"],
        }


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return value

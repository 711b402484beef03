"""What a kind of record declares, and the call in whose name it is read or written.

A resource of the API is one ``Kind``: a table of members, and a few functions where a rule is its own. ``listing`` and
``writing`` do the rest for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crossfoot.emulators.wire import Event
from crossfoot.emulators.xero import history, ledger
from crossfoot.emulators.xero.fields import Check, Fields
from crossfoot.emulators.xero.formats import fold, is_true, plain_guid, round_amount
from crossfoot.emulators.xero.organisation import Organisation
from crossfoot.emulators.xero.world import World

Record = dict[str, Any]

EVENTS_WITH_DATA = frozenset({"CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"})  # the younger categories (XERO 6.2)
SUMMARY, PAGE, SINGLE = "summary", "page", "single"  # how much of a record an answer shows (XERO 3.8)

ZONES: Mapping[str, str] = {
    "AUSEASTERNSTANDARDTIME": "Australia/Sydney",
    "EAUSTRALIASTANDARDTIME": "Australia/Brisbane",
    "AUSCENTRALSTANDARDTIME": "Australia/Darwin",
    "CENAUSTRALIASTANDARDTIME": "Australia/Adelaide",
    "WAUSTRALIASTANDARDTIME": "Australia/Perth",
    "TASMANIASTANDARDTIME": "Australia/Hobart",
    "NEWZEALANDSTANDARDTIME": "Pacific/Auckland",
    "GMTSTANDARDTIME": "Europe/London",
    "EASTERNSTANDARDTIME": "America/New_York",
    "PACIFICSTANDARDTIME": "America/Los_Angeles",
    "SINGAPORESTANDARDTIME": "Asia/Singapore",
    "UTC": "UTC",
}


@dataclass
class Call:
    """One API request past the gate. ``app`` is None for a person working in Xero's own screens."""

    world: World
    organisation: Organisation
    now: datetime
    query: Mapping[str, str] = field(default_factory=dict)  # names in lower case, without underscores
    headers: Mapping[str, str] = field(default_factory=dict)
    app: str | None = None
    adviser: bool = False
    events: list[Event] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)

    @property
    def is_person(self) -> bool:
        return self.app is None

    @property
    def unit_places(self) -> int:
        """Unit prices have two decimals, four with ``unitdp=4``, on reads as on writes (XERO 3.10)."""
        return 4 if self.query.get("unitdp") == "4" else 2

    @property
    def today(self) -> date:
        """The day in the organisation's own time zone (XERO 3.2)."""
        zone = ZONES.get(self.organisation.info["Timezone"], "UTC")
        return self.now.astimezone(ZoneInfo(zone)).date()

    def asks(self, name: str, default: bool = False) -> bool:
        return is_true(self.query, name, default)

    def listed(self, name: str) -> list[str] | None:
        """A comma-separated query parameter, None when it was not sent; ids in their one form."""
        text = self.query.get(name.lower())
        if not text:
            return None
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return [plain_guid(part) for part in parts] if name.upper().endswith(("ID", "IDS")) else parts


View = Callable[[Call, Record, str], Record]
Match = Callable[[Call, Record, Check], Record | None]
Build = Callable[[Call, Record | None, Record, Check], Record]
After = Callable[[Call, Record | None, Record], None]
Keep = Callable[[Call, Record], bool]
Posts = Callable[[Organisation, Record], "ledger.Posting | None"]


def whole(_call: Call, record: Record, _shape: str) -> Record:
    """The view of a kind that always shows everything it has."""
    return record


@dataclass(frozen=True)
class Kind:
    """One resource: its names, scopes, members and rules."""

    plural: str
    singular: str
    id_field: str
    families: tuple[str, ...]
    fields: Fields
    view: View = whole
    match: Match | None = None  # which record a POST without an id means
    build: Build | None = None  # the record that an element asks for; problems go into the Check
    after: After | None = None  # what a committed record changes elsewhere
    still: Callable[[Record, Record], bool] = lambda _old, _new: False  # a change that moves no stamp (XERO 3.7)
    posting: Posts | None = None  # what a record of this kind means in the ledger
    verbs: frozenset[str] = frozenset({"GET", "PUT", "POST"})
    number_index: str | None = None  # the index that may stand in a path in place of the id
    joins: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # member -> (kind, id member) for filters
    derived: Mapping[str, Callable[[Call, Record], Any]] = field(default_factory=dict)  # members that are not stored
    lists: Mapping[str, Callable[[Call, list[str]], Keep]] = field(default_factory=dict)  # query lists
    indexed: Mapping[str, str] = field(default_factory=dict)  # query list -> the index that answers it
    visible: Keep = lambda _call, _record: True
    paged: bool = False
    always_paged: bool = False  # whether or not the request asks for a page
    read: Callable[[Call], list[Record]] | None = None  # a list that is not filtered, ordered and paged as others are
    modified_since: bool = True
    one_per_call: bool = False
    by_id: bool = True  # whether an app can ask for one record
    put_only: bool = False  # the list takes PUT; a POST goes to one record's own path
    people_only: bool = False  # people write here; an app that does is told that the emulator does not cover it
    errors_flag: str = "HasErrors"
    event: str | None = None
    searched: tuple[str, ...] = ()  # members that searchTerm looks at

    def key(self, record: Record) -> str:
        return str(record[self.id_field]).lower()


def find_record(call: Call, kind: Kind, reference: str) -> Record | None:
    """A record by the id or number in a path."""
    found = call.organisation.get(kind.plural, plain_guid(reference))
    if found is None and kind.number_index:
        found = call.organisation.find_one(kind.plural, kind.number_index, reference)
    return found


def person_name(call: Call) -> str | None:
    """Who works in Xero's own screens: the organisation's first user; None for an app."""
    user = next(call.organisation.all("Users"), None) if call.is_person else None
    return f"{user['FirstName']} {user['LastName']}" if user else None


def store(call: Call, kind: Kind, record: Record, *, created: bool = False) -> Record:
    """Commit a record: stamp it with the emulator's clock, note it in its history, post it to the ledger and announce
    it."""
    old = call.organisation.get(kind.plural, kind.key(record))
    if kind.modified_since and not (old and kind.still(old, record)):
        record["UpdatedDateUTC"] = call.now
    if created:
        record["_app"] = call.app
        _hide(call, kind, record)
    if kind.plural in history.KINDS:
        user, app = person_name(call) or history.SYSTEM_USER, call.world.app["name"] if call.app else None
        record["_history"] = history.after_write(kind.plural, old, record, call.now, user, app)
    if kind.posting:
        before = kind.posting(call.organisation, old) if old else None
        ledger.repost(call.organisation, call.now, before, kind.posting(call.organisation, record))
    call.organisation.put(kind.plural, kind.key(record), record)
    if kind.event:
        call.events.append(_webhook(call, kind, record, "CREATE" if created else "UPDATE"))
    return record


def _hide(call: Call, kind: Kind, record: Record) -> None:
    """A fault, read after write lags: apps do not see what is created for a while (the uniqueness rules do)."""
    if call.world.strike is None or not call.world.strikes("read_lag"):
        return
    until = call.now + timedelta(seconds=float(call.world.strike["settings"]["seconds"]))
    call.organisation.state.setdefault("hidden", {})[f"{kind.plural}/{kind.key(record)}"] = until


def is_hidden(call: Call, kind: Kind, record: Record) -> bool:
    """Whether an app does not see a record yet; people always do."""
    hidden = call.organisation.state.get("hidden")
    if not hidden or call.is_person:
        return False
    until = hidden.get(f"{kind.plural}/{kind.key(record)}")
    return until is not None and call.now < until


def _webhook(call: Call, kind: Kind, record: Record, event_type: str) -> Event:
    """One event of a webhook's payload (XERO 6.2); signing and delivery are the host's."""
    record_id = kind.key(record)
    stamp = call.now.replace(tzinfo=None)
    told = kind.event in EVENTS_WITH_DATA
    return Event(
        "webhook",
        {
            "resourceUrl": f"{call.world.public_url}/api.xro/2.0/{kind.plural}/{record_id}",
            "resourceId": record_id,
            "eventDateUtc": stamp.isoformat(timespec="milliseconds"),
            "eventType": event_type,
            "eventCategory": kind.event,
            "tenantId": call.organisation.tenant_id,
            "tenantType": "ORGANISATION",
            **({"data": {"Type": record["Type"], "Status": record["Status"]}} if told else {}),
        },
    )


def folded_set(values: list[str]) -> frozenset[str]:
    return frozenset(fold(value) for value in values)


def shown_lines(call: Call, lines: list[Record]) -> list[Record]:
    """Lines with unit prices in the decimals that the reader asked for (XERO 3.10)."""
    if call.unit_places == 4:
        return lines
    return [
        {**line, "UnitAmount": round_amount(line["UnitAmount"])} if line.get("UnitAmount") is not None else line
        for line in lines
    ]

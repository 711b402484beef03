"""Defects in how both sides are read: what is missed, and what is kept wrongly of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

import crossfoot.engine.calls.grants as engine_grants
import crossfoot.engine.reading.ledger as engine_ledger
import crossfoot.engine.reading.observe as engine_observe
import crossfoot.engine.reading.position as engine_position
import crossfoot.engine.serve as engine_serve
from crossfoot.core.findings import Finding
from crossfoot.engine import runs
from crossfoot.engine.calls.grants import Grants
from crossfoot.engine.calls.remote import Remote
from crossfoot.engine.reading import receiver
from crossfoot.engine.trail import note, note_write
from crossfoot.engine.writing import adopt, cancelling
from crossfoot.http import Answer
from crossfoot.salesforce import soql
from crossfoot.store import audit as store_audit
from crossfoot.store import queue as store_queue
from crossfoot.store import versions
from crossfoot.store.hints import forget_hints, keep_hint, open_hints
from crossfoot.store.schema import watermark
from crossfoot.store.upsert import upsert
from crossfoot.store.versions import Version, load_watermark, move_watermark
from crossfoot.store.write_backs import doubt_write_backs
from crossfoot.vault.envelope import open_sealed
from crossfoot.xero import requests as xero
from crossfoot.xero.documents import decode_page
from tests.simulation.machine import Actor, Machine

from .planting import Change, Plant


def _watermark_without_lag(_machine: Machine) -> list[Change]:
    return [(engine_observe, "SALESFORCE_LAG", timedelta(0)), (engine_observe, "XERO_LAG", timedelta(0))]


def _watermark_before_rows(machine: Machine) -> list[Change]:
    """The watermark moves when a sweep begins, not with its rows."""
    load = load_watermark

    def move_first(connection: Any, home: str, resource: str) -> str | None:
        position = load(connection, home, resource)
        move_watermark(connection, home, resource, machine.now.replace(microsecond=0).isoformat(), machine.now)
        return position

    return [(module, "load_watermark", move_first) for module in (engine_observe, engine_position)]


def _watermark_goes_back(machine: Machine) -> list[Change]:
    """The watermark is set, not advanced."""

    def back(connection: Any, home: str, resource: str, position: str, now: datetime) -> None:
        earlier = (machine.now - timedelta(seconds=machine.chance.uniform(0, 7200))).replace(microsecond=0)
        del position
        row = {"home": home, "resource": resource, "position": earlier.isoformat(), "read_at": now.isoformat()}
        upsert(connection, watermark, [row])

    return [(module, "move_watermark", back) for module in (engine_observe, engine_position)]


def _own_clock(machine: Machine) -> list[Change]:
    """The watermark goes by this machine's clock, which is ahead of the vendors'."""
    return [(Answer, "date", property(lambda _self: machine.now + timedelta(minutes=10)))]


def _small_pages(_machine: Machine) -> list[Change]:
    """Pages of three rows: what makes a history of this size need several."""
    return [(engine_observe, "ROWS_PER_QUERY", 3)]


def _later_than_the_last_stamp(machine: Machine) -> list[Change]:
    """The next page begins after the last stamp: rows that share it are lost."""
    return [
        *_small_pages(machine),
        (soql, "after", lambda stamp, _id: f"SystemModstamp > {soql.literal(stamp)}"),
    ]


def _pages_by_change(_machine: Machine) -> list[Change]:
    """Pages by number in order of change: who is saved meanwhile moves everyone else up a page."""
    page = xero._page

    def by_change(tenant: Any, resource: str, number: int, since: Any, params: Mapping[str, str]) -> Any:
        asked = page(tenant, resource, number, since, {**params, "order": "UpdatedDateUTC"})
        return replace(asked, params={**asked.params, "pageSize": "1"})

    return [(xero, "_page", by_change)]


def _first_page_only(_machine: Machine) -> list[Change]:
    """The second page is never asked for."""
    decode = decode_page
    page = xero._page

    def only(body: bytes) -> Any:
        return replace(decode(body), more=False)

    def small(*args: Any) -> Any:
        asked = page(*args)
        return replace(asked, params={**asked.params, "pageSize": "3"})

    return [(engine_observe, "decode_page", only), (xero, "_page", small)]


def _lines_unwatched(_machine: Machine) -> list[Change]:
    """Lines that change do not bring their deal back."""
    return [(engine_observe, "_observe_changed_lines", lambda *_: None)]


def _old_reads_win(_machine: Machine) -> list[Change]:
    """A read that began earlier replaces a newer one."""
    save = versions.save_versions

    def newest(connection: Any, _read_seq: int, found: Sequence[Version]) -> Any:
        return save(connection, 10**9, found)

    return [(engine_observe, "save_versions", newest)]


def _settings_kept_for_a_day(_machine: Machine) -> list[Change]:
    """Lock dates and other settings are read once a day."""
    aged = {name: (asked, timedelta(days=1)) for name, (asked, _age) in engine_ledger._REFERENCE.items()}
    return [(engine_ledger, "_REFERENCE", aged), (cancelling, "AT_WRITE_AGE", timedelta(days=1))]


def _token_used_before_it_is_kept(machine: Machine) -> list[Change]:
    """New tokens are used at once and kept when there is time: with the next refresh, if the engine lives to see it."""
    save = Grants.save
    unsaved: dict[tuple[Actor | None, str], Any] = {}

    def later(self: Any, grant_id: str, side: Any, kind: str, secrets: Any, expires: Any, **words: Any) -> bool:
        if words.get("seen_generation") is None:
            return save(self, grant_id, side, kind, secrets, expires, **words)
        unsaved[machine.acting, grant_id] = secrets
        return True

    load = Grants._load

    def loading(self: Any, grant_id: str) -> Any:
        stored, secrets = load(self, grant_id)
        return stored, unsaved.get((machine.acting, grant_id), secrets)

    return [(Grants, "save", later), (Grants, "_load", loading)]


def _tokens_in_clear(_machine: Machine) -> list[Change]:
    """What is kept of a grant is not sealed."""
    plain = msgspec.json.encode

    return [
        (Grants, "_seal", lambda _self, _grant_id, secrets: plain(secrets)),
        (engine_grants, "open_sealed", _opened),
    ]


def _opened(sealed: bytes, **words: Any) -> bytes:
    return sealed if sealed.startswith(b"{") else open_sealed(sealed, **words)


def _secret_in_a_message(_machine: Machine) -> list[Change]:
    """What cannot be read is told with its request, headers included."""
    raising = Remote._raise

    def telling(self: Any, verdict: Any, answer: Any, loss: Any) -> None:
        try:
            raising(self, verdict, answer, loss)
        except Exception as error:
            token = self.access().token.reveal()
            error.args = (f"{error} (Authorization: Bearer {token})",)
            raise

    return [(Remote, "_raise", telling)]


def _entry_without_cause(_machine: Machine) -> list[Change]:
    """An entry of the queue does not say what happened."""
    particulars = store_queue._particulars

    def silent(finding: Finding) -> dict[str, object]:
        return {**particulars(finding), "cause": ""}

    return [(store_queue, "_particulars", silent)]


def _queue_forgets(_machine: Machine) -> list[Change]:
    """What waits is not put into the queue."""
    return [(store_queue, "_merged", lambda _findings: {})]


def _audit_apart(machine: Machine) -> list[Change]:
    """The audit entry of a write is made as the run ends, not in the write's own transaction."""
    late: dict[Actor | None, list[tuple[Any, ...]]] = defaultdict(list)

    def noting(*args: Any) -> None:
        late[machine.acting].append(args)

    def ending(connection: Any, session: Any, action: str, **words: Any) -> None:
        if action.startswith("run"):
            for _connection, *rest in late.pop(machine.acting, ()):
                note_write(connection, *rest)
        note(connection, session, action, **words)

    return [(adopt, "note_write", noting), (runs, "note", ending)]


def _audit_unchained(_machine: Machine) -> list[Change]:
    """Entries do not carry the one before."""
    return [(store_audit, "newest_audit", lambda connection, home: (_last(connection, home), "0" * 64))]


def _last(connection: Any, home: str) -> int:
    return _newest(connection, home)[0]


_newest = store_audit.newest_audit


def _acknowledge_before_keeping(_machine: Machine) -> list[Change]:
    """A webhook is answered at once and kept when there is time: with the next one."""
    late: list[tuple[Any, ...]] = []

    def later(connection: Any, *hint: Any) -> None:
        while late:
            keep_hint(connection, *late.pop())
        late.append(hint)

    return [(receiver, "keep_hint", later)]


def _forget_hints_first(_machine: Machine) -> list[Change]:
    """Hints are forgotten as the run that is to cover them begins."""

    def take(connection: Any, home: str) -> list[int]:
        forget_hints(connection, open_hints(connection, home))
        return []

    return [(engine_serve, "open_hints", take)]


def _hints_believed(_machine: Machine) -> list[Change]:
    """What a webhook names counts as not told yet: one that comes again has it told again."""

    def believe(connection: Any, home: str, body: bytes, now: datetime) -> None:
        keep_hint(connection, home, body, now)
        doubt_write_backs(connection, home)

    return [(receiver, "keep_hint", believe)]


READING: Mapping[str, Plant] = {
    "watermark without lag": _watermark_without_lag,
    "watermark before rows": _watermark_before_rows,
    "watermark goes back": _watermark_goes_back,
    "watermark by our own clock": _own_clock,
    "later than the last stamp": _later_than_the_last_stamp,
    "pages by change": _pages_by_change,
    "first page only": _first_page_only,
    "lines unwatched": _lines_unwatched,
    "old reads win": _old_reads_win,
    "settings kept for a day": _settings_kept_for_a_day,
    "token used before it is kept": _token_used_before_it_is_kept,
    "tokens in clear": _tokens_in_clear,
    "secret in a message": _secret_in_a_message,
    "entry without cause": _entry_without_cause,
    "queue forgets": _queue_forgets,
    "acknowledge before keeping": _acknowledge_before_keeping,
    "forget hints first": _forget_hints_first,
    "hints believed": _hints_believed,
    "audit apart": _audit_apart,
    "audit unchained": _audit_unchained,
}

"""Xero's webhooks: a signed delivery is kept and makes the next run come sooner; all others are turned away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from threading import Event

import httpx2
import pytest

from crossfoot.core.errors import NeedsPerson, RetryLater
from crossfoot.engine.reading.receiver import PATH, Receiver, load_webhook_keys, receiving, save_webhook_key
from crossfoot.store.hints import KEPT_MAX, forget_hints, open_hints

from .business import Business, _Keyed, machine

SIGNING = "a signing key of the developer portal"
OLDER = "the key before it"


def body_of(*tenants: str) -> bytes:
    events = [{"tenantId": tenant, "eventCategory": "INVOICE", "eventType": "UPDATE"} for tenant in tenants]
    return json.dumps({"events": events, "firstEventSequence": 0, "lastEventSequence": 0, "entropy": "x"}).encode()


def signed(body: bytes, key: str = SIGNING) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


class Door:
    """The receiver of a firm, and what came through it."""

    def __init__(self, firm: Business) -> None:
        self.firm, self.hinted = firm, Event()
        session = firm.session()
        self.home, self.tenant = session.organisation_id, session.tenant.id
        self.receiver = Receiver(
            firm.database, machine(firm.time), self.home, self.tenant, [SIGNING, OLDER], self.hinted.set
        )

    @property
    def kept(self) -> list[int]:
        with self.firm.database.reading() as connection:
            return open_hints(connection, self.home)


@pytest.fixture
def door(connected: Business) -> Door:
    return Door(connected)


@pytest.mark.parametrize("key", [SIGNING, OLDER])
def test_a_signed_delivery_is_kept_before_it_is_acknowledged(door: Door, key: str) -> None:
    body = body_of(door.tenant)
    assert door.receiver.receive(body, signed(body, key)) == 200
    assert len(door.kept) == 1
    assert door.hinted.is_set()


@pytest.mark.parametrize("signature", ["", "x", "é", signed(b"another body")])
def test_a_delivery_with_another_signature_leaves_no_trace(door: Door, signature: str) -> None:
    assert door.receiver.receive(body_of(door.tenant), signature) == 401
    assert (door.kept, door.hinted.is_set()) == ([], False)


def test_the_signature_is_of_the_raw_bytes(door: Door) -> None:
    body = body_of(door.tenant)
    assert door.receiver.receive(body + b" ", signed(body)) == 401


@pytest.mark.parametrize(
    "tenants", [(), ("another organisation",)], ids=["test of the address", "another organisation"]
)
def test_what_is_not_about_this_organisation_is_acknowledged_and_causes_no_work(
    door: Door, tenants: tuple[str, ...]
) -> None:
    body = body_of(*tenants)
    assert door.receiver.receive(body, signed(body)) == 200
    assert (door.kept, door.hinted.is_set()) == ([], False)


def test_what_cannot_be_kept_is_not_acknowledged(door: Door) -> None:
    def full(name: str) -> None:
        if name == "commit hint begins":
            raise RetryLater("The database does not take this now.", after_s=60)

    door.firm.database.seam = full
    body = body_of(door.tenant)
    assert door.receiver.receive(body, signed(body)) == 503
    assert not door.hinted.is_set()


def test_a_flood_of_replays_keeps_a_bounded_number(door: Door) -> None:
    body = body_of(door.tenant)
    for _ in range(KEPT_MAX + 5):
        assert door.receiver.receive(body, signed(body)) == 200
    assert len(door.kept) == KEPT_MAX
    with door.firm.database.writing() as connection:
        forget_hints(connection, open_hints(connection, door.home))
    assert door.kept == []


def test_over_http_the_answer_is_a_bare_status_within_five_seconds(door: Door) -> None:
    body = body_of(door.tenant)
    with receiving(door.receiver, "127.0.0.1", 0) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as xero:
        good = xero.post(PATH, content=body, headers={"x-xero-signature": signed(body)})
        bad = xero.post(PATH, content=body, headers={"x-xero-signature": signed(b"")})
        elsewhere = xero.post("/", content=body, headers={"x-xero-signature": signed(body)})
        huge = xero.post(PATH, content=b"x" * 1_000_001, headers={"x-xero-signature": "x"})
    assert [answer.status_code for answer in (good, bad, elsewhere, huge)] == [200, 401, 404, 413]
    assert [answer.content for answer in (good, bad)] == [b"", b""]
    assert "set-cookie" not in bad.headers
    assert max(good.elapsed, bad.elapsed).total_seconds() < 5
    assert len(door.kept) == 1


def test_without_a_key_the_door_stays_shut(door: Door) -> None:
    shut = Receiver(door.firm.database, machine(door.firm.time), door.home, door.tenant, [], door.hinted.set)
    with pytest.raises(NeedsPerson, match="webhook-key"), receiving(shut, "127.0.0.1", 0):
        pass


def test_the_key_is_sealed_and_the_one_before_it_stays_good(connected: Business, tmp_path: Path) -> None:
    place, host = _Keyed(tmp_path), machine(connected.time)
    for key in ("first", "second", "third", "third"):
        save_webhook_key(place, connected.database, host, key, "Avery")
    assert load_webhook_keys(place, connected.database) == ["third", "second"]
    assert b"third" not in connected.freeze().database

"""Webhooks: what Xero sends to a subscriber and when, as state of the world (XERO 6).

An app has at most one subscription, the plain mapping under ``world.state["webhooks"]``. ``announce`` numbers events
and gathers them into batches; ``due`` names the POST that is due, changing nothing; ``outcome`` takes in how it was
answered. Whoever calls the two, a host's thread or a simulation, does the sending.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crossfoot.emulators.wire import Delivery, Event, Receipt
from crossfoot.emulators.xero.formats import to_json
from crossfoot.emulators.xero.identity import tenants_of

if TYPE_CHECKING:
    from crossfoot.emulators.xero.world import World

Record = dict[str, Any]

CATEGORIES = ("CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT")
ITR_REQUIRED, ACTIVE, DISABLED = "ITR required", "active", "disabled"

ANSWER_MS_MAX = 5000
INTENT_REQUESTS = 4  # three signed wrongly and one rightly, in an order of the seed's (XERO 6.4)
RETRY_PAUSES = (timedelta(0), timedelta(minutes=15))  # the last one repeats (XERO 6.5)
FAILING_MAX = timedelta(hours=24)
KEPT_DAYS = 31
BATCH_S = 1
EVENTS_PER_BATCH_MAX = 100
BATCHES_MAX = 10_000
HISTORY_MAX = 200


@dataclass(frozen=True)
class Disturbance:
    """What happens to a batch that is struck: members of the batch that change, and whether it waits."""

    sentence: str
    batch: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False


DISTURBANCES: Mapping[str, Disturbance] = {
    "duplicate": Disturbance("a batch is delivered twice", {"copies": 2}),
    "drop": Disturbance("a batch is never sent and leaves a gap in the sequence", {"copies": 0}),
    "delay": Disturbance("a batch waits `seconds` longer, and all behind it wait too", waits=True),
    "reorder": Disturbance(
        "a batch waits `seconds` longer, and those behind it overtake it", {"overtaken": True}, True
    ),
    "bad_signature": Disturbance("a batch comes with a wrong signature first, then rightly signed", {"forged": True}),
}


def subscribe(world: World, asked: Mapping[str, Any]) -> None:
    """Create the app's subscription or change it; what ``asked`` leaves out keeps its value.

    Members: ``url``, ``categories``, ``signing_key``, ``batch_s`` (how long events gather into one POST) and
    ``kept_days`` (how long events wait for a subscriber that is disabled; 0: they are lost). A new address has to show
    its intent to receive (XERO 6.4). Raises ValueError with what is wrong.
    """
    if not isinstance(asked, Mapping) or not isinstance(asked.get("categories", []), list):
        raise ValueError("webhooks are an object with url, and with categories as a list")
    old: Record = world.state.get("webhooks") or {}
    url = str(asked.get("url", old.get("url", "")))
    _check_url(url)
    categories = [str(name).upper() for name in asked.get("categories", old.get("categories", CATEGORIES))]
    if not categories or not set(categories) <= set(CATEGORIES):
        raise ValueError(f"categories must be some of {', '.join(CATEGORIES)}")
    new = {
        "url": url,
        "categories": categories,
        "batch_s": whole_number(asked, "batch_s", old.get("batch_s", BATCH_S), 0, 3600),
        "kept_days": whole_number(asked, "kept_days", old.get("kept_days", KEPT_DAYS), 0, KEPT_DAYS),
    }
    key = asked.get("signing_key")
    if key is not None:
        if not isinstance(key, str) or not key:
            raise ValueError("signing_key must be a text")
        world.app["webhook_key"] = key
    world.state["webhooks"] = {**(old or _new_subscription()), **new}
    if url != old.get("url"):
        ask_intent(world)


def _new_subscription() -> Record:
    return {
        "status": ITR_REQUIRED,
        "was_active": False,
        "intent": {"round": 0, "step": None, "problem": None},
        "sequence": 0,
        "waiting": [],
        "failing_since": None,
        "disturbances": [],
        "counts": dict.fromkeys(("sent", "accepted", "failed", "lost", "forged", "forged_accepted"), 0),
        "history": [],
    }


def _check_url(url: str) -> None:
    """Xero wants HTTPS on port 443 (XERO 6.1); the emulator also delivers over HTTP and to any port."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ValueError("url must be an http or https address")
    _ = parts.port  # raises ValueError when it is no port


def whole_number(asked: Mapping[str, Any], name: str, default: int, lowest: int, highest: int) -> int:
    """A member that must be a whole number within bounds; raises ValueError."""
    value = asked.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ValueError(f"{name} must be a whole number from {lowest} to {highest}")
    return value


def ask_intent(world: World) -> None:
    """Begin a round of intent to receive; until it is passed nothing is delivered (XERO 6.4)."""
    subscription = world.state["webhooks"]
    subscription["status"] = ITR_REQUIRED
    subscription["intent"] = {"round": subscription["intent"]["round"] + 1, "step": 0, "problem": None}


def disturb(world: World, asked: Mapping[str, Any]) -> None:
    """Switch a disturbance on for the next ``times`` batches that it strikes; raises ValueError.

    Each new batch is struck with a chance of ``percent`` in 100, drawn from the world's seed.
    """
    kind = asked.get("kind")
    if kind not in DISTURBANCES:
        raise ValueError(f"kind must be one of {', '.join(DISTURBANCES)}")
    world.state["webhooks"]["disturbances"].append(
        {
            "kind": kind,
            "times": whole_number(asked, "times", 1, 1, 1_000_000),
            "percent": whole_number(asked, "percent", 100, 1, 100),
            "seconds": whole_number(asked, "seconds", 60, 0, 86_400),
        }
    )


def announce(world: World, events: Sequence[Event], now: datetime) -> None:
    """Number a request's events and let them wait for their batch.

    Only chosen categories and connected organisations count (XERO 6.1). Before the subscription first became active
    nothing is kept *(unconfirmed)*; while it is disabled, events wait ``kept_days`` for its return (XERO 6.5).
    """
    subscription: Record | None = world.state.get("webhooks")
    if subscription is None or not subscription["was_active"]:
        return
    connected = _connected(world)
    payloads: list[Record] = [dict(event.payload) for event in events if event.topic == "webhook"]
    told = [
        row for row in payloads if row["eventCategory"] in subscription["categories"] and row["tenantId"] in connected
    ]
    if told:
        _expire(subscription, now)
    batch: Record | None = None
    for row in told:
        subscription["sequence"] += 1
        if subscription["status"] != ACTIVE and not subscription["kept_days"]:
            subscription["counts"]["lost"] += 1
            continue
        batch = _open_batch(world, subscription, batch, now)
        # The address in front may change with the next start; it is put before the path when the batch is sent.
        row["resourceUrl"] = row["resourceUrl"].removeprefix(world.public_url)
        batch["events"].append(row)
        batch["last"] = subscription["sequence"]


def _connected(world: World) -> set[str]:
    """Organisations that a user has connected, and that of a custom connection in use."""
    connected = {row["tenant"] for row in world.state["connections"].values()}
    grants = (token["grant"] for token in world.state["access_tokens"].values())
    return connected.union(*(tenants_of(world, grant) for grant in grants if grant["user"] is None))


def _open_batch(world: World, subscription: Record, mine: Record | None, now: datetime) -> Record:
    """The batch that takes the next event: this request's, the last one while it is open, or a new one."""
    waiting: list[Record] = subscription["waiting"]
    last = mine or (waiting[-1] if waiting else None)
    if last is not None and len(last["events"]) < EVENTS_PER_BATCH_MAX and (mine is not None or now < last["closes"]):
        return last
    closes = now + timedelta(seconds=subscription["batch_s"])
    batch: Record = {
        "first": subscription["sequence"],
        "last": subscription["sequence"],
        "events": [],
        "opened": now,
        "closes": closes,
        "due": closes,
        "sent": 0,
        "failures": 0,
        "copies": 1,
        "forged": False,
        "overtaken": False,
    }
    _strike(world, subscription, batch)
    waiting.append(batch)
    return batch


def _strike(world: World, subscription: Record, batch: Record) -> None:
    for place, told in enumerate(subscription["disturbances"]):
        if _digest(world, f"strike:{batch['first']}:{place}")[0] * 100 >= told["percent"] * 256:
            continue
        kind = DISTURBANCES[told["kind"]]
        batch.update(kind.batch)
        if kind.waits:
            batch["due"] += timedelta(seconds=told["seconds"])
        told["times"] -= 1
    subscription["disturbances"] = [told for told in subscription["disturbances"] if told["times"]]


def _expire(subscription: Record, now: datetime) -> None:
    """Let go of batches that are dropped, too many, or too old for a subscription that is not active."""
    waiting: list[Record] = subscription["waiting"]
    kept = [batch for batch in waiting if batch["copies"] or now < batch["closes"]]
    if subscription["status"] != ACTIVE:
        oldest = now - timedelta(days=subscription["kept_days"])
        kept = [batch for batch in kept if batch["opened"] >= oldest]
    subscription["waiting"] = kept[-BATCHES_MAX:]
    subscription["counts"]["lost"] += _events_in(waiting) - _events_in(subscription["waiting"])


def _events_in(batches: Sequence[Record]) -> int:
    return sum(len(batch["events"]) for batch in batches)


def due(world: World, now: datetime) -> list[Delivery]:
    """What is to be sent now: nothing, or one delivery, again and again until its ``outcome`` is told.

    One at a time because order is kept: a batch that is not taken holds up all behind it (XERO 6.5).
    """
    subscription = world.state.get("webhooks")
    if subscription is None:
        return []
    if subscription["status"] == ITR_REQUIRED and subscription["intent"]["step"] is not None:
        return [_intent_delivery(world, subscription)]
    batch = _head(subscription, now) if subscription["status"] == ACTIVE else None
    return [] if batch is None else [_batch_delivery(world, subscription, batch)]


def _head(subscription: Record, now: datetime) -> Record | None:
    """The batch to send now. One that was dropped, or is being overtaken, holds up nothing."""
    waiting: list[Record] = subscription["waiting"]
    for batch in waiting:
        if not batch["copies"]:
            continue
        if batch["due"] <= now:
            return batch
        if not batch["overtaken"]:
            return None
    return None


def _intent_delivery(world: World, subscription: Record) -> Delivery:
    name = _intent_name(subscription)
    body = _payload(world, [], 0, 0, name)
    return _delivery(world, subscription, name, body, forged=not _intent_is_good(world, subscription))


def _intent_name(subscription: Record) -> str:
    return f"intent-{subscription['intent']['round']}-{subscription['intent']['step']}"


def _intent_is_good(world: World, subscription: Record) -> bool:
    intent = subscription["intent"]
    good: int = _digest(world, f"intent:{intent['round']}")[0] % INTENT_REQUESTS
    return bool(intent["step"] == good)


def _batch_delivery(world: World, subscription: Record, batch: Record) -> Delivery:
    events = [{**row, "resourceUrl": f"{world.public_url}{row['resourceUrl']}"} for row in batch["events"]]
    body = _payload(world, events, batch["first"], batch["last"], f"batch-{batch['first']}")
    return _delivery(world, subscription, _batch_name(batch), body, forged=batch["forged"])


def _batch_name(batch: Record) -> str:
    return f"batch-{batch['first']}-{batch['sent']}"


def _payload(world: World, events: list[Record], first: int, last: int, name: str) -> bytes:
    """The body of a POST (XERO 6.2); the same batch gives the same bytes at every attempt."""
    letters = "".join(chr(ord("A") + byte % 26) for byte in _digest(world, f"entropy:{name}")[:20])
    return to_json({"events": events, "firstEventSequence": first, "lastEventSequence": last, "entropy": letters})


def _delivery(world: World, subscription: Record, name: str, body: bytes, *, forged: bool) -> Delivery:
    """Sign the bytes that are sent (XERO 6.3); a forger does not know the key."""
    key = "not the signing key" if forged else str(world.app["webhook_key"])
    signature = b64encode(hmac.new(key.encode(), body, sha256).digest()).decode()
    headers = (("Content-Type", "application/json; charset=utf-8"), ("x-xero-signature", signature))
    return Delivery(name, subscription["url"], headers, body)


def outcome(world: World, delivery_id: str, receipt: Receipt, now: datetime) -> bool:
    """Take in how a delivery was answered; False when the subscription no longer waits for that answer."""
    subscription = world.state.get("webhooks")
    if subscription is None:
        return False
    if subscription["status"] == ITR_REQUIRED and delivery_id == _intent_name(subscription):
        _note(subscription, delivery_id, receipt, now)
        _settle_intent(world, subscription, receipt, now)
        return True
    waiting = subscription["waiting"] if subscription["status"] == ACTIVE else ()
    batch = next((batch for batch in waiting if delivery_id == _batch_name(batch)), None)
    if batch is None:
        return False
    _note(subscription, delivery_id, receipt, now)
    batch["sent"] += 1
    _settle_batch(subscription, batch, receipt, now)
    return True


def _note(subscription: Record, delivery_id: str, receipt: Receipt, now: datetime) -> None:
    entry = {"at": now, "delivery": delivery_id, "status": receipt.status, "milliseconds": receipt.milliseconds}
    subscription["history"] = [*subscription["history"], entry][-HISTORY_MAX:]


def _settle_intent(world: World, subscription: Record, receipt: Receipt, now: datetime) -> None:
    intent = subscription["intent"]
    intent["problem"] = _intent_problem(receipt, is_good=_intent_is_good(world, subscription))
    intent["step"] = None if intent["problem"] or intent["step"] + 1 == INTENT_REQUESTS else intent["step"] + 1
    if intent["step"] is not None or intent["problem"]:
        return
    _expire(subscription, now)
    subscription.update(status=ACTIVE, was_active=True, failing_since=None)
    for batch in subscription["waiting"]:
        batch["failures"] = 0
        batch["due"] = min(batch["due"], max(now, batch["closes"]))


def _intent_problem(receipt: Receipt, *, is_good: bool) -> str | None:
    """Why an answer shows no intent to receive, or None (XERO 6.3, 6.4)."""
    signed, wanted = ("right", "200") if is_good else ("wrong", "401")
    if receipt.status is None or receipt.milliseconds > ANSWER_MS_MAX:
        return "There was no answer within 5 seconds."
    if not (_accepted(receipt) if is_good else receipt.status == 401):
        return f"A {signed} signature was answered with {receipt.status}; {wanted} was expected."
    if receipt.has_body:
        return "The answer had a body."
    return "The answer set cookies." if receipt.sets_cookies else None


def _accepted(receipt: Receipt) -> bool:
    return receipt.status is not None and 200 <= receipt.status < 300 and receipt.milliseconds <= ANSWER_MS_MAX


def _settle_batch(subscription: Record, batch: Record, receipt: Receipt, now: datetime) -> None:
    counts, accepted = subscription["counts"], _accepted(receipt)
    if batch["forged"]:
        batch["forged"] = False
        counts["forged"] += 1
        counts["forged_accepted"] += accepted
        return
    counts["sent"] += 1
    counts["accepted" if accepted else "failed"] += 1
    if accepted:
        subscription["failing_since"] = None
        batch["copies"] -= 1
        if not batch["copies"]:
            subscription["waiting"].remove(batch)
        return
    subscription["failing_since"] = subscription["failing_since"] or now
    batch["overtaken"] = False
    batch["due"] = now + RETRY_PAUSES[min(batch["failures"], len(RETRY_PAUSES) - 1)]
    batch["failures"] += 1
    if now - subscription["failing_since"] >= FAILING_MAX:
        subscription["status"] = DISABLED  # until a person asks for a new intent to receive (XERO 6.5)


def _digest(world: World, name: str) -> bytes:
    """Bytes of the world's seed for one purpose; unlike ``draw`` they move no id of any record."""
    return sha256(f"{world.state['seed']}:webhook:{name}".encode()).digest()

"""Sends an emulated vendor's webhooks over HTTP, from a thread of its own.

What to send, when, and what an answer means is the vendor's, in its world. Here are only the wire and the waiting;
the answer goes back as a control request, so that a state folder records it like any other.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import closing
from dataclasses import asdict
from urllib.parse import urlsplit

from crossfoot.emulators.emulator import Emulator, StoppedError
from crossfoot.emulators.wire import Delivery, Receipt, Request

answer_s_max = 5
poll_s = 0.05
stop_s_max = 1


class Courier:
    """Carries out one emulator's deliveries from ``start`` until ``stop``, one after another."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{emulator.name} webhooks", daemon=True)

    def start(self) -> None:
        """Begin to look for what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more. A delivery under way is not waited for long: it is made again after a restart."""
        self._stopping.set()
        self._thread.join(stop_s_max)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not send_due(self._emulator):
                    self._stopping.wait(poll_s)
        except StoppedError:
            return


def send_due(emulator: Emulator) -> int:
    """Send what is due now and hand the answers back; how many deliveries that were."""
    deliveries = emulator.deliveries()
    for delivery in deliveries:
        emulator.answer(outcome_request(delivery, post(delivery)))
    return len(deliveries)


def outcome_request(delivery: Delivery, receipt: Receipt) -> Request:
    """The control request that tells an emulator how a delivery was answered."""
    body = json.dumps({"delivery": delivery.id, **asdict(receipt)}).encode()
    return Request("POST", "/control/webhooks/outcome", "", {"content-type": "application/json"}, body)


def post(delivery: Delivery) -> Receipt:
    """Make one POST, following no redirect and asking no proxy; each wait on the wire ends after five seconds."""
    parts = urlsplit(delivery.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    began = time.monotonic()
    status, has_body, sets_cookies = None, False, False
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=answer_s_max)) as connection:
            connection.request("POST", target, delivery.body, dict(delivery.headers))
            answer = connection.getresponse()
            has_body, sets_cookies = bool(answer.read(1)), answer.getheader("Set-Cookie") is not None
            status = answer.status
    except (OSError, http.client.HTTPException):
        status = None
    return Receipt(status, int((time.monotonic() - began) * 1000), has_body, sets_cookies)

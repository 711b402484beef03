"""Idempotency-Key: any sequence of writes has the effects of each key's first use only (XERO 3.6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import credentials, handle
from tests.contract.xero_emulator.conftest import START
from tests.property.xero_client import books_of, open_client

LIFE = timedelta(minutes=6)
TOKEN_LIFE = timedelta(minutes=29)
KEYS = st.sampled_from(("", "a", "b", "c"))
# Names of contacts: the first is taken from the start, the last cannot be.
BODIES = st.sampled_from(("Acme", "Bravo", "Charlie", "<no>"))


class Writes(RuleBasedStateMachine):
    """Contacts made by PUT and renamed by POST, under few keys, by two tokens of one app."""

    @initialize()
    def open(self) -> None:
        self.xero = open_client()
        self.first = self.xero.contact("Acme")["ContactID"]
        self.tokens = [self.xero.token, self._another_token()]
        self.kept: dict[tuple[str, str], tuple[datetime, tuple[str, ...], Response]] = {}
        self.made = 1

    def _another_token(self) -> str:
        """What a refresh gives: the token before it stays valid until it runs out."""
        grant = credentials(self.xero.world, self.xero.now)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": grant["refresh_token"],
            "client_id": grant["client_id"],
            "client_secret": grant["client_secret"],
        }
        request = Request("POST", "/connect/token", body=urlencode(form).encode())
        response, _ = handle(self.xero.world, request, self.xero.now)
        assert response.status == 200, response.body
        return str(msgspec.json.decode(response.body)["access_token"])

    @rule(key=KEYS, name=BODIES, other_token=st.booleans())
    def create(self, key: str, name: str, other_token: bool) -> None:
        self._send("PUT", "/Contacts", name, key, other_token)

    @rule(key=KEYS, name=BODIES)
    def rename(self, key: str, name: str) -> None:
        self._send("POST", f"/Contacts/{self.first}", name, key, other_token=False)

    def _send(self, method: str, path: str, name: str, key: str, other_token: bool) -> None:
        token = self.xero.token = self.tokens[other_token]
        headers = {"idempotency-key": key} if key else {}
        told, before = (method, path, name), books_of(self.xero)
        response = self.xero.send(method, path, {"Contacts": [{"Name": name}]}, headers=headers)
        at, first_told, first = self.kept.get((token, key), (None, None, None)) if key else (None, None, None)
        if at is None or self.xero.now - at >= LIFE:
            self._check_effect(method, response, before)
            self.kept[token, key] = (self.xero.now, told, response)
            return
        assert books_of(self.xero) == before
        assert self.xero.events == []
        if first_told == told:
            assert first is not None
            assert (response.status, response.body) == (first.status, first.body)
        else:
            assert response.status == 400
            assert f"Idempotency Key: {key} is used with a different request.".encode() in response.body

    def _check_effect(self, method: str, response: Response, before: dict[str, Any]) -> None:
        if response.status == 200:
            self.made += method == "PUT"
        else:
            assert response.status == 400
            assert books_of(self.xero) == before

    @precondition(lambda self: self.xero.now - START < TOKEN_LIFE - timedelta(minutes=7))
    @rule(time=st.sampled_from((30, 200, 359, 360, 361)))
    def wait(self, time: int) -> None:
        self.xero.wait(seconds=time)

    @rule()
    def free_the_name(self) -> None:
        """What made a request fail may go away; the answer under its key stays."""
        for row in self.xero.rows("GET", "/Contacts", where='Name=="Bravo" OR Name=="Charlie"'):
            if row["ContactID"] != self.first:
                self.xero.one("POST", f"/Contacts/{row['ContactID']}", {"ContactStatus": "ARCHIVED"})

    @rule(key=st.sampled_from(("a", "b")))
    def read_under_a_key(self, key: str) -> None:
        """A key on a read is ignored."""
        assert self.xero.send("GET", "/Contacts", headers={"idempotency-key": key}).status == 200

    @invariant()
    def as_many_contacts_as_first_uses_that_succeeded(self) -> None:
        assert len(self.xero.rows("GET", "/Contacts", includeArchived="true")) == self.made


Writes.TestCase.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_writes = Writes.TestCase

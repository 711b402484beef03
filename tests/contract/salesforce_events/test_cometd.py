"""The Streaming API is not there, and says so in its own protocol (SF 5.9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.salesforce_emulator.conftest import NOON

from crossfoot.emulators.salesforce import handle, new_world
from crossfoot.emulators.wire import Request

HANDSHAKE = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"], "id": "1"}


def answers(sent: Any, token: str | None) -> list[dict[str, Any]]:
    world = new_world(seed=5)
    known = world.credentials()["access_token"] if token is None else token
    headers = {"authorization": f"Bearer {known}"} if known else {}
    answer = handle(world, Request("POST", "/cometd/60.0", "", headers, json.dumps(sent).encode()), NOON)[0]
    assert answer.status == 200
    told: list[dict[str, Any]] = json.loads(answer.body)
    return told


@pytest.mark.parametrize(("token", "reason"), [(None, "403::The emulator"), ("x", "401::Auth"), ("", "401::Request")])
def test_a_handshake_is_denied_for_good_and_the_reason_is_told(token: str | None, reason: str) -> None:
    (told,) = answers([HANDSHAKE], token)
    assert (told["successful"], told["error"], told["id"]) == (False, "403::Handshake denied", "1")
    assert told["advice"] == {"reconnect": "none"}
    assert told["ext"]["sfdc"]["failureReason"].startswith(reason)


def test_a_client_that_never_shook_hands_is_unknown() -> None:
    (told,) = answers({"channel": "/meta/connect", "clientId": "c"}, None)
    assert told["error"] == "403::Unknown client"

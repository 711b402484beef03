"""Tokens: renewed one at a time, stored before they are used, asked for again when the answer is lost, never shown."""

from __future__ import annotations

import hashlib
import hmac
import threading
import traceback
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import msgspec
import pytest

from crossfoot.core.errors import NeedsReauthorisation, RetryLater
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import EXCHANGE_ATTEMPTS_MAX, RENEW_BEFORE_S, Grants, GrantSecrets, consent_ends
from crossfoot.store.database import Database, open_database
from crossfoot.store.workspace import load_grant
from crossfoot.vault.envelope import associated_data, open_sealed

from .wire import BASE, GRANT, KEY, NOW, READS, SECRETS, Setting, Wire, connect, http, reply, tokens

READ = READS[Side.XERO]
LIFETIME_S = 30 * 60


def form(request: httpx2.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def stored_secrets(database: Database) -> GrantSecrets:
    with database.reading() as connection:
        grant = load_grant(connection, GRANT)
    assert grant is not None
    opened = open_sealed(grant.sealed, key=KEY, associated=associated_data(GRANT, "grant"))
    return msgspec.json.decode(opened, type=GrantSecrets)


@pytest.mark.promise("S1-17")
@pytest.mark.parametrize(
    ("passed_s", "renewed"), [(0, False), (LIFETIME_S - RENEW_BEFORE_S - 1, False), (LIFETIME_S - RENEW_BEFORE_S, True)]
)
def test_a_token_is_renewed_before_it_ends(database: Database, passed_s: int, renewed: bool) -> None:
    setting = connect(database, tokens(2, refresh="canary-refresh-2"))
    setting.machine.sleep(passed_s)
    access = setting.grants.access(GRANT)
    assert access.token.reveal() == f"canary-access-{2 if renewed else 1}"
    assert access.generation == (2 if renewed else 1)
    assert len(setting.wire.requests) == renewed


@pytest.mark.promise("S1-17")
def test_the_new_refresh_token_is_stored_before_the_new_access_token_is_used(database: Database) -> None:
    seen: list[str] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer canary-access-2"
        seen.append(stored_secrets(database).refresh_token)
        return reply()

    setting = connect(database, tokens(2, refresh="canary-refresh-2"), api)
    setting.machine.sleep(LIFETIME_S)
    setting.remote.read(READ)
    assert seen == ["canary-refresh-2"]


def test_a_token_that_could_not_be_stored_is_not_used(database: Database) -> None:
    setting = connect(database, tokens(2, refresh="canary-refresh-2"), reply())
    setting.machine.sleep(LIFETIME_S)

    def killed(point: str) -> None:
        raise KeyboardInterrupt(point)

    database.seam = killed
    with pytest.raises(KeyboardInterrupt, match="commit grant begins"):
        setting.remote.read(READ)
    assert setting.wire.paths == ["/connect/token"]
    assert stored_secrets(database).refresh_token == "canary-refresh-1"


@pytest.fixture
def file_database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "crossfoot.db")
    yield opened
    opened.engine.dispose()


@pytest.mark.promise("S1-17")
def test_threads_that_need_a_new_token_ask_for_one_together(file_database: Database) -> None:
    setting = connect(file_database, tokens(2, refresh="canary-refresh-2"), tokens(3, refresh="canary-refresh-3"))
    together = threading.Barrier(8)
    found: list[tuple[str, int]] = []

    def renew() -> None:
        together.wait()
        access = setting.grants.renew(GRANT, 1)
        found.append((access.token.reveal(), access.generation))

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [("canary-access-2", 2)] * 8
    assert len(setting.wire.requests) == 1


@pytest.mark.parametrize("trouble", [httpx2.ReadTimeout("silent"), httpx2.ConnectError("no"), reply(503), reply(429)])
def test_a_lost_token_answer_is_asked_for_again_with_the_same_refresh_token(
    database: Database, trouble: httpx2.Response | Exception
) -> None:
    setting = connect(database, trouble, tokens(2, refresh="canary-refresh-2"))
    assert setting.grants.renew(GRANT, 1).token.reveal() == "canary-access-2"
    assert [form(sent)["refresh_token"] for sent in setting.wire.requests] == ["canary-refresh-1"] * 2
    assert stored_secrets(database).refresh_token == "canary-refresh-2"


def test_a_token_endpoint_that_stays_silent_is_given_up_and_the_grant_kept(database: Database) -> None:
    setting = connect(database, httpx2.ReadTimeout("silent"))
    with pytest.raises(RetryLater, match="Xero gave no token"):
        setting.grants.renew(GRANT, 1)
    assert len(setting.wire.requests) == EXCHANGE_ATTEMPTS_MAX
    assert stored_secrets(database) == SECRETS


@pytest.mark.parametrize("side", list(Side))
def test_a_grant_that_was_revoked_says_connect_again(database: Database, side: Side) -> None:
    refusal = reply(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
    setting = connect(database, refusal, side=side)
    with pytest.raises(NeedsReauthorisation, match=rf"invalid_grant.*Run `crossfoot connect {side.value}`"):
        setting.grants.renew(GRANT, 1)
    assert len(setting.wire.requests) == 1


REFUSED = reply(400, {"error": "invalid_grant"})


@pytest.mark.parametrize(("passed_s", "tried"), [(0, True), (30 * 60 - 1, True), (30 * 60, False)])
def test_the_previous_refresh_token_is_tried_once_within_its_grace(
    database: Database, passed_s: int, tried: bool
) -> None:
    """A newest token that Xero does not know (a store put back, an answer that reached nobody) is not the end."""
    renewed = connect(database, tokens(2, refresh="canary-refresh-2"))
    renewed.grants.renew(GRANT, 1)
    assert stored_secrets(database).previous_refresh_token == "canary-refresh-1"
    again = Wire([REFUSED, tokens(3, refresh="canary-refresh-3")])
    grants = Grants(database, http(again), renewed.machine.host(), lambda: KEY)
    renewed.machine.sleep(passed_s)
    if tried:
        assert grants.renew(GRANT, 2).token.reveal() == "canary-access-3"
        assert [form(sent)["refresh_token"] for sent in again.requests] == ["canary-refresh-2", "canary-refresh-1"]
    else:
        with pytest.raises(NeedsReauthorisation, match="invalid_grant"):
            grants.renew(GRANT, 2)
        assert len(again.requests) == 1


def test_both_refresh_tokens_refused_is_told_after_one_try_of_each(database: Database) -> None:
    setting = connect(database, tokens(2, refresh="canary-refresh-2"), REFUSED)
    setting.grants.renew(GRANT, 1)
    with pytest.raises(NeedsReauthorisation, match="invalid_grant"):
        setting.grants.renew(GRANT, 2)
    assert len(setting.wire.requests) == 3


def test_tokens_that_another_process_stored_meanwhile_are_taken(database: Database) -> None:
    """Two processes ask at once: the first to store wins, and nobody overwrites a newer generation."""
    setting = connect(database, tokens(2, refresh="canary-refresh-2"))
    other = msgspec.structs.replace(SECRETS, access_token="canary-access-9", refresh_token="canary-refresh-9")

    def meanwhile(_request: httpx2.Request) -> httpx2.Response:
        setting.grants.save(GRANT, Side.XERO, "refresh", other, setting.machine.now + timedelta(minutes=30))
        return tokens(2, refresh="canary-refresh-2")

    setting.wire.replies = [meanwhile]
    access = setting.grants.renew(GRANT, 1)
    assert (access.token.reveal(), access.generation) == ("canary-access-9", 2)
    assert stored_secrets(database).refresh_token == "canary-refresh-9"


@pytest.mark.parametrize(
    ("side", "kind", "days"),
    [(Side.XERO, "refresh", 60), (Side.XERO, "client_credentials", 0), (Side.SALESFORCE, "refresh", 0)],
)
def test_a_consent_to_xero_ends_sixty_days_after_its_newest_token(
    database: Database, side: Side, kind: str, days: int
) -> None:
    connect(database, reply(), side=side, kind=kind)
    with database.reading() as connection:
        grant = load_grant(connection, GRANT)
    assert grant
    assert consent_ends(grant) == (NOW + timedelta(days=days) if days else None)


def test_a_connection_without_a_grant_says_connect(database: Database) -> None:
    with pytest.raises(NeedsReauthorisation, match="Run `crossfoot connect`"):
        connect(database, reply()).grants.access("another grant")


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(database: Database) -> None:
    setting = connect(database, tokens(2))
    setting.grants.renew(GRANT, 1)
    assert stored_secrets(database).refresh_token == "canary-refresh-1"


@pytest.mark.promise("S1-16")
@pytest.mark.parametrize("side", list(Side))
def test_client_credentials_are_asked_for_again_without_a_refresh_token(database: Database, side: Side) -> None:
    setting = connect(database, tokens(2), side=side, kind="client_credentials")
    setting.grants.renew(GRANT, 1)
    asked = form(setting.wire.requests[0])
    assert asked["grant_type"] == "client_credentials"
    assert "refresh_token" not in asked


def signed(setting_secret: str) -> httpx2.Response:
    identity, issued_at = f"{BASE}/id/00D/005", "1763600000000"
    digest = hmac.new(setting_secret.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
    return reply(
        200,
        {
            "access_token": "canary-access-2",
            "id": identity,
            "issued_at": issued_at,
            "signature": b64encode(digest).decode(),
        },
    )


@pytest.mark.parametrize(("secret", "holds"), [("canary-client-secret", True), ("another secret", False)])
def test_a_salesforce_token_must_be_signed_with_the_apps_secret(database: Database, secret: str, holds: bool) -> None:
    setting = connect(database, signed(secret), side=Side.SALESFORCE)
    if holds:
        assert setting.grants.renew(GRANT, 1).generation == 2
        return
    with pytest.raises(NeedsReauthorisation, match="not signed with this app's secret"):
        setting.grants.renew(GRANT, 1)
    assert stored_secrets(database).access_token == "canary-access-1"


@pytest.mark.promise("S1-75")
def test_no_secret_is_shown_or_stored_in_clear(database: Database) -> None:
    for answer in (reply(400, {"error": "invalid_grant"}), httpx2.ReadTimeout("silent"), reply(500)):
        setting = connect(database, answer)
        with pytest.raises((NeedsReauthorisation, RetryLater)) as told:
            setting.grants.renew(GRANT, setting.grants.access(GRANT).generation)
        shown = "".join(traceback.format_exception(told.value))
        assert "canary" not in f"{shown} {SECRETS!r} {SECRETS} {setting.grants!r} {setting.grants.access(GRANT)!r}"
    assert b"canary" not in _dump(setting)


def _dump(setting: Setting) -> bytes:
    raw = setting.database.engine.raw_connection().driver_connection
    assert raw is not None
    dumped: bytes = raw.serialize()
    return dumped

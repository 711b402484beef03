"""Disconnecting: the connection before the grant, the grant only with the last connection, then the secrets here."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs

import httpx2
import pytest

from crossfoot.core.errors import NeedsPerson, RetryLater
from crossfoot.core.records import Side
from crossfoot.engine.calls.grants import Grants
from crossfoot.engine.setup.disconnect import Disconnector
from crossfoot.store.audit import read_audit
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection, load_connections, load_grant, save_connection

from .wire import BASE, GRANT, HOMES, KEY, NOW, SECRETS, Machine, Reply, Wire, http, reply

NAME = "Harbour Point"
OURS = {"id": "connection-1", "tenantId": HOMES[Side.XERO], "tenantName": NAME, "tenantType": "ORGANISATION"}
OTHER = {"id": "connection-2", "tenantId": "other", "tenantName": "Lantern", "tenantType": "ORGANISATION"}
GONE = reply(204)


def disconnector(
    database: Database, *replies: Reply, side: Side = Side.XERO, kind: str = "refresh"
) -> tuple[Disconnector, Wire]:
    wire, machine = Wire(list(replies)), Machine()
    secrets = SECRETS if kind == "refresh" else type(SECRETS)(BASE, "client", "secret", "canary-access-1")
    Grants(database, http(wire), machine.host(), lambda: KEY).save(
        GRANT, side, kind, secrets, NOW + timedelta(minutes=30)
    )
    stored = StoredConnection(side, HOMES[side], NAME, "harbour-point", GRANT, {"base": BASE}, {})
    with database.writing() as connection:
        save_connection(connection, stored, NOW)
    return Disconnector(database, machine.host(), lambda: KEY, httpx2.MockTransport(wire)), wire


def disconnect(ending: Disconnector, side: Side = Side.XERO) -> list[str]:
    connection = ending.find(side.value, NAME)
    steps = ending.steps(connection)
    ending.carry_out(connection, steps, "Avery")
    return [step.act.value for step in steps]


def sent(wire: Wire) -> list[str]:
    return [f"{request.method} {request.url.path}" for request in wire.requests]


def is_erased(database: Database, side: Side = Side.XERO) -> bool:
    with database.reading() as connection:
        return load_grant(connection, GRANT) is None and not load_connections(connection, side)


def test_the_connection_is_deleted_before_the_grant_is_revoked(database: Database) -> None:
    ending, wire = disconnector(database, reply(200, [OURS]), GONE, httpx2.Response(200))
    assert disconnect(ending) == ["delete the connection", "revoke the grant", "erase the secrets"]
    assert sent(wire) == ["GET /connections", "DELETE /connections/connection-1", "POST /connect/revocation"]
    assert parse_qs(wire.requests[2].content.decode())["token"] == ["canary-refresh-1"]
    assert not any("xero-tenant-id" in request.headers for request in wire.requests)
    assert is_erased(database)
    with database.reading() as connection:
        (entry,) = read_audit(connection, HOMES[Side.XERO])
    assert (entry.actor, entry.action) == ("Avery", "disconnect xero")


def test_a_grant_that_serves_other_connections_is_not_revoked(database: Database) -> None:
    ending, wire = disconnector(database, reply(200, [OTHER, OURS]), reply(200, [OTHER, OURS]), GONE)
    steps = ending.steps(ending.find("xero", NAME))
    assert [step.words for step in steps if "Lantern" in step.words]
    assert disconnect(ending) == ["delete the connection", "keep the grant", "erase the secrets"]
    assert "POST /connect/revocation" not in sent(wire)
    assert is_erased(database)


def test_a_custom_connection_has_no_grant_to_revoke(database: Database) -> None:
    ending, wire = disconnector(database, reply(200, [OURS]), GONE, kind="client_credentials")
    assert disconnect(ending) == ["delete the connection", "erase the secrets"]
    assert sent(wire) == ["GET /connections", "DELETE /connections/connection-1"]


@pytest.mark.parametrize(
    "replies",
    [
        [reply(200, [OURS]), httpx2.Response(404, content=b"The resource you're looking for cannot be found"), reply()],
        [reply(200, []), reply()],
        [reply(403, {"Detail": "AuthenticationUnsuccessful"})],
        [reply(401, "TokenExpired"), reply(400, {"error": "invalid_grant"})],
        [reply(200, [OURS]), GONE, reply(400, {"error": "invalid_grant"})],
    ],
    ids=["deleted between", "deleted before", "no access", "revoked before", "revoked between"],
)
def test_what_has_gone_already_is_no_problem(database: Database, replies: list[Reply]) -> None:
    ending, _ = disconnector(database, *replies)
    disconnect(ending)
    assert is_erased(database)


@pytest.mark.parametrize("lost", [reply(503), httpx2.ReadTimeout("silent")])
def test_a_deletion_without_an_answer_is_sent_again(database: Database, lost: Reply) -> None:
    ending, wire = disconnector(database, reply(200, [OURS]), lost, httpx2.Response(404), reply())
    disconnect(ending)
    assert sent(wire).count("DELETE /connections/connection-1") == 2
    assert is_erased(database)


@pytest.mark.parametrize("replies", [[reply(200, [OURS]), reply(503)], [reply(200, [OURS]), GONE, reply(503)]])
def test_what_did_not_end_at_the_vendor_is_not_erased_here(database: Database, replies: list[Reply]) -> None:
    ending, _ = disconnector(database, *replies)
    with pytest.raises(RetryLater, match="Run `crossfoot disconnect` again"):
        disconnect(ending)
    assert not is_erased(database)


def test_looking_changes_nothing(database: Database) -> None:
    ending, wire = disconnector(database, reply(200, [OURS]))
    ending.steps(ending.find("xero", "harbour-POINT"))
    assert sent(wire) == ["GET /connections"]
    assert not is_erased(database)


def test_a_salesforce_grant_is_revoked(database: Database) -> None:
    ending, wire = disconnector(database, httpx2.Response(200), side=Side.SALESFORCE)
    assert disconnect(ending, Side.SALESFORCE) == ["revoke the grant", "erase the secrets"]
    assert sent(wire) == ["POST /services/oauth2/revoke"]
    assert is_erased(database, Side.SALESFORCE)


def test_only_what_is_connected_can_be_named(database: Database) -> None:
    ending, _ = disconnector(database, reply())
    with pytest.raises(NeedsPerson, match=r"'Lantern' is not connected as xero\. Connected there: 'Harbour Point'"):
        ending.find("xero", "Lantern")

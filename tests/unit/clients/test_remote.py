"""One vendor as the engine talks to it: reads are repeated, a write is sent once, limits are waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from crossfoot.core.errors import CrossfootError, Defect, NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.records import Side
from crossfoot.core.recovery import LOOK_S_MAX, READ_ATTEMPTS_MAX, WAITS_FOR_LIMIT_MAX
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.http import HttpRequest
from crossfoot.store.database import Database, open_database
from crossfoot.store.quotas import load_quota, load_received
from crossfoot.xero.requests import OrganisationRequest, Tenant, invoices_by_number

from .wire import COMMITTED, GRANT, HOMES, NOW, READS, SECRETS, TENANT, Reply, Setting, connect, reply, tokens

READ = READS[Side.XERO]
KEYED, BODY = {"Idempotency-Key": "key"}, b'{"Invoices":[{"Total":0.30}]}'
WRITES: dict[Side, HttpRequest] = {
    Side.XERO: OrganisationRequest("PUT", "/Invoices", headers=KEYED, body=BODY, tenant=TENANT),
    Side.SALESFORCE: HttpRequest("PATCH", "/composite/sobjects", headers=KEYED, body=BODY),
}
WRITE = WRITES[Side.XERO]
MINUTE = reply(429, Retry_After="7", X_Rate_Limit_Problem="minute")
DAY = reply(429, Retry_After="74000", X_Rate_Limit_Problem="day", X_DayLimit_Remaining="0")


@pytest.fixture
def database_file(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "crossfoot.db")
    yield opened
    opened.engine.dispose()


def write(setting: Setting) -> int:
    return setting.remote.write(COMMITTED, WRITES[setting.remote.side], setting.remote.access()).status


def test_every_xero_call_names_its_organisation(database: Database) -> None:
    setting = connect(database, reply())
    setting.remote.read(READ)
    write(setting)
    for sent in setting.wire.requests:
        assert sent.headers["xero-tenant-id"] == HOMES[Side.XERO]
        assert sent.headers["authorization"] == "Bearer canary-access-1"
    assert setting.remote.calls == 2


def test_a_salesforce_call_names_none(database: Database) -> None:
    setting = connect(database, reply(), side=Side.SALESFORCE)
    setting.remote.read(READS[Side.SALESFORCE])
    assert "xero-tenant-id" not in setting.wire.requests[0].headers


@pytest.mark.parametrize(
    ("side", "request_"),
    [
        (Side.XERO, HttpRequest("GET", "/api.xro/2.0/Invoices")),
        (Side.XERO, OrganisationRequest("GET", "/api.xro/2.0/Invoices", tenant=Tenant("another organisation"))),
        (Side.SALESFORCE, READS[Side.XERO]),
    ],
    ids=["no tenant", "another tenant", "Xero's to Salesforce"],
)
def test_a_request_that_is_not_this_organisations_never_leaves(
    database: Database, side: Side, request_: HttpRequest
) -> None:
    setting = connect(database, reply(), side=side)
    with pytest.raises(Defect, match="nothing was sent"):
        setting.remote.read(request_)
    assert setting.wire.requests == []


def test_a_request_to_an_organisation_cannot_be_made_without_naming_one() -> None:
    """Nor does it pass the type checker, which would find the comment below idle."""
    with pytest.raises(TypeError, match="tenant"):
        OrganisationRequest("GET", "/api.xro/2.0/Invoices")  # type: ignore[call-arg]


def test_a_tenant_without_an_id_cannot_be_made() -> None:
    with pytest.raises(Defect, match="without an id"):
        Tenant("")


@pytest.mark.promise("S1-17")
def test_an_expired_token_is_renewed_once_and_the_read_repeated(database: Database) -> None:
    setting = connect(
        database, reply(401, "TokenExpired"), tokens(2, refresh="canary-refresh-2"), reply(200, {"ok": 1})
    )
    assert setting.remote.read(READ).status == 200
    assert setting.wire.paths == ["/Invoices", "/connect/token", "/Invoices"]
    assert setting.wire.requests[2].headers["authorization"] == "Bearer canary-access-2"
    assert setting.machine.slept == []


def test_an_expired_token_on_a_write_asks_for_a_new_call(database: Database) -> None:
    """The key of a call belongs to its token: under a new token the same write must be a new call."""
    setting = connect(database, reply(401, "TokenExpired"), tokens(2), reply())
    with pytest.raises(NotApplied):
        write(setting)
    assert setting.wire.paths == ["/Invoices", "/connect/token"]
    assert setting.remote.access().generation == 2


def test_access_that_stays_refused_is_told_in_words(database: Database) -> None:
    refused = reply(401, {"Detail": "TokenExpired"})
    setting = connect(database, refused, tokens(2), refused, tokens(3), refused)
    with pytest.raises(NeedsReauthorisation, match="crossfoot connect xero"):
        setting.remote.read(READ)
    assert setting.wire.paths.count("/Invoices") == 3


@pytest.mark.promise("S1-14", "S1-66")
def test_a_limit_is_waited_for_and_spends_no_attempt(database: Database) -> None:
    waits = READ_ATTEMPTS_MAX + 4
    setting = connect(database, *[MINUTE] * waits, reply())
    assert setting.remote.read(READ).status == 200
    assert setting.machine.slept == [7.0] * waits


def test_after_a_limit_every_attempt_is_still_there_for_other_trouble(database: Database) -> None:
    troubles = [reply(503)] * (READ_ATTEMPTS_MAX - 1)
    setting = connect(database, *[MINUTE] * READ_ATTEMPTS_MAX, *troubles, reply())
    assert setting.remote.read(READ).status == 200


@pytest.mark.promise("S1-14", "S1-66")
def test_a_limited_write_is_sent_again_with_the_same_bytes_and_key(database: Database) -> None:
    setting = connect(database, MINUTE, MINUTE, reply())
    assert write(setting) == 200
    assert setting.machine.slept == [7.0, 7.0]
    assert {sent.content for sent in setting.wire.requests} == {WRITE.body}
    assert {sent.headers["idempotency-key"] for sent in setting.wire.requests} == {"key"}


def test_a_write_that_waited_too_long_needs_a_new_call(database: Database) -> None:
    slow = reply(429, Retry_After="119", X_Rate_Limit_Problem="minute")
    setting = connect(database, slow)
    with pytest.raises(NotApplied):
        write(setting)
    assert len(setting.wire.requests) == 3
    assert setting.machine.now - NOW == timedelta(seconds=238)


def left(*, day: int = 4_000, minute: int = 50, app: int = 9_000) -> httpx2.Response:
    return reply(
        200, {}, X_DayLimit_Remaining=str(day), X_MinLimit_Remaining=str(minute), X_AppMinLimit_Remaining=str(app)
    )


@pytest.mark.promise("S1-14")
def test_a_minute_that_runs_out_is_waited_for_before_it_is_met(database: Database) -> None:
    setting = connect(database, left(minute=50), left(minute=3), left(minute=59))
    for _ in range(3):
        setting.remote.read(READ)
    assert setting.machine.slept == [60.0]


@pytest.mark.promise("S1-15")
def test_the_days_last_calls_are_kept_for_looking_up(database: Database) -> None:
    setting = connect(database, left(day=4_000), left(day=399))
    setting.remote.read(READ)
    setting.remote.read(READ)
    for refused in (lambda: setting.remote.read(READ), lambda: write(setting)):
        with pytest.raises(RetryLater, match=r"399 calls left today.*Run again after 2026-11-20 02:30") as told:
            refused()
        assert (told.value.limit, told.value.after_s) == ("reserve", 3600)
    assert setting.machine.slept == []
    assert setting.remote.read(invoices_by_number(TENANT, ["SF-1"])).status == 200
    assert len(setting.wire.requests) == 3


def test_what_is_known_of_limits_survives_a_restart(database: Database) -> None:
    connect(database, left(minute=50), left(minute=4)).remote.read(READ)
    before = connect(database, left(minute=4))
    before.remote.read(READ)
    after = connect(database, left(minute=59))
    after.remote.read(READ)
    assert after.machine.slept == [60.0]


def test_an_update_that_had_to_wait_looks_at_its_target_again(database: Database) -> None:
    setting = connect(database, left(minute=50), left(minute=3), left(minute=59))
    setting.remote.read(READ)
    setting.remote.read(READ)
    with pytest.raises(NotApplied):
        setting.remote.write(COMMITTED, WRITE, setting.remote.access(), may_wait=False)
    assert len(setting.wire.requests) == 2


@pytest.mark.parametrize("age_s", [LOOK_S_MAX + 1, -1.0], ids=["it stood still", "its clock was set back"])
def test_an_update_whose_target_was_looked_at_too_long_ago_does_not_leave(database: Database, age_s: float) -> None:
    setting = connect(database, reply())
    looked_at = setting.machine.now - timedelta(seconds=age_s)
    with pytest.raises(NotApplied):
        setting.remote.write(COMMITTED, WRITE, setting.remote.access(), looked_at=looked_at)
    assert setting.wire.requests == []
    assert setting.remote.calls == 0


def test_an_update_whose_target_was_just_looked_at_leaves(database: Database) -> None:
    setting = connect(database, reply())
    looked_at = setting.machine.now - timedelta(seconds=LOOK_S_MAX)
    assert setting.remote.write(COMMITTED, WRITE, setting.remote.access(), looked_at=looked_at).status == 200


def test_bytes_are_counted_by_organisation_and_month_as_they_are_billed(database: Database) -> None:
    setting = connect(database, reply(200, "x" * 98))
    setting.remote.read(READ)
    setting.remote.read(READ)
    setting.remote.read(OrganisationRequest("GET", "/api.xro/2.0/Organisation", tenant=TENANT))
    with database.reading() as connection:
        assert load_received(connection, TENANT.id, NOW) == 200
        assert load_received(connection, TENANT.id, NOW + timedelta(days=30)) == 0


@pytest.mark.parametrize("body", [b'{"Invoices":[{"Inv', b"<html>Bad gateway</html>"])
def test_a_good_status_with_a_body_that_cannot_be_read_proves_nothing(database: Database, body: bytes) -> None:
    cut = httpx2.Response(200, content=body)
    with pytest.raises(OutcomeUnknown):
        write(connect(database, cut))
    assert connect(database, cut, reply()).remote.read(READ).body == b"{}"
    with pytest.raises(RetryLater):
        connect(database, cut).remote.read(READ)


def test_four_calls_at_a_time_and_the_fifth_waits(database_file: Database) -> None:
    started, go_on = threading.Semaphore(0), threading.Event()

    def slow(_request: httpx2.Request) -> httpx2.Response:
        started.release()
        go_on.wait(10)
        return reply()

    setting = connect(database_file, slow)
    threads = [threading.Thread(target=setting.remote.read, args=(READ,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert started.acquire(timeout=10)
    assert not started.acquire(timeout=0.2)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(setting.wire.requests) == 5


def test_a_limit_that_never_ends_is_given_up(database: Database) -> None:
    setting = connect(database, MINUTE)
    with pytest.raises(RetryLater, match="HTTP 429"):
        setting.remote.read(READ)
    assert len(setting.wire.requests) <= WAITS_FOR_LIMIT_MAX + READ_ATTEMPTS_MAX + 1


@pytest.mark.promise("S1-15")
@pytest.mark.parametrize(
    ("side", "refusal", "parked_s"),
    [
        (Side.XERO, DAY, 74000),
        (Side.SALESFORCE, reply(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}]), 3600),
    ],
)
@pytest.mark.parametrize("is_write", [True, False])
def test_the_day_limit_parks_and_nothing_is_sent_until_it_resets(
    database: Database, side: Side, refusal: httpx2.Response, parked_s: int, is_write: bool
) -> None:
    setting = connect(database, refusal, reply(), side=side)
    for _ in range(2):
        with pytest.raises(RetryLater, match="allows no more calls until 2026-11-2") as parked:
            _ = write(setting) if is_write else setting.remote.read(READS[side])
        assert (parked.value.limit, parked.value.after_s) == ("day", parked_s)
    assert len(setting.wire.requests) == 1
    with database.reading() as connection:
        assert load_quota(connection, HOMES[side]).parked_until == NOW + timedelta(seconds=parked_s)
    setting.grants.save(GRANT, side, "refresh", SECRETS, None)
    setting.machine.sleep(parked_s)
    assert setting.remote.read(READS[side]).status == 200


@pytest.mark.promise("S0-39")
@pytest.mark.parametrize(
    "indefinite",
    [reply(500), reply(502), reply(503), reply(504), httpx2.ReadTimeout("silent"), httpx2.RemoteProtocolError("cut")],
)
def test_a_write_of_unknown_outcome_is_never_sent_twice(database: Database, indefinite: Reply) -> None:
    setting = connect(database, indefinite, reply())
    with pytest.raises(OutcomeUnknown):
        write(setting)
    assert len(setting.wire.requests) == 1
    assert setting.machine.slept == []


def test_a_write_that_cannot_have_left_is_tried_again(database: Database) -> None:
    setting = connect(database, httpx2.ConnectError("refused"), httpx2.ConnectError("refused"), reply())
    assert write(setting) == 200
    assert len(setting.machine.slept) == 2


def test_a_vendor_that_cannot_be_reached_is_given_up(database: Database) -> None:
    setting = connect(database, httpx2.ConnectError("refused"))
    with pytest.raises(RetryLater, match=r"Nothing was changed; run again later\."):
        write(setting)
    assert len(setting.wire.requests) == READ_ATTEMPTS_MAX


@pytest.mark.promise("S0-38", "S1-54")
@pytest.mark.parametrize("trouble", [reply(500), reply(503), httpx2.ReadTimeout("silent"), httpx2.ConnectError("no")])
def test_a_read_is_repeated(database: Database, trouble: Reply) -> None:
    setting = connect(database, *[trouble] * (READ_ATTEMPTS_MAX - 1), reply())
    assert setting.remote.read(READ).status == 200
    assert len(setting.machine.slept) == READ_ATTEMPTS_MAX - 1


def test_a_read_is_given_up_after_its_last_attempt(database: Database) -> None:
    setting = connect(database, reply(503))
    with pytest.raises(RetryLater, match="not available"):
        setting.remote.read(READ)
    assert len(setting.wire.requests) == READ_ATTEMPTS_MAX


@pytest.mark.promise("S0-40")
def test_a_refusal_keeps_the_vendors_words_and_its_request_id(database: Database) -> None:
    body = {
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": "Account code '999' is not valid"}]}],
    }
    setting = connect(database, reply(400, body, xero_correlation_id="trace-7"))
    with pytest.raises(Rejected) as refused:
        write(setting)
    error = refused.value
    assert (error.status, error.code, error.request_id) == (400, "ValidationException", "trace-7")
    assert error.reasons == ("Account code '999' is not valid",)


@pytest.mark.parametrize("body", [b"<html>502</html>", b"", b"[]", b'"text"', json.dumps({"Elements": None}).encode()])
def test_a_refusal_that_cannot_be_read_is_still_told(database: Database, body: bytes) -> None:
    for side in Side:
        setting = connect(database, httpx2.Response(400, content=body), side=side)
        with pytest.raises(Rejected) as refused:
            setting.remote.read(READS[side])
        assert str(refused.value)


def test_no_token_is_in_what_is_told(database: Database) -> None:
    for answer in (reply(400), reply(403), reply(503), httpx2.ReadTimeout("silent"), DAY):
        setting = connect(database, answer)
        with pytest.raises(CrossfootError) as told:
            setting.remote.read(READ)
        assert "canary" not in f"{told.value!r} {told.value} {setting.remote.access()!r}"

"""One vendor as the engine talks to it: tokens, limits, waits and retries around single HTTP exchanges.

Reads are repeated here; a write is sent once per committed call, and again only after an answer that proves that
nothing was done. What cannot be known is raised as ``OutcomeUnknown`` and looked up by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from crossfoot.core.errors import Defect, NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.pacing import Kepts, Lane
from crossfoot.core.records import Side
from crossfoot.core.recovery import (
    CALL_RESEND_S_MAX,
    LOOK_S_MAX,
    READ_ATTEMPTS_MAX,
    WAITS_FOR_LIMIT_MAX,
    Next,
    Verdict,
    judge_answer,
    judge_loss,
)
from crossfoot.engine.calls.grants import Access, Grants
from crossfoot.engine.calls.pacing import Pacing, kept_by_side
from crossfoot.engine.host import Host
from crossfoot.http import Answer, Http, HttpRequest, Lost
from crossfoot.salesforce.requests import as_rejection
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection
from crossfoot.xero.errors import as_rejection as xero_rejection
from crossfoot.xero.oauth import MAKE_PAYMENTS
from crossfoot.xero.requests import OrganisationRequest, Tenant

RequestT = TypeVar("RequestT", bound=HttpRequest)


class NotApplied(Exception):
    """A write that definitely did nothing and cannot be sent under the same call any more: make a new one."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What every remote of a process shares."""

    http: Http
    grants: Grants
    database: Database
    host: Host
    kept: Mapping[Side, Kepts] = field(default_factory=kept_by_side)


class Remote(Generic[RequestT]):
    """Access to one org or organisation. An organisation's takes requests made for its tenant and no others."""

    def __init__(self, connection: StoredConnection, tools: Tools) -> None:
        self.connection = connection
        self.side = connection.side
        self.home = connection.home
        self.base = str(connection.settings["base"])
        self.calls = 0
        self.server_now: datetime | None = None
        self._http = tools.http
        self._grants = tools.grants
        self._host = tools.host
        self._tenant = Tenant(self.home) if self.side is Side.XERO and self.home else None
        self._pacing = Pacing(self.side, self.home, self.name, tools.database, tools.host, tools.kept[self.side])

    @property
    def name(self) -> str:
        """How messages call it."""
        return (
            f"Salesforce org {self.connection.name}"
            if self.side is Side.SALESFORCE
            else f"Xero organisation {self.connection.name}"
        )

    def access(self) -> Access:
        """The token that the next call will carry: a write's call is committed with its generation."""
        return self._grants.access(self.connection.grant_id)

    def lacks(self, wanted: Iterable[str]) -> list[str]:
        """Of some scopes of Xero those that it was connected without."""
        return self._grants.lacks(self.connection.grant_id, wanted)

    def may_make_payments(self) -> bool:
        """Whether Xero was connected with the permission to make payments."""
        return not self.lacks([MAKE_PAYMENTS])

    def freshen(self) -> None:
        """Renew a token that has been in use for long: between reads, since it ends their cursors (SF 1.4)."""
        self._grants.freshen(self.connection.grant_id)

    def renew(self) -> None:
        """A new token in place of one that was refused outside of a call of ours."""
        self._grants.renew(self.connection.grant_id, self.access().generation)

    def require_room(self, lane: Lane) -> None:
        """Raise ``RetryLater`` where calls of this lane must be left for later; ask before an intent is committed."""
        self._pacing.require_room(lane)

    def read(self, request: RequestT) -> Answer:
        """A read, repeated until it is answered or it is certain that it will not be."""
        attempt = waits = 0
        while True:
            attempt += 1
            self._pacing.admit(request.lane)
            access = self.access()
            verdict, answer, loss = self._once(request, access, intent="", attempt=attempt)
            if verdict.next is Next.READ and answer is not None:
                return answer
            if verdict.next is Next.RENEW:
                self._grants.renew(self.connection.grant_id, access.generation)
                continue
            if verdict.next is Next.WAIT and verdict.limit and waits < WAITS_FOR_LIMIT_MAX:
                waits += 1
                attempt -= 1
            elif verdict.next is not Next.WAIT or attempt > READ_ATTEMPTS_MAX:
                self._raise(verdict, answer, loss)
            self._host.sleep(verdict.wait_s)

    def write(
        self,
        call_id: str,
        request: RequestT,
        access: Access,
        *,
        may_wait: bool = True,
        looked_at: datetime | None = None,
    ) -> Answer:
        """Send a committed call. Returns an answer that says what was done, element by element.

        After a wait the same call is sent again, unless ``may_wait`` is False: what it stands on must then be looked at
        again first. An update says when its targets were ``looked_at``: it never waits, and leaves only while that look
        is fresh (I4).
        Raises ``OutcomeUnknown`` when it may have been done, ``NotApplied`` when it was not and needs a new call,
        ``Rejected`` when the whole call was refused, ``RetryLater`` when the organisation must be left alone.
        """
        started = self._host.now()
        may_wait = may_wait and looked_at is None
        attempt = 0
        while True:
            attempt += 1
            if self._pacing.admit(request.lane) and not may_wait:
                raise NotApplied
            verdict, answer, loss = self._once(request, access, intent=call_id, attempt=attempt, looked_at=looked_at)
            if verdict.next is Next.READ and answer is not None:
                return answer
            if verdict.next is Next.UNKNOWN:
                raise OutcomeUnknown(str(loss or f"{self.name} answered {answer.status if answer else 'nothing'}"))
            if verdict.next is Next.RENEW:
                self._grants.renew(self.connection.grant_id, access.generation)
                raise NotApplied
            if verdict.next is not Next.WAIT:
                self._raise(verdict, answer, loss)
            resume = self._host.now() + timedelta(seconds=verdict.wait_s)
            if (resume - started).total_seconds() > CALL_RESEND_S_MAX:
                raise NotApplied
            self._host.sleep(verdict.wait_s)
            if not may_wait:
                raise NotApplied

    def _once(
        self, request: RequestT, access: Access, *, intent: str, attempt: int, looked_at: datetime | None = None
    ) -> tuple[Verdict, Answer | None, Lost | None]:
        headers = {"Authorization": f"Bearer {access.token.reveal()}", **self._tenant_header(request)}
        self._host.point(f"send {self.side.value} {request.method} {request.path.rsplit('/', 1)[-1]}")
        try:
            with self._pacing.slot():
                self._require_fresh(looked_at)  # here, for the process may have stood still until now
                self.calls += 1
                answer = self._http.send(self.base, request, headers, intent=intent)
        except Lost as lost:
            self._host.point(f"lost {self.side.value} {request.method}")
            verdict = judge_loss(sent=lost.sent, is_write=bool(intent), attempt=attempt, jitter=self._host.jitter())
            return verdict, None, lost
        self.server_now = answer.date or self.server_now
        self._host.point(f"answered {self.side.value} {request.method}")
        verdict = judge_answer(
            status=answer.status,
            headers=answer.headers,
            text=answer.text if answer.status >= 400 else "",
            is_write=bool(intent),
            attempt=attempt,
            jitter=self._host.jitter(),
            readable=_is_table(request, answer) or _is_json(answer.body),
        )
        with suppress(RetryLater):  # a database that takes no note makes what was answered no less done
            self._pacing.note(answer, verdict, request.path)
        return verdict, answer, None

    def _require_fresh(self, looked_at: datetime | None) -> None:
        """Raise ``NotApplied`` where a target was looked at too long ago, or the clock was set back since."""
        if looked_at and not timedelta(0) <= self._host.now() - looked_at <= timedelta(seconds=LOOK_S_MAX):
            raise NotApplied

    def _tenant_header(self, request: RequestT) -> dict[str, str]:
        tenant = request.tenant if isinstance(request, OrganisationRequest) else None
        if tenant != self._tenant:
            raise Defect(f"{request.method} {request.path} is not a request to {self.name}; nothing was sent")
        return {"xero-tenant-id": tenant.id} if tenant else {}

    def _raise(self, verdict: Verdict, answer: Answer | None, loss: Lost | None) -> None:
        if verdict.next is Next.PARK:
            self._pacing.require_room(Lane.RECOVERY)
        if verdict.next is Next.RECONNECT:
            said = self._rejection(answer) if answer else None
            raise NeedsReauthorisation(
                f"{self.name} refused access ({said}). Run `crossfoot doctor`, then "
                f"`crossfoot connect {self.side.value}` if it says so."
            )
        if answer is None:
            raise RetryLater(f"{self.name}: {loss}. Nothing was changed; run again later.", after_s=60)
        if answer.status >= 500 or answer.status == 429 or answer.status < 300:
            raise RetryLater(f"{self.name} is not available (HTTP {answer.status}). Run again later.", after_s=60)
        raise self._rejection(answer)

    def _rejection(self, answer: Answer) -> Rejected:
        judge = as_rejection if self.side is Side.SALESFORCE else xero_rejection
        return judge(answer.status, answer.body, answer.request_id)


def _is_table(request: HttpRequest, answer: Answer) -> bool:
    """Whether a file of rows was asked for and came, as the bulk API sends results (SF 4.1)."""
    return request.headers.get("Accept") == "text/csv" and "csv" in answer.headers.get("content-type", "text/csv")


def _is_json(body: bytes) -> bool:
    """Whether a body can be read: an answer cut short, or a proxy's page, is none."""
    try:
        msgspec.json.decode(body or b"null", type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True

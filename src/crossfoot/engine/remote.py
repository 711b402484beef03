"""One vendor as the engine talks to it: tokens, limits, waits and retries around single HTTP exchanges.

Reads are repeated here; a write is sent once per committed call, and again only after an answer that proves that
nothing was done. What cannot be known is raised as ``OutcomeUnknown`` and looked up by the caller.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from crossfoot.core.errors import NeedsReauthorisation, OutcomeUnknown, Rejected, RetryLater
from crossfoot.core.records import Side
from crossfoot.core.recovery import (
    CALL_RESEND_S_MAX,
    READ_ATTEMPTS_MAX,
    WAITS_FOR_LIMIT_MAX,
    Next,
    Verdict,
    judge_answer,
    judge_loss,
)
from crossfoot.engine.grants import Access, Grants
from crossfoot.engine.host import Host
from crossfoot.http import Answer, Http, HttpRequest, Lost
from crossfoot.salesforce.requests import as_rejection
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection, load_quota, save_quota
from crossfoot.xero.errors import as_rejection as xero_rejection


class NotApplied(Exception):
    """A write that definitely did nothing and cannot be sent under the same call any more: make a new one."""


class Remote:
    """Access to one org or organisation."""

    def __init__(
        self, connection: StoredConnection, *, http: Http, grants: Grants, database: Database, host: Host
    ) -> None:
        self.connection = connection
        self.side = connection.side
        self.home = connection.home
        self.base = str(connection.settings["base"])
        self.calls = 0
        self.server_now: datetime | None = None
        self._http = http
        self._grants = grants
        self._database = database
        self._host = host

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

    def read(self, request: HttpRequest) -> Answer:
        """A read, repeated until it is answered or it is certain that it will not be."""
        attempt = waits = 0
        while True:
            attempt += 1
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

    def write(self, call_id: str, request: HttpRequest, access: Access, *, may_wait: bool = True) -> Answer:
        """Send a committed call. Returns an answer that says what was done, element by element.

        After a wait the same call is sent again, unless ``may_wait`` is False: an update's target must then be looked
        at again first.
        Raises ``OutcomeUnknown`` when it may have been done, ``NotApplied`` when it was not and needs a new call,
        ``Rejected`` when the whole call was refused, ``RetryLater`` when the organisation must be left alone.
        """
        started = self._host.now()
        attempt = 0
        while True:
            attempt += 1
            verdict, answer, loss = self._once(request, access, intent=call_id, attempt=attempt)
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
        self, request: HttpRequest, access: Access, *, intent: str, attempt: int
    ) -> tuple[Verdict, Answer | None, Lost | None]:
        self._refuse_while_parked()
        headers = {"Authorization": f"Bearer {access.token.reveal()}"}
        if self.side is Side.XERO:
            headers["xero-tenant-id"] = self.home
        self.calls += 1
        self._host.point(f"send {self.side.value} {request.method} {request.path.rsplit('/', 1)[-1]}")
        try:
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
        )
        self._note_limits(answer, verdict)
        return verdict, answer, None

    def _refuse_while_parked(self) -> None:
        with self._database.reading() as connection:
            _, _, parked_until = load_quota(connection, self.home)
        if parked_until and parked_until > self._host.now():
            wait = (parked_until - self._host.now()).total_seconds()
            raise RetryLater(
                f"{self.name} allows no more calls until {parked_until:%Y-%m-%d %H:%M} UTC. Run again after that.",
                after_s=wait,
                limit="day",
            )

    def _note_limits(self, answer: Answer, verdict: Verdict) -> None:
        if verdict.next is not Next.PARK:
            return
        day = answer.headers.get("x-daylimit-remaining", "")
        now = self._host.now()
        with self._database.writing("quota") as connection:
            save_quota(
                connection,
                self.home,
                now,
                day_remaining=int(day) if day.isdigit() else None,
                minute_remaining=None,
                parked_until=now + timedelta(seconds=verdict.wait_s),
            )

    def _raise(self, verdict: Verdict, answer: Answer | None, loss: Lost | None) -> None:
        if verdict.next is Next.PARK:
            self._refuse_while_parked()
        if verdict.next is Next.RECONNECT:
            said = self._rejection(answer) if answer else None
            raise NeedsReauthorisation(
                f"{self.name} refused access ({said}). Run `crossfoot doctor`, then "
                f"`crossfoot connect {self.side.value}` if it says so."
            )
        if answer is None:
            raise RetryLater(f"{self.name}: {loss}. Nothing was changed; run again later.", after_s=60)
        if answer.status >= 500 or answer.status == 429:
            raise RetryLater(f"{self.name} is not available (HTTP {answer.status}). Run again later.", after_s=60)
        raise self._rejection(answer)

    def _rejection(self, answer: Answer) -> Rejected:
        judge = as_rejection if self.side is Side.SALESFORCE else xero_rejection
        return judge(answer.status, answer.body, answer.request_id)

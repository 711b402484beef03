"""Grants: the tokens of a connection, sealed at rest, renewed one at a time and stored before they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import msgspec

from crossfoot.core.errors import CrossfootError, NeedsReauthorisation, RetryLater
from crossfoot.core.records import Side
from crossfoot.engine.host import Host
from crossfoot.http import TOKEN_EXCHANGE, Answer, Http, HttpRequest, Lost
from crossfoot.salesforce import oauth as salesforce_oauth
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredGrant, load_grant, save_grant
from crossfoot.vault.envelope import VaultKey, associated_data, open_sealed, seal
from crossfoot.vault.secret import Secret
from crossfoot.xero import oauth as xero_oauth

RENEW_BEFORE_S = 120
SESSION_AGE = timedelta(hours=1)
REFRESH_GRACE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=60)
EXCHANGE_ATTEMPTS_MAX = 4
CLIENT_CREDENTIALS = "client_credentials"


class GrantSecrets(msgspec.Struct, frozen=True):
    """What is sealed: never logged, never printed."""

    token_base: str
    client_id: str
    client_secret: str = ""
    access_token: str = ""
    refresh_token: str = ""
    previous_refresh_token: str = ""
    """The one that was replaced last: Xero takes it for half an hour more (XERO 1.5)."""
    scope: str = ""
    """What was granted, as Xero told it with the tokens; empty where that was never told."""

    def __repr__(self) -> str:
        return "GrantSecrets(***)"


@dataclass(frozen=True, slots=True)
class Access:
    """A usable access token and its generation, which rises with every new one."""

    token: Secret
    generation: int


class Grants:
    """Gives access tokens. A refresh is single-flight, and its result is durable before first use.

    Several sessions of one process share ``renewing``, since a refresh token that is used twice may end the grant.
    """

    def __init__(
        self,
        database: Database,
        http: Http,
        host: Host,
        load_key: Callable[[], VaultKey],
        renewing: Lock | None = None,
    ) -> None:
        self._database = database
        self._http = http
        self._host = host
        self._load_key = load_key
        self._lock = renewing or Lock()
        self._held: dict[str, tuple[Access, datetime | None]] = {}

    def save(
        self,
        grant_id: str,
        side: Side,
        kind: str,
        secrets: GrantSecrets,
        expires: datetime | None,
        *,
        seen_generation: int | None = None,
    ) -> bool:
        """Seal and keep a new grant, or new tokens of a known one unless it has newer ones than ``seen_generation``."""
        self._held.pop(grant_id, None)
        with self._database.writing("grant", fenced=False) as connection:  # lost tokens would lock everyone out
            known = load_grant(connection, grant_id)
            if known and seen_generation is not None and known.generation != seen_generation:
                return False
            stored = StoredGrant(
                id=grant_id,
                side=side,
                kind=kind,
                sealed=self._seal(grant_id, secrets),
                generation=(known.generation if known else 0) + 1,
                access_expires_at=expires,
            )
            save_grant(connection, stored, self._host.now())
        return True

    def _seal(self, grant_id: str, secrets: GrantSecrets) -> bytes:
        return seal(msgspec.json.encode(secrets), key=self._load_key(), associated=associated_data(grant_id, "grant"))

    def _load(self, grant_id: str) -> tuple[StoredGrant, GrantSecrets]:
        with self._database.reading() as connection:
            stored = load_grant(connection, grant_id)
        if stored is None:
            raise NeedsReauthorisation("There is no grant for this connection. Run `crossfoot connect`.")
        opened = open_sealed(stored.sealed, key=self._load_key(), associated=associated_data(grant_id, "grant"))
        return stored, msgspec.json.decode(opened, type=GrantSecrets)

    def access(self, grant_id: str) -> Access:
        """A token that will live for the next two minutes at least. One that was read once is kept for as long: where
        another process has renewed it since, the vendor refuses it, and ``renew`` finds the newer one."""
        soon = self._host.now() + timedelta(seconds=RENEW_BEFORE_S)
        access, expires = self._held.get(grant_id) or self._stored(grant_id)
        if access.token and (expires is None or expires > soon):
            self._held[grant_id] = access, expires
            return access
        return self.renew(grant_id, access.generation)

    def _stored(self, grant_id: str) -> tuple[Access, datetime | None]:
        stored, secrets = self._load(grant_id)
        return Access(Secret(secrets.access_token), stored.generation), stored.access_expires_at

    def renew(self, grant_id: str, seen_generation: int) -> Access:
        """A newer token than ``seen_generation``; whoever comes second, in this process or another, takes that one."""
        with self._lock:
            self._held.pop(grant_id, None)
            stored, secrets = self._load(grant_id)
            if stored.generation > seen_generation and secrets.access_token:
                return Access(Secret(secrets.access_token), stored.generation)
            fresh, expires = self._exchange(stored, secrets)
            seen = stored.generation
            if not self.save(grant_id, stored.side, stored.kind, fresh, expires, seen_generation=seen):
                stored, fresh = self._load(grant_id)
                return Access(Secret(fresh.access_token), stored.generation)
            return Access(Secret(fresh.access_token), seen + 1)

    def freshen(self, grant_id: str) -> None:
        """Renew a token whose end is not told, once it is an hour old."""
        stored, _ = self._load(grant_id)
        if stored.access_expires_at is not None or stored.issued_at is None:
            return
        if self._host.now() - stored.issued_at > SESSION_AGE:
            self.renew(grant_id, stored.generation)

    def lacks(self, grant_id: str, wanted: Iterable[str]) -> list[str]:
        """Of some scopes of Xero those that were not granted; a grant that tells no scope was made when all of them
        were asked for."""
        granted = self._load(grant_id)[1].scope.split()
        return [each for each in wanted if granted and not {each, each.removesuffix(".read")} & {*granted}]

    def secrets(self, grant_id: str) -> GrantSecrets:
        """What is sealed, to end the access with."""
        return self._load(grant_id)[1]

    def _exchange(self, stored: StoredGrant, secrets: GrantSecrets) -> tuple[GrantSecrets, datetime | None]:
        try:
            answer = self._ask(stored, secrets, secrets.refresh_token)
        except NeedsReauthorisation as refused:
            if refused.code != "invalid_grant" or not self._in_grace(stored, secrets):
                raise
            answer = self._ask(stored, secrets, secrets.previous_refresh_token)
        return read_tokens(stored.side, answer, secrets, self._host.now())

    def _in_grace(self, stored: StoredGrant, secrets: GrantSecrets) -> bool:
        if stored.side is not Side.XERO or not secrets.previous_refresh_token or stored.issued_at is None:
            return False
        return self._host.now() - stored.issued_at < REFRESH_GRACE

    def _ask(self, stored: StoredGrant, secrets: GrantSecrets, refresh_token: str) -> Answer:
        oauth = xero_oauth if stored.side is Side.XERO else salesforce_oauth
        if stored.kind == CLIENT_CREDENTIALS:
            payments = xero_oauth.scopes(payments=not self.lacks(stored.id, [xero_oauth.MAKE_PAYMENTS]))
            request = client_credentials(stored.side, secrets.client_id, secrets.client_secret, payments)
        else:
            request = oauth.refresh(secrets.client_id, secrets.client_secret, refresh_token)
        return exchange(self._http, self._host, secrets.token_base, request, stored.side)


def client_credentials(side: Side, client_id: str, client_secret: str, scopes: Iterable[str]) -> HttpRequest:
    """Ask for a token of the app's own user. At Salesforce the app says what it may do, so that nothing is asked."""
    if side is Side.XERO:
        return xero_oauth.client_credentials(client_id, client_secret, scopes)
    return salesforce_oauth.client_credentials(client_id, client_secret)


def consent_ends(grant: StoredGrant) -> datetime | None:
    """When a person's consent ends unless a command refreshes it before: Xero tells no expiry (XERO 1.5)."""
    if grant.side is not Side.XERO or grant.kind == CLIENT_CREDENTIALS or grant.issued_at is None:
        return None
    return grant.issued_at + REFRESH_LIFE


def exchange(http: Http, host: Host, base: str, request: HttpRequest, side: Side) -> Answer:
    """Ask for tokens. A lost answer is asked for again: Xero lets the old refresh token live 30 minutes for that."""
    for attempt in range(1, EXCHANGE_ATTEMPTS_MAX + 1):
        try:
            answer = http.send(base, request, {}, intent=TOKEN_EXCHANGE)
        except Lost as lost:
            problem: CrossfootError = RetryLater(f"{side.value.title()} gave no token: {lost}", after_s=60)
        else:
            if answer.status == 200 and _is_whole(answer):
                return answer
            if 200 < answer.status < 500 and answer.status != 429:
                raise _token_refusal(side, answer)
            problem = RetryLater(f"{side.value.title()} answered {answer.status} to a token request", after_s=60)
        if attempt < EXCHANGE_ATTEMPTS_MAX:
            host.sleep(attempt + host.jitter())
    raise problem


def _is_whole(answer: Answer) -> bool:
    """Whether the body can be read: one that was cut short, or a proxy's page, is asked for again as a lost one is."""
    try:
        msgspec.json.decode(answer.body, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


def _token_refusal(side: Side, answer: Answer) -> NeedsReauthorisation:
    try:
        said = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        said = None
    known = said if isinstance(said, dict) else {}
    words = " ".join(str(known[key]) for key in ("error", "error_description") if key in known)
    return NeedsReauthorisation(
        f"{side.value.title()} refused access ({words or answer.status}). "
        f"Run `crossfoot connect {side.value}` to grant it again; nothing is lost meanwhile.",
        code=str(known.get("error", "")),
    )


def read_tokens(
    side: Side, answer: Answer, secrets: GrantSecrets, now: datetime
) -> tuple[GrantSecrets, datetime | None]:
    """The secrets with the new tokens in them, and when the access token ends (unknown for Salesforce)."""
    if side is Side.XERO:
        tokens = msgspec.json.decode(answer.body, type=xero_oauth.Tokens)
        fresh = replace_tokens(secrets, tokens.access_token, tokens.refresh_token)
        fresh = msgspec.structs.replace(fresh, scope=tokens.scope or secrets.scope)
        return fresh, now + timedelta(seconds=tokens.expires_in)
    granted = msgspec.json.decode(answer.body, type=salesforce_oauth.Tokens)
    if (
        secrets.client_secret
        and granted.signature
        and not salesforce_oauth.signature_holds(granted, secrets.client_secret)
    ):
        raise NeedsReauthorisation("Salesforce's token answer is not signed with this app's secret; it is not used.")
    return replace_tokens(secrets, granted.access_token, granted.refresh_token), None


def replace_tokens(secrets: GrantSecrets, access_token: str, refresh_token: str) -> GrantSecrets:
    """New tokens; the refresh token stays where none came, and is kept as the previous one where one did."""
    if not refresh_token or refresh_token == secrets.refresh_token:
        return msgspec.structs.replace(secrets, access_token=access_token)
    return msgspec.structs.replace(
        secrets,
        access_token=access_token,
        refresh_token=refresh_token,
        previous_refresh_token=secrets.refresh_token,
    )

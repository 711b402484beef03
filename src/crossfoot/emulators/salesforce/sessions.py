"""Logins, sessions, grants and refresh-token families: what a token is good for, and what ends it (SF 1.3-1.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.world import Row, World

Session = dict[str, Any]


def user_of(world: World, user_id: str) -> Row:
    return world.rows["User"][user_id]


def user_named(world: World, username: object) -> Row | None:
    """The active user of that name, which counts without case."""
    folded = str(username).lower()
    users = world.rows["User"].values()
    return next((each for each in users if each["Username"].lower() == folded and each.get("IsActive")), None)


def log_in(world: World, username: str, password: str, now: datetime, *, token: bool = False) -> Row | None:
    """The user whom a name and a password admit; where ``token`` is set, the security token may follow the password.

    Every user of an emulated org has the same password.
    """
    user = user_named(world, username)
    right = str(world.settings["password"])
    accepted = (right, right + str(world.settings["security_token"])) if token else (right,)
    if user is None or not any(compare_digest(password.encode(), each.encode()) for each in accepted):
        return None
    count_login(world, user["Id"], now)
    return user


def count_login(world: World, user_id: str, now: datetime) -> None:
    """A user may log in a limited number of times an hour (SF 1.3)."""
    hour = now.astimezone(UTC).strftime("%Y-%m-%dT%H")
    seen = world.logins.get(user_id)
    count = seen["count"] if seen is not None and seen["hour"] == hour else 0
    if count >= world.settings["logins_per_hour"]:
        raise OAuthError("rate_limit_exceeded", "login rate exceeded")
    world.logins[user_id] = {"hour": hour, "count": count + 1}


def open_session(world: World, user_id: str, scope: str, now: datetime, family: str | None = None) -> str:
    """A new access token: opaque, with the org id before the exclamation mark. Sessions that have lapsed go."""
    for token in [token for token, each in world.sessions.items() if _has_lapsed(world, each, now)]:
        end_session(world, token)
    token = f"{world.organization['Id'][:15]}!AQ{world.random_text(80)}"
    world.sessions[token] = {"user": user_id, "family": family, "scope": scope, "seen": now, "opened": now}
    return token


def end_session(world: World, token: str | None) -> None:
    """A session ends with its query cursors."""
    if token is not None and world.sessions.pop(token, None) is not None:
        world.cursors = {key: each for key, each in world.cursors.items() if each["session"] != token}


def _has_lapsed(world: World, session: Mapping[str, Any], now: datetime) -> bool:
    """Whether a session's idle time has run out; a ready one's begins with its first use."""
    idle_s_max = timedelta(seconds=world.settings["session_timeout_s"])
    return session["seen"] is not None and now - session["seen"] > idle_s_max


def session_of(world: World, token: str, now: datetime) -> Session | None:
    """The live session of a token. Its life slides: each use begins the idle time-out anew."""
    session = world.sessions.get(token)
    if session is None:
        return None
    if _has_lapsed(world, session, now):
        end_session(world, token)
        return None
    user = world.row("User", session["user"])
    if user is None or not user.get("IsActive"):
        return None
    session["seen"] = now
    return session


def live_session(world: World, token: str, now: datetime) -> Session | None:
    """The session of a token if it is live; looking does not prolong it."""
    session = world.sessions.get(token)
    return None if session is None or _has_lapsed(world, session, now) else session


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header, in its present or its legacy spelling (SF 1.5)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} else ""


def open_family(world: World, user_id: str, app_key: str, scope: str, now: datetime) -> tuple[str, str]:
    """A new approval of an app by a user: its first access token and its first refresh token.

    A user has few live approvals of one app; one more ends the oldest (SF 1.3).
    """
    live = [name for name, each in world.families.items() if _is_approval(world, each, user_id, app_key)]
    for name in live[: max(0, len(live) + 1 - world.settings["approvals_max"])]:
        end_family(world, name)
    family = world.random_text(20)
    access_token = open_session(world, user_id, scope, now, family)
    world.families[family] = {
        "user": user_id,
        "app": app_key,
        "scope": scope,
        "current": None,
        "session": access_token,
        "live": True,
    }
    return access_token, _rotate(world, family, now)


def _is_approval(world: World, family: Mapping[str, Any], user_id: str, app_key: str) -> bool:
    return bool(family["live"]) and family["user"] == user_id and app_of(world, family) == app_key


def has_approved(world: World, user_id: str, app_key: str) -> bool:
    """Whether the user has approved the app in a browser, and nothing has ended that since."""
    return any(_is_approval(world, each, user_id, app_key) for each in world.families.values())


def app_of(world: World, family: Mapping[str, Any]) -> str:
    """The consumer key that a family was granted to; the org's own app where its state does not say."""
    return str(family.get("app", world.settings["consumer_key"]))


def _rotate(world: World, family: str, now: datetime) -> str:
    token = f"5Aep861{world.random_text(80)}"
    world.refresh_tokens[token] = family
    world.families[family] |= {"current": token, "used": now}
    return token


def refresh(world: World, token: str, app_key: str, now: datetime) -> tuple[str, str | None, str, str]:
    """Use a refresh token: access token, next refresh token (under rotation), user, scope.

    Under rotation the family's earlier session ends, and a token that was rotated away ends the whole family (SF 1.4).
    One that lay idle too long is dead (SF 1.1).
    """
    expired = OAuthError("invalid_grant", "expired access/refresh token")
    family = world.families.get(world.refresh_tokens.get(token, ""))
    if family is None or not family["live"] or app_of(world, family) != app_key:
        raise expired
    name = world.refresh_tokens[token]
    used = family.get("used")
    idle = used is not None and now - used > timedelta(days=world.settings["refresh_token_idle_days"])
    if family["current"] != token or idle:
        end_family(world, name)
        raise expired
    if not user_of(world, family["user"]).get("IsActive"):
        raise OAuthError("inactive_user", "user is not active")
    if world.settings["refresh_token_rotation"]:
        end_session(world, family["session"])
    family["session"] = open_session(world, family["user"], family["scope"], now, name)
    family["used"] = now
    rotated = _rotate(world, name, now) if world.settings["refresh_token_rotation"] else None
    return family["session"], rotated, family["user"], family["scope"]


def end_family(world: World, name: str) -> None:
    """End an approval with its sessions: there are several where refresh tokens do not rotate."""
    world.families[name]["live"] = False
    for token in [token for token, session in world.sessions.items() if session["family"] == name]:
        end_session(world, token)


def revoke(world: World, token: str) -> bool:
    """End an access token, or a refresh token with its sessions."""
    if token in world.refresh_tokens:
        end_family(world, world.refresh_tokens[token])
        return True
    known = token in world.sessions
    end_session(world, token)
    return known

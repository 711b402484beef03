"""Sessions, grants and refresh-token families: what a token is good for, and what ends it (SF 1.3-1.5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.world import Row, World


def open_session(world: World, user_id: str, scope: str, now: datetime, family: str | None = None) -> str:
    """A new access token: opaque, with the org id before the exclamation mark."""
    token = f"{world.organization['Id'][:15]}!AQ{world.random_text(80)}"
    world.sessions[token] = {"user": user_id, "family": family, "scope": scope, "seen": now}
    return token


def end_session(world: World, token: str | None) -> None:
    """A session ends with its query cursors."""
    if token is not None and world.sessions.pop(token, None) is not None:
        world.cursors = {key: each for key, each in world.cursors.items() if each["session"] != token}


def session_of(world: World, token: str, now: datetime) -> dict[str, Any] | None:
    """The live session of a token. Its life slides: each use begins the idle time-out anew."""
    session = world.sessions.get(token)
    if session is None:
        return None
    if session["seen"] is not None and now - session["seen"] > timedelta(seconds=world.settings["session_timeout_s"]):
        end_session(world, token)
        return None
    user = world.row("User", session["user"])
    if user is None or not user.get("IsActive"):
        return None
    session["seen"] = now
    return session


def bearer(headers: dict[str, str]) -> str:
    """The token of an Authorization header, in its present or its legacy spelling (SF 1.5)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} else ""


def open_family(world: World, user_id: str, scope: str, now: datetime) -> tuple[str, str]:
    """A new grant of a user: its first access token and its first refresh token."""
    family = world.random_text(20)
    access_token = open_session(world, user_id, scope, now, family)
    world.families[family] = {"user": user_id, "scope": scope, "current": None, "session": access_token, "live": True}
    return access_token, _rotate(world, family)


def _rotate(world: World, family: str) -> str:
    token = f"5Aep861{world.random_text(80)}"
    world.refresh_tokens[token] = family
    world.families[family]["current"] = token
    return token


def refresh(world: World, token: str, now: datetime) -> tuple[str, str | None, str, str]:
    """Use a refresh token: access token, next refresh token (under rotation), user, scope.

    The family's earlier session ends. A token that was rotated away ends the whole family (SF 1.4).
    """
    family = world.families.get(world.refresh_tokens.get(token, ""))
    if family is None or not family["live"]:
        raise OAuthError("invalid_grant", "expired access/refresh token")
    name = world.refresh_tokens[token]
    if family["current"] != token:
        end_family(world, name)
        raise OAuthError("invalid_grant", "expired access/refresh token")
    if not user_of(world, family["user"]).get("IsActive"):
        raise OAuthError("inactive_user", "user is not active")
    end_session(world, family["session"])
    family["session"] = open_session(world, family["user"], family["scope"], now, name)
    rotated = _rotate(world, name) if world.settings["refresh_token_rotation"] else None
    return family["session"], rotated, family["user"], family["scope"]


def end_family(world: World, name: str) -> None:
    family = world.families[name]
    family["live"] = False
    end_session(world, family["session"])


def revoke(world: World, token: str) -> bool:
    """End an access token, or a refresh token with its sessions."""
    if token in world.refresh_tokens:
        end_family(world, world.refresh_tokens[token])
        return True
    known = token in world.sessions
    end_session(world, token)
    return known


def user_of(world: World, user_id: str) -> Row:
    return world.rows["User"][user_id]

"""The two pages that a person sees on the way to a code: log in, then allow or deny (SF 1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from crossfoot.emulators.pages import hidden_fields, page_response
from crossfoot.emulators.wire import Response

AUTHORIZE_PATH = "/services/oauth2/authorize"
# What a person types or clicks, as against what the client asked for.
TYPED = frozenset({"username", "password", "step", "visit", "decision"})
_SCOPES: Mapping[str, str] = {
    "api": "Manage user data via APIs",
    "full": "Full access",
    "id": "Access the identity URL service",
    "openid": "Access unique user identifiers",
    "profile": "Access your basic information",
    "refresh_token": "Perform requests at any time",
    "offline_access": "Perform requests at any time",
    "web": "Manage user data via Web browsers",
}


def login_page(organisation: str, asked: Mapping[str, str], *, username: str, problem: str = "") -> Response:
    """Username and password. ``asked`` is what the client asked for, carried along in hidden fields."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    content = f"""<h1>Log in to Salesforce</h1><p>{escape(organisation)}, emulated</p>{alert}
<form method="post" action="{AUTHORIZE_PATH}">{hidden_fields(asked)}
<label for="username">Username</label>
<input id="username" name="username" value="{escape(username)}" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button class="main" id="Login" name="step" value="login">Log in</button></form>"""
    return page_response("Log in | Salesforce emulator", content)


def allow_page(organisation: str, asked: Mapping[str, str], *, username: str, visit: str, scope: str) -> Response:
    """Allow or deny, for the person who has just logged in on this ``visit``."""
    wishes = _list(_SCOPES.get(each, each) for each in scope.split())
    content = f"""<h1>Allow access?</h1><p>{escape(organisation)}, emulated</p>
<p>The app is asking to:</p><ul>{wishes}</ul><p>You are logged in as {escape(username)}.</p>
<form method="post" action="{AUTHORIZE_PATH}">{hidden_fields({**asked, "visit": visit})}
<button id="oadeny" name="decision" value="deny">Deny</button>
<button class="main" id="oaapprove" name="decision" value="allow">Allow</button></form>"""
    return page_response("Allow access? | Salesforce emulator", content)


def _list(items: Iterable[str]) -> str:
    return "".join(f"<li>{escape(each)}</li>" for each in items)

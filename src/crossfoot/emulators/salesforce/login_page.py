"""The two pages that a person sees on the way to a code: log in, then allow or deny (SF 1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

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
_STYLE = """
body{margin:0;background:#f3f5f8;color:#1b2430;font:16px/1.5 system-ui,sans-serif}
main{max-width:24rem;margin:10vh auto;padding:2rem;background:#fff;border:1px solid #d5dbe3;border-radius:.5rem}
h1{margin:0;font-size:1.35rem}main>p:first-of-type{margin:0 0 1.25rem;color:#55606e}
label{display:block;margin:.75rem 0 .25rem;font-weight:600}
input{box-sizing:border-box;width:100%;padding:.55rem;border:1px solid #7b8794;border-radius:.25rem;font:inherit}
button{margin:1.25rem .5rem 0 0;padding:.55rem 1.1rem;border:1px solid #0b5cab;border-radius:.25rem;font:inherit;
background:#fff;color:#0b5cab;cursor:pointer}
button.main{background:#0b5cab;color:#fff}
input:focus-visible,button:focus-visible{outline:3px solid #f2a900;outline-offset:1px}
[role=alert]{margin:0 0 1rem;padding:.6rem;border-left:4px solid #ba0517;background:#fdecee}
"""


def login_page(organisation: str, asked: Mapping[str, str], *, username: str, problem: str = "") -> Response:
    """Username and password. ``asked`` is what the client asked for, carried along in hidden fields."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    content = f"""<h1>Log in to Salesforce</h1><p>{escape(organisation)}, emulated</p>{alert}
<form method="post" action="{AUTHORIZE_PATH}">{_hidden(asked)}
<label for="username">Username</label>
<input id="username" name="username" value="{escape(username)}" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button class="main" id="Login" name="step" value="login">Log in</button></form>"""
    return _page("Log in", content)


def allow_page(organisation: str, asked: Mapping[str, str], *, username: str, visit: str, scope: str) -> Response:
    """Allow or deny, for the person who has just logged in on this ``visit``."""
    wishes = _list(_SCOPES.get(each, each) for each in scope.split())
    content = f"""<h1>Allow access?</h1><p>{escape(organisation)}, emulated</p>
<p>The app is asking to:</p><ul>{wishes}</ul><p>You are logged in as {escape(username)}.</p>
<form method="post" action="{AUTHORIZE_PATH}">{_hidden({**asked, "visit": visit})}
<button id="oadeny" name="decision" value="deny">Deny</button>
<button class="main" id="oaapprove" name="decision" value="allow">Allow</button></form>"""
    return _page("Allow access?", content)


def _hidden(fields: Mapping[str, str]) -> str:
    """Hidden fields."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )


def _list(items: Iterable[str]) -> str:
    return "".join(f"<li>{escape(each)}</li>" for each in items)


def _page(title: str, content: str) -> Response:
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | Salesforce emulator</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main>{content}</main></body></html>"""
    headers = (("Content-Type", "text/html;charset=UTF-8"), ("Cache-Control", "no-store"), ("X-Frame-Options", "DENY"))
    return Response(200, headers, page.encode())

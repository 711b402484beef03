"""The OAuth and identity endpoints by path, and authorize: log in, allow, and go back with a code (SF 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from crossfoot.emulators.salesforce import identity, sessions, tokens
from crossfoot.emulators.salesforce.apps import App, find_app
from crossfoot.emulators.salesforce.errors import IdentityError, OAuthError
from crossfoot.emulators.salesforce.login_page import AUTHORIZE_PATH, TYPED, allow_page, login_page
from crossfoot.emulators.salesforce.tokens import JSON
from crossfoot.emulators.salesforce.values import to_json
from crossfoot.emulators.salesforce.world import Row, World
from crossfoot.emulators.wire import Request, Response

VISIT_LIFE = timedelta(minutes=15)
CODES_KEPT = timedelta(days=1)  # a code that has expired is known as such for this long
Form = Mapping[str, str]
Serve = Callable[[World, Form, Mapping[str, str], datetime], Response]


def serve(world: World, request: Request, now: datetime) -> Response | None:
    """The answer of an OAuth or identity endpoint; None when the path is not one."""
    path = request.path.rstrip("/")
    methods, endpoint = _ENDPOINTS.get(path, (frozenset({"GET", "POST"}), None))
    form = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.method == "POST":
        form |= dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        if path == AUTHORIZE_PATH:
            return _authorize(world, request.method, form, now)
        if endpoint is not None:
            if request.method not in methods:
                raise OAuthError("invalid_request", f"must use HTTP {' or '.join(sorted(methods))}")
            return endpoint(world, form, request.headers, now)
        if path.startswith("/id/"):
            return identity.identity(world, path, form, request.headers, now)
    except OAuthError as error:
        return Response(error.status, JSON, to_json({"error": error.error, "error_description": error.description}))
    except IdentityError as error:
        return Response(403, (("Content-Type", "text/html;charset=UTF-8"),), str(error).encode())
    return None


def _authorize(world: World, method: str, form: Form, now: datetime) -> Response:
    """The pages on which a person logs in and allows the app, or one plain POST of all that they would type and click.
    What is wrong with the app is shown here; everything else goes back to the client by redirect."""
    app = find_app(world, form.get("client_id"))
    if form.get("redirect_uri") not in world.settings["redirect_uris"]:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    refusal = _refuse_authorization(world, method, form)
    if refusal:
        return _redirect(form, error=refusal.error, error_description=refusal.description)
    user, problem = _who(world, form, now) if method == "POST" else (None, "")
    asked = {name: value for name, value in form.items() if name not in TYPED}
    name = str(world.settings["name"])
    if user is None:
        hint = form.get("username") or form.get("login_hint") or str(world.settings["username"])
        return login_page(name, asked, username=hint, problem=problem)
    if form.get("step") == "login" or ("visit" in form and form.get("decision") != "allow"):
        visit = _open_visit(world, user, now)
        return allow_page(name, asked, username=user["Username"], visit=visit, scope=_scope(world, form))
    return _redirect(form, code=_new_code(world, app, user, form, now))


def _refuse_authorization(world: World, method: str, form: Form) -> OAuthError | None:
    """Why the client gets no code, if so: told by redirect (SF 1.1, 1.3)."""
    if world.settings["app_error"]:
        return OAuthError(world.settings["app_error"], "this app is blocked by admin")
    if form.get("response_type") != "code":
        return OAuthError("unsupported_response_type", "response type not supported")
    if not set(_scope(world, form).split()) <= {*world.settings["scopes"], "offline_access"}:
        return OAuthError("invalid_scope", "the requested scope is not allowed")
    if world.settings["pkce_required"] and not form.get("code_challenge"):
        return OAuthError("invalid_request", "missing required code challenge")
    if form.get("code_challenge") and form.get("code_challenge_method", "S256") != "S256":
        return OAuthError("invalid_request", "invalid code challenge method")
    if method == "POST" and form.get("decision") == "deny":
        return OAuthError("access_denied", "end-user denied authorization")
    return None


def _scope(world: World, form: Form) -> str:
    return form.get("scope", "").strip() or " ".join(world.settings["scopes"])


def _who(world: World, form: Form, now: datetime) -> tuple[Row | None, str]:
    """Who answers the page: the person who logged in on an earlier page, or who logs in with this one. Or the problem
    to show."""
    if "visit" in form:
        visit = world.visits.pop(form["visit"], None)
        if visit is None or now - visit["made"] > VISIT_LIFE:
            return None, "Your login has timed out. Please log in again."
        return sessions.user_of(world, visit["user"]), ""
    if "username" not in form:
        return None, ""
    try:
        user = sessions.log_in(world, form["username"], form.get("password", ""), now)
    except OAuthError as error:
        return None, error.description
    return user, "" if user else "Please check your username and password."


def _open_visit(world: World, user: Row, now: datetime) -> str:
    """Remember a login until the person allows or denies."""
    world.visits = {name: each for name, each in world.visits.items() if now - each["made"] <= VISIT_LIFE}
    visit = world.random_text(40)
    world.visits[visit] = {"user": user["Id"], "made": now}
    return visit


def _new_code(world: World, app: App, user: Row, form: Form, now: datetime) -> str:
    world.codes = {code: each for code, each in world.codes.items() if now - each["made"] <= CODES_KEPT}
    code = f"aPrx{world.random_text(60)}"
    world.codes[code] = {
        "user": user["Id"],
        "app": app.key,
        "redirect_uri": form["redirect_uri"],
        "scope": _scope(world, form),
        "challenge": form.get("code_challenge"),
        "nonce": form.get("nonce"),
        "made": now,
    }
    return code


def _redirect(form: Form, **answer: str) -> Response:
    state = {"state": form["state"]} if "state" in form else {}
    joint = "&" if "?" in form["redirect_uri"] else "?"
    return Response(302, (("Location", form["redirect_uri"] + joint + urlencode({**answer, **state})),))


_GET, _POST, _EITHER = frozenset({"GET"}), frozenset({"POST"}), frozenset({"GET", "POST"})
_ENDPOINTS: Mapping[str, tuple[frozenset[str], Serve]] = {
    "/services/oauth2/token": (_POST, tokens.token),
    "/services/oauth2/revoke": (_EITHER, tokens.revoke),
    "/services/oauth2/introspect": (_POST, tokens.introspect),
    "/services/oauth2/userinfo": (_EITHER, identity.userinfo),
    "/services/oauth2/singleaccess": (_EITHER, identity.single_access),
    "/.well-known/openid-configuration": (_GET, identity.discovery),
    "/id/keys": (_GET, identity.keys),
}

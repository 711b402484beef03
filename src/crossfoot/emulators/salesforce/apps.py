"""The apps that an org knows, and how one proves which it is (SF 1.3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.world import World

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class App:
    """A connected app or external client app. One that cannot keep a secret has none."""

    key: str
    secret: str | None


def find_app(world: World, key: object) -> App:
    """The app of a consumer key, or ``invalid_client_id``."""
    if key == world.settings["consumer_key"]:
        return App(str(key), str(world.settings["consumer_secret"]))
    if key in world.settings["secretless_apps"]:
        return App(str(key), None)
    raise OAuthError("invalid_client_id", "client identifier invalid")


def authenticated_app(world: World, form: Form, headers: Form) -> App:
    """The app that a form or a Basic header names and proves. An app without a secret must not send one."""
    key, secret = form.get("client_id"), form.get("client_secret")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OAuthError("invalid_client", "invalid client credentials", status=401) from error
    app = find_app(world, key)
    if not compare_digest((secret or "").encode(), (app.secret or "").encode()):
        raise OAuthError("invalid_client", "invalid client credentials")
    return app

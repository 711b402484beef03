"""What can be chosen about an org when it is made, and which of it an administrator may change later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from crossfoot.emulators.salesforce.signing import public_key_of

DEFAULT_SETTINGS: Mapping[str, Any] = {
    "name": "Harbour Point Advisory",
    "organization_type": "Enterprise Edition",
    "is_sandbox": True,
    "multi_currency": True,
    "corporate_currency": "AUD",
    "currencies": {"AUD": "1", "NZD": "1.09", "USD": "0.66", "GBP": "0.51"},
    "dated_exchange_rates": False,  # advanced currency management: dated rates for deals
    "person_accounts": False,
    "state_country_picklists": False,
    "quotes": True,
    "orders": True,
    "reduction_orders": False,
    "record_types": {},  # object -> developer name -> picklist field -> the values that it has there
    "duplicate_rules": (),  # each {object, fields, action: Allow or Block}
    "recycle_bin_days": 15,
    "time_zone": "Australia/Sydney",
    "country": "Australia",
    "daily_api_limit": 100_000,
    "session_timeout_s": 7_200,
    "refresh_token_rotation": True,
    "pkce_required": True,
    "redirect_uris": ("http://localhost:1717/OauthRedirect", "http://localhost:8912/callback"),
    "scopes": ("api", "refresh_token", "openid", "id", "web"),
    "username": "integration@harbourpoint.example",
    "admin_username": "admin@harbourpoint.example",
    "password": "correct-horse-battery-staple",
    "security_token": "a1B2c3D4e5F6g7H8i9J0k1L2",
    "refresh_token_idle_days": 30,
    "approvals_max": 5,
    "logins_per_hour": 3_600,
    "certificate": "",  # PEM, of the app: what its JWT assertions are signed with
    "secretless_apps": ("PlatformCLI",),  # consumer keys that every org knows, such as the command line's
    "app_error": "",  # how the org refuses the app, such as OAUTH_APP_BLOCKED; empty admits it
    "api_enabled": True,
    "password_grant": False,
    "soap_login": True,
    "change_event_entities": ("Account", "Contact", "Opportunity", "OpportunityLineItem"),
    "change_event_entities_max": 5,
    "event_deliveries_per_day": 25_000,
    "events_published_per_hour": 250_000,
    "package": True,  # whether Crossfoot's objects and fields are installed, and granted to the integration user
    "deploy_pending_s": 1,
    "deploy_s": 1,
    "bulk_pending_s": 1,  # how long a bulk job waits, and how long each of its batches takes
    "bulk_batch_s": 1,
    "daily_bulk_batches": 15_000,
    "daily_bulk_query_jobs": 10_000,
}
# Their defaults follow from the seed and other settings: see ``filled``. Here they stand for their kind only.
DERIVED_SETTINGS: Mapping[str, Any] = {
    "consumer_key": "",
    "consumer_secret": "",
    "run_as_username": "",
    "preauthorized_usernames": (),
}
_KINDS: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    str: ((str,), "a text"),
    tuple: ((tuple, list), "a list"),
    dict: ((dict,), "a mapping"),
}

# What ``POST /control/settings`` changes in a running org.
ACCESS_SETTINGS = frozenset(
    {
        "api_enabled",
        "app_error",
        "approvals_max",
        "bulk_batch_s",
        "bulk_pending_s",
        "certificate",
        "change_event_entities_max",
        "daily_api_limit",
        "event_deliveries_per_day",
        "events_published_per_hour",
        "daily_bulk_batches",
        "daily_bulk_query_jobs",
        "logins_per_hour",
        "password_grant",
        "pkce_required",
        "preauthorized_usernames",
        "redirect_uris",
        "refresh_token_idle_days",
        "refresh_token_rotation",
        "run_as_username",
        "scopes",
        "session_timeout_s",
        "soap_login",
    }
)


def complete(seed: int, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an org. An unknown name, or a certificate that cannot be read, is a ValueError."""
    unknown = set(chosen) - set(DEFAULT_SETTINGS) - set(DERIVED_SETTINGS)
    if unknown:
        raise ValueError(f"unknown Salesforce settings: {', '.join(sorted(unknown))}")
    return check(filled(seed, chosen))


def filled(seed: int, known: Mapping[str, Any]) -> dict[str, Any]:
    """These settings, and the defaults of those that they do not name: also of those that a saved org never had."""
    secret = hashlib.sha256(f"app {seed}".encode()).hexdigest().upper()
    given = {**DEFAULT_SETTINGS, **known}
    derived = {
        "consumer_key": f"3MVG9{secret[:80]}",
        "consumer_secret": secret[::-1],
        "run_as_username": given["username"],
        "preauthorized_usernames": (given["username"],),
    }
    return derived | given


def check(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, if what they hold can be used."""
    for name, default in {**DEFAULT_SETTINGS, **DERIVED_SETTINGS}.items():
        kinds, told = _KINDS.get(type(default), ((object,), ""))
        if told and type(settings[name]) not in kinds:
            raise ValueError(f"{name} must be {told}")
    if settings["certificate"]:
        public_key_of(settings["certificate"])
    return settings

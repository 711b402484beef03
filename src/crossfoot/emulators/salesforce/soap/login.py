"""``login()``, where the partner and enterprise APIs still have it, and what a session tells of itself (SF 1.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import OAuthError
from crossfoot.emulators.salesforce.soap.call import Call
from crossfoot.emulators.salesforce.soap.envelope import SoapFault, element, elements
from crossfoot.emulators.salesforce.values import render
from crossfoot.emulators.salesforce.world import Row

LOGIN_VERSION_MAX = 64
ATTACHMENT_BYTES_MAX = 5_242_880
LOGIN_ENDS = datetime(2027, 6, 1, tzinfo=UTC)
_BAD_LOGIN = "Invalid username, password, security token; or user locked out."


def log_in(call: Call) -> str:
    """A session for a name and a password; gone from v65 on, and everywhere with Summer '27 (SF 1.1)."""
    if call.version > LOGIN_VERSION_MAX or call.now >= LOGIN_ENDS:
        message = f"login() is not available in API version {call.version}.0"
        raise SoapFault("UNSUPPORTED_API_VERSION", message)
    if not call.world.settings["soap_login"]:
        raise SoapFault("INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")
    username, password = call.text("username"), call.text("password")
    try:
        user = sessions.log_in(call.world, username, password, call.now, token=True)
    except OAuthError as error:
        raise SoapFault("LOGIN_RATE_EXCEEDED", error.description, kind="LoginFault") from None
    if user is None:
        raise SoapFault("INVALID_LOGIN", _BAD_LOGIN, kind="LoginFault")
    token = sessions.open_session(call.world, user["Id"], "full api", call.now)
    base, org_id = f"{call.world.public_url}/services/Soap", call.world.organization["Id"][:15]
    result = {
        "metadataServerUrl": f"{base}/m/{call.version}.0/{org_id}",
        "passwordExpired": False,
        "sandbox": bool(call.world.settings["is_sandbox"]),
        "serverUrl": f"{base}/{call.api}/{call.version}.0/{org_id}",
        "sessionId": token,
        "userId": user["Id"],
        "userInfo": _user_info(call, user),
    }
    return element("result", result)


def log_out(call: Call) -> str:
    call.user()
    sessions.end_session(call.world, call.envelope.session)
    return ""


def get_user_info(call: Call) -> str:
    return element("result", _user_info(call, call.user()))


def get_server_timestamp(call: Call) -> str:
    call.user()
    return f"<result>{elements({'timestamp': str(render(call.now)).replace('+0000', 'Z')})}</result>"


def _user_info(call: Call, user: Row) -> dict[str, Any]:
    """Every member that the vendor's own description has, since strict clients read them all."""
    organization, settings = call.world.organization, call.world.settings
    return {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": None,
        "orgAttachmentFileSizeLimit": ATTACHMENT_BYTES_MAX,
        "orgDefaultCurrencyIsoCode": settings["corporate_currency"],
        "orgDefaultCurrencyLocale": organization.get("DefaultLocaleSidKey"),
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": bool(settings["person_accounts"]),
        "organizationId": organization["Id"],
        "organizationMultiCurrency": bool(settings["multi_currency"]),
        "organizationName": organization["Name"],
        "profileId": user["ProfileId"],
        "roleId": None,
        "sessionSecondsValid": settings["session_timeout_s"],
        "userDefaultCurrencyIsoCode": settings["corporate_currency"] if settings["multi_currency"] else None,
        "userEmail": user.get("Email"),
        "userFullName": " ".join(user[part] for part in ("FirstName", "LastName") if user.get(part)),
        "userId": user["Id"],
        "userLanguage": user.get("LanguageLocaleKey"),
        "userLocale": user.get("LocaleSidKey"),
        "userName": user["Username"],
        "userTimeZone": user.get("TimeZoneSidKey"),
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }

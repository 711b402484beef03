"""The refusals of Xero's API, as exceptions that know their HTTP answer (XERO 3.5).

ApiError
|- bad_request(...)      400 with ErrorNumber and Type
|- idempotency_error     400 without Elements
|- unauthorized(...)     401: token missing, expired, or without the scope
|- forbidden(...)        403: tenant not connected, or role too low
|- not_found()           404, plain text
|- too_large()           413, plain text
|- not_covered(...)      501: an app writes what the emulator lets it read only
|- too_many(...)         429 with X-Rate-Limit-Problem
`- offline()             503, plain text
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero.formats import ZERO_ID, to_json, to_wire

JSON_TYPE = ("Content-Type", "application/json; charset=utf-8")
TEXT_TYPE = ("Content-Type", "text/plain; charset=utf-8")

Headers = tuple[tuple[str, str], ...]


class ApiError(Exception):
    """A request that ends in an error response; nothing of it is kept."""

    def __init__(self, status: int, body: bytes, headers: Headers = (JSON_TYPE,)) -> None:
        super().__init__(status, body)
        self.response = Response(status, headers, body)


def json_response(payload: Any, status: int = 200, headers: Headers = ()) -> Response:
    """A JSON answer from plain values."""
    return Response(status, (JSON_TYPE, *headers), to_json(payload))


def bad_request(number: int, kind: str, message: str, elements: Sequence[Any] | None = None) -> ApiError:
    """400 in the shape of ErrorNumber, Type and Message; Elements only with validation errors."""
    body: dict[str, Any] = {"ErrorNumber": number, "Type": kind, "Message": message}
    if elements is not None:
        body["Elements"] = elements
    return ApiError(400, to_json(to_wire(body)))


def validation_error(elements: Sequence[Any]) -> ApiError:
    """ErrorNumber 10: business rules refused at least one element."""
    return bad_request(10, "ValidationException", "A validation exception occurred", elements)


def bad_data(message: str) -> ApiError:
    """ErrorNumber 14: the body cannot be parsed, or a value has the wrong type."""
    return bad_request(14, "PostDataInvalidException", message)


def no_data(singular: str) -> ApiError:
    """ErrorNumber 17: the body is empty or holds nothing this endpoint knows (the spelling is Xero's)."""
    text = (
        "No data has been processed for this endpoint. "
        f"This endpoint is expecting {singular} data to be specifed in the request body."
    )
    return bad_request(17, "NoDataProcessedException", text)


def bad_query(message: str) -> ApiError:
    """ErrorNumber 16: ``where`` or ``order`` cannot be read."""
    return bad_request(16, "QueryParseException", message)


def high_volume() -> ApiError:
    """400 of the high-volume guard; its number and wording are unconfirmed (XERO 3.9)."""
    message = "The query would look at or return too many rows. Use If-Modified-Since, pages and optimised filters."
    return bad_request(16, "QueryParseException", message)


def idempotency_error(message: str) -> ApiError:
    """400 about the Idempotency-Key itself (XERO 3.6)."""
    return bad_request(10, "IdempotencyException", message)


def _problem(status: int, title: str, detail: str, instance: str, headers: Headers = ()) -> ApiError:
    # Null members are meant: this is the one shape in which Xero shows them.
    body: dict[str, Any] = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": instance,
        "Extensions": {},
    }
    return ApiError(status, to_json(body), (JSON_TYPE, *headers))


def unauthorized(detail: str, instance: str, *, scope_missing: bool = False) -> ApiError:
    """401; a missing scope says so in WWW-Authenticate (XERO 1.8)."""
    reason = 'Bearer error="insufficient_scope"' if scope_missing else 'Bearer error="invalid_token"'
    return _problem(401, "Unauthorized", detail, instance, (("WWW-Authenticate", reason),))


def forbidden(instance: str, detail: str = "AuthenticationUnsuccessful") -> ApiError:
    """403: the token is fine, the organisation is not open to it."""
    return _problem(403, "Forbidden", detail, instance)


def not_found() -> ApiError:
    """404 is plain text, not JSON."""
    return ApiError(404, b"The resource you're looking for cannot be found", (TEXT_TYPE,))


def not_allowed() -> ApiError:
    """405: the endpoint exists, the method does not."""
    return ApiError(405, b"The requested method is not available for this resource", (TEXT_TYPE,))


def not_covered(plural: str) -> ApiError:
    """501: Xero lets apps write here and the emulator does not."""
    detail = f"The emulator does not cover writing {plural} through the API. A person can create them."
    return _problem(501, "Not Implemented", detail, ZERO_ID)


def too_large() -> ApiError:
    """413: the body is above what the endpoint takes (unconfirmed)."""
    return ApiError(413, b"Request body too large", (TEXT_TYPE,))


def too_many(problem: str, retry_after_s: int | None) -> ApiError:
    """429; only minute and day carry Retry-After (XERO 2)."""
    wait = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
    return ApiError(429, b"", (TEXT_TYPE, ("X-Rate-Limit-Problem", problem), *wait))


def offline() -> ApiError:
    """503 while an organisation is moved or restored: plain text, for minutes (XERO 2)."""
    return ApiError(503, b"The organisation is offline", (TEXT_TYPE,))

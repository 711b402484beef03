"""Refusals that several rules share (SF 2.3)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.errors import ApiError, field_error


def integrity(detail: str, *fields: str) -> ApiError:
    """A rule across fields or records is broken."""
    return field_error("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {detail}", *fields)


def missing(*fields: str) -> ApiError:
    return field_error("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", *fields)


def locked(detail: str) -> ApiError:
    """The record cannot be changed in the state that it is in."""
    return field_error("INSUFFICIENT_ACCESS_OR_READONLY", f"insufficient access rights on object id: {detail}")

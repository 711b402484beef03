"""The standard objects of an org as declarations (SF 6), and which of them a given org has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.standard import (
    activities,
    administration,
    customers,
    files,
    orders,
    packages,
    selling,
)
from crossfoot.emulators.salesforce.standard.base import AUDIT_FIELDS, CURRENCY, OWNER, SYSTEM_FIELDS
from crossfoot.emulators.salesforce.standard.selling import STAGES

__all__ = ["AUDIT_FIELDS", "CURRENCY", "OWNER", "STAGES", "STANDARD_OBJECTS", "SYSTEM_FIELDS", "standard_objects"]

STANDARD_OBJECTS = (
    administration.ORGANIZATION,
    administration.PROFILE,
    administration.USER,
    administration.CURRENCY_TYPE,
    administration.DATED_CONVERSION_RATE,
    administration.RECORD_TYPE,
    selling.OPPORTUNITY_STAGE,
    orders.ORDER_STATUS,
    orders.CONTRACT_STATUS,
    customers.LEAD_STATUS,
    customers.ACCOUNT,
    customers.CONTACT,
    customers.LEAD,
    customers.CAMPAIGN,
    selling.PRODUCT,
    selling.PRICEBOOK,
    selling.PRICEBOOK_ENTRY,
    selling.OPPORTUNITY,
    selling.LINE_ITEM,
    selling.CONTACT_ROLE,
    orders.QUOTE,
    orders.QUOTE_LINE,
    orders.ORDER,
    orders.ORDER_ITEM,
    orders.CONTRACT,
    orders.ASSET,
    activities.TASK,
    activities.EVENT,
    files.CONTENT_DOCUMENT,
    files.CONTENT_VERSION,
    files.CONTENT_DOCUMENT_LINK,
    files.ATTACHMENT,
    files.NOTE,
    administration.VALIDATION_RULE,
    administration.DUPLICATE_RULE,
    packages.SUBSCRIBER_PACKAGE,
    packages.SUBSCRIBER_PACKAGE_VERSION,
    packages.INSTALLED_SUBSCRIBER_PACKAGE,
)


def standard_objects(settings: Mapping[str, Any]) -> tuple[SObject, ...]:
    """The standard objects and fields of an org whose features are these settings."""
    kept = [each for each in STANDARD_OBJECTS if _on(each, settings)]
    names = frozenset(each.name for each in kept)
    return tuple(_of(each, names, settings) for each in kept)


def _on(declared: SObject | Field, settings: Mapping[str, Any]) -> bool:
    return declared.feature is None or bool(settings.get(declared.feature))


def _of(sobject: SObject, names: frozenset[str], settings: Mapping[str, Any]) -> SObject:
    fields = tuple(_reaching(each, names) for each in sobject.fields if _on(each, settings))
    return sobject if fields == sobject.fields else dataclasses.replace(sobject, fields=fields)


def _reaching(field: Field, names: frozenset[str]) -> Field:
    """A reference without the objects that the org has not."""
    if names.issuperset(field.reference_to):
        return field
    return dataclasses.replace(field, reference_to=tuple(name for name in field.reference_to if name in names))

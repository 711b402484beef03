"""Names of Salesforce objects and fields in ``crossfoot.yaml``: each can be one, and no object shows two kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crossfoot.mapping.settings import SettingsFile

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def name_problems(file: SettingsFile) -> Iterator[str]:
    """What cannot be the name of an object or field, and objects in which records of several kinds would be shown."""
    for keys, name in _names(file):
        if not _NAME.fullmatch(name):
            yield f"{file.place(*keys)}: `{name}` cannot be the name of an object or a field in Salesforce"
    flows = file.settings.flows
    taken = {flow.salesforce.casefold() for flow in (flows.customers, flows.products, flows.invoices)}
    for kind, name in flows.invoices.records.items():
        if name.casefold() in taken:
            yield f"{file.place('flows', 'invoices', 'records', kind)}: `{name}` holds another kind of record already"
        taken.add(name.casefold())


def _names(file: SettingsFile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each with the keys under which it stands."""
    flows = file.settings.flows
    for flow, section in flows:
        if section is not None:
            yield ("flows", flow, "salesforce"), section.salesforce
            yield from ((("flows", flow, "write_back", name), name) for name in getattr(section, "write_back", ()))
    if flows.people:
        yield ("flows", "people", "account"), flows.people.account
    if flows.payments:
        yield ("flows", "payments", "key"), flows.payments.key
    invoices = ("flows", "invoices")
    yield (*invoices, "lines", "from"), flows.invoices.lines.source
    yield from (((*invoices, "records", kind), name) for kind, name in flows.invoices.records.items())
    yield from (((*invoices, "lookups", name), name) for name in flows.invoices.lookups)

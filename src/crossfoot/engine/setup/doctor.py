"""The doctor: one look at everything that a run depends on. It reads, and writes to neither side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crossfoot.core.books import Books, Organisation
from crossfoot.core.errors import CrossfootError, NeedsPerson, Rejected
from crossfoot.engine.guards.guard import check_guard
from crossfoot.engine.reading.allowance import refresh_allowance
from crossfoot.engine.reading.describes import require_shapes
from crossfoot.engine.reading.ledger import load_books, refresh_reference
from crossfoot.engine.review.overview import Told, told_allowance, told_limits
from crossfoot.engine.session import Session
from crossfoot.engine.setup.workspace import one_currency
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.xero import oauth as xero_oauth
from crossfoot.xero import requests
from crossfoot.xero.reference import decode_actions

_LIMIT_REMEDIES = {
    "Xero API calls": ("administrator", "find what else uses the app's calls, or wait until they reset"),
    "Salesforce API calls": ("administrator", "find what else uses the org's calls, or raise the share in policy"),
    "Xero consent": ("administrator", "run any command that asks Xero before that day"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report. ``state`` is pass, fix or note."""

    name: str
    state: str
    found: str
    who: str = ""
    how: str = ""


def examine(session: Session) -> Iterator[Check]:
    """Every check, in the order in which problems are best mended."""
    try:
        check_guard(session)
        yield Check("Live guard", "pass", "both sides are the ones that were connected")
    except CrossfootError as error:
        yield Check("Live guard", "fix", str(error), "administrator", "run `crossfoot connect`")
        return
    organisation = refresh_reference(session)
    with session.database.reading() as connection:
        books = load_books(connection, session.organisation_id)
    yield _liveness(session, organisation)
    yield from _limits_of_xero(session)
    yield from _salesforce(session)
    yield from _fields(session)
    yield from _plan_of_xero(session)
    yield from _dates(session, organisation)
    yield from _coding(session, books)
    yield from _currencies(session, books)


def _liveness(session: Session, organisation: Organisation) -> Check:
    pair = "live" if session.is_live else "a test pair"
    return Check(
        "Pair",
        "pass",
        f"Salesforce org {session.salesforce.connection.name} and Xero organisation {organisation.name} "
        f"({organisation.country}, {organisation.base_currency}) are {pair}",
    )


def _salesforce(session: Session) -> Iterator[Check]:
    edition = str(session.salesforce.connection.settings.get("edition", ""))
    if edition.startswith("Professional"):
        yield Check("Edition", "note", edition, "administrator", "Professional Edition needs the API add-on")
    try:
        refresh_allowance(session, fresh=True)
    except CrossfootError as error:
        remedy = "grant View Setup and Configuration to the integration user"
        yield Check("Salesforce API limits", "note", f"cannot be seen: {error}", "administrator", remedy)
    percent = session.mapping.settings.policy.salesforce_calls_percent
    with session.database.reading() as connection:
        told = told_allowance(connection, session.salesforce.connection, session.host.now(), percent)
    yield from map(_limit_check, told)


def _fields(session: Session) -> Iterator[Check]:
    mapping = session.mapping
    flows = mapping.settings.flows
    readings = mapping.readings()
    names = [*readings, *flows.invoices.records.values()]
    try:
        described = require_shapes(session, names, fresh=True)
    except NeedsPerson as error:
        yield Check("Salesforce objects", "fix", str(error), "administrator", "grant read access, or edit the mapping")
        return
    missing = [
        f"{name}.{field}"
        for name, reading in readings.items()
        for field in reading.fields
        if described[name].field_of(field) is None
    ]
    written: dict[str, set[str]] = {
        mapping.account_object: {*flows.customers.write_back},
        mapping.deal_object: {*flows.invoices.write_back},
    }
    for name, fields in mapping.told_fields().items():
        written.setdefault(name, set()).update(fields)
    fixed = [
        f"{name}.{field}"
        for name, fields in written.items()
        for field in sorted(fields)
        if (shape := described[name].field_of(field)) is None or not shape.updateable
    ]
    if missing:
        yield Check(
            "Fields to read", "fix", f"not visible: {', '.join(missing)}", "administrator", "grant field access"
        )
    else:
        yield Check("Fields to read", "pass", f"{sum(len(r.fields) for r in readings.values())} fields are visible")
    if fixed:
        yield Check("Fields to write", "fix", f"not editable: {', '.join(fixed)}", "administrator", "grant edit access")
    else:
        yield Check("Fields to write", "pass", f"{sum(len(fields) for fields in written.values())} fields are editable")


def _limits_of_xero(session: Session) -> Iterator[Check]:
    with session.database.reading() as connection:
        told = told_limits(connection, session.xero.connection, session.host.now())
    yield from map(_limit_check, told)


def _limit_check(limit: Told) -> Check:
    state = "fix" if limit.urgent else "pass"
    return Check(limit.name, state, limit.words, *(_LIMIT_REMEDIES[limit.name] if limit.urgent else ("", "")))


def _plan_of_xero(session: Session) -> Iterator[Check]:
    actions = decode_actions(session.xero.read(requests.organisation_actions(session.tenant)).body)
    for name, what in (("CreateDraftInvoice", "draft invoices"), ("UseMulticurrency", "several currencies")):
        if name in actions and not actions[name]:
            state = "fix" if name == "CreateDraftInvoice" else "note"
            yield Check("Xero plan", state, f"does not allow {what}", "finance", "change the Xero plan")
    if actions.get("CreateApprovedInvoice") is False:
        yield Check("Xero plan", "note", "approvals are capped or not allowed", "finance", "approve within the cap")
    wanted = xero_oauth.scopes(payments=session.mapping.settings.flows.payments is not None)
    if lacking := session.xero.lacks(scope for scope in wanted if scope != xero_oauth.STAY_CONNECTED):
        found = f"not granted: {'; '.join(f'{scope} ({wanted[scope]})' for scope in lacking)}"
        yield Check("Xero permission", "fix", found, "administrator", "run `crossfoot connect xero` again")
    if all(actions.values()):
        yield Check("Xero plan", "pass", "allows what Crossfoot does")


def _dates(session: Session, organisation: Organisation) -> Iterator[Check]:
    locked = organisation.locked_until
    yield Check("Lock date", "pass", f"locked up to {locked}" if locked else "no period is locked")
    try:
        ZoneInfo(organisation.timezone)
        yield Check("Time zone", "pass", organisation.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Check("Time zone", "note", f"{organisation.timezone} is not known; days follow UTC", "administrator", "")
    start = session.mapping.policy.start_date
    yield Check("Start date", "pass", f"deals won before {start} are never invoiced")
    basis = "Tax Inclusive" if session.mapping.settings.prices == "inc_tax" else "Tax Exclusive"
    if organisation.default_sales_tax and organisation.default_sales_tax not in {basis, "No Tax"}:
        yield Check(
            "Tax basis",
            "fix",
            f"Xero's default for sales is {organisation.default_sales_tax}; prices: {session.mapping.settings.prices}",
            "finance",
            "correct `prices` in crossfoot.yaml or the default in Xero",
        )
    else:
        yield Check("Tax basis", "pass", basis.casefold())


def _coding(session: Session, books: Books) -> Iterator[Check]:
    coding = session.mapping.settings.coding
    for label, code in (("Default account", coding.account), ("Account without products", coding.no_products_account)):
        account = books.accounts.get(code)
        if code and (account is None or account.status != "ACTIVE" or not account.takes_sales_lines):
            yield Check(
                label, "fix", f"{code} cannot take sales lines", "finance", "correct `coding` in crossfoot.yaml"
            )
        elif account:
            yield Check(label, "pass", f"{code} {account.name}")
        else:
            yield Check(label, "note", "none: such deals wait", "finance", "name one under `coding` if you want it")
    for label, tax in [("Default tax", coding.tax), *((f"Tax for {c}", t) for c, t in coding.tax_by_country.items())]:
        rate = books.tax_rates.get(tax)
        if tax and (rate is None or rate.status != "ACTIVE"):
            yield Check(
                label, "fix", f"{tax} is not an active tax rate", "finance", "correct `coding` in crossfoot.yaml"
            )
        elif rate and rate.rate and not books.organisation.charges_tax:
            found = f"{rate.name} ({rate.rate.normalize():f} %), though Xero is set up without tax on sales"
            yield Check(label, "fix", found, "finance", "correct `coding` in crossfoot.yaml, or the settings in Xero")
        elif rate:
            yield Check(label, "pass", f"{rate.name} ({rate.rate.normalize():f} %)")
    for category in session.mapping.tracking:
        if category not in books.tracking or books.tracking[category].status != "ACTIVE":
            yield Check("Tracking", "fix", f"{category!r} is not an active category", "finance", "correct the mapping")


def _currencies(session: Session, books: Books) -> Iterator[Check]:
    query = soql.select(["Id", "IsoCode"], "CurrencyType", where=soql.equals("IsActive", True))
    try:
        rows = sf.decode_query(session.salesforce.read(sf.query(query)).body).rows
    except (Rejected, CrossfootError):
        yield _one_currency(session, books)
        return
    missing = sorted({row["IsoCode"] for row in rows} - books.currencies)
    if not session.mapping.has_currencies:
        yield Check(
            "Currencies",
            "fix",
            "Salesforce has several, and `Currency` of the invoices does not read CurrencyIsoCode",
            "administrator",
            "write `Currency: CurrencyIsoCode` in crossfoot.yaml",
        )
    if missing:
        yield Check(
            "Currencies",
            "note",
            f"{', '.join(missing)} in Salesforce, not in Xero: such deals wait",
            "finance",
            "add the currency in Xero if you invoice in it",
        )
    elif session.mapping.has_currencies:
        yield Check("Currencies", "pass", ", ".join(sorted(books.currencies)))


def _one_currency(session: Session, books: Books) -> Check:
    own, said = one_currency(session.salesforce), session.mapping.constant_currency
    if own and said and own != said:
        found = f"amounts in Salesforce are in {own}; crossfoot.yaml says {said}"
        return Check("Currencies", "fix", found, "administrator", f"write `Currency: \"'{own}'\"` in crossfoot.yaml")
    return Check("Currencies", "pass", f"one currency in Salesforce; Xero has {', '.join(sorted(books.currencies))}")

"""Setting a workspace up: its directory, its key, and the ``crossfoot.yaml`` that fits the two connected sides."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from crossfoot.core.books import Account, Organisation, TaxRate, TrackingCategory
from crossfoot.core.errors import NeedsPerson, Rejected
from crossfoot.core.records import Side
from crossfoot.engine.calls.remote import Remote
from crossfoot.engine.host import Host
from crossfoot.engine.session import DATABASE_NAME, Workspace
from crossfoot.engine.setup.connect import Connector, salesforce_app, xero_app
from crossfoot.http import HttpRequest
from crossfoot.mapping.compiled import CURRENCY
from crossfoot.mapping.settings import Settings, load_settings
from crossfoot.mapping.template import RECORDS, SCHEMA_NAME, InitFacts, render_settings
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store.database import Database, address_without_secret
from crossfoot.store.versions import save_reference
from crossfoot.store.workspace import StoredConnection
from crossfoot.vault.keys import create_key_file, key_path
from crossfoot.xero import reference, requests

STANDARD_OBJECTS = ("Account", "Opportunity", "OpportunityLineItem", "Product2")
PACKAGE_OBJECTS = tuple(RECORDS.values())
# The standard rate on sales by region, and the zero rate of exports (XERO 4.11); used only where the ledger has them.
# Not Britain's: goods abroad are zero-rated and services to businesses outside of VAT, so that a person has to say.
_SALES_TAX = {"AU": "OUTPUT", "NZ": "OUTPUT2", "GB": "OUTPUT2", "US": "OUTPUT"}
_EXPORT_TAX = {"AU": "EXEMPTEXPORT", "NZ": "ZERORATED"}
_PROPOSED_COUNTRIES = ("AU", "NZ", "GB", "US", "SG", "CA")


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines; blank lines and comments are passed over."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NeedsPerson(f"{path} cannot be read: {error.strerror}.") from None
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, found, value = stripped.partition("=")
        if not found or not name.strip().isidentifier():
            raise NeedsPerson(f"{path}:{number}: not a NAME=value line.")
        values[name.strip()] = value.strip().strip("\"'")
    return values


def make_workspace(directory: Path, *, with_key: bool) -> tuple[Workspace, Path]:
    """Make the directory a workspace: random id, empty database, and a key file outside it."""
    workspace = Workspace(directory.resolve())
    if workspace.settings_path.exists():
        raise NeedsPerson(f"{workspace.settings_path} exists already. Edit it, or start in an empty directory.")
    workspace.state.mkdir(parents=True, exist_ok=True)
    workspace.state.chmod(0o700)
    id_path = workspace.state / "workspace-id"
    if not id_path.exists():
        _write_whole(id_path, secrets.token_hex(8) + "\n")
    (workspace.state / ".gitignore").write_text("*\n")
    workspace.open_database().engine.dispose()
    if not workspace.server:
        (workspace.state / DATABASE_NAME).chmod(0o600)
    path = key_path(workspace.id, os.environ)
    if with_key and not path.exists():
        create_key_file(path, workspace=workspace.directory)
    return workspace, path


def _write_whole(path: Path, text: str) -> None:
    """Write a file, or nothing: where the disk is full half of one would be taken for the whole next time."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose, or accepted by ``--yes``. Empty: propose."""

    start_date: date
    inclusive: bool | None = None
    sales_account: str = ""
    due_days: int = 14


@dataclass(frozen=True, slots=True)
class Proposal:
    """What both sides show, and the settings that follow."""

    organisation: Organisation
    accounts: list[Account]
    tax_rates: list[TaxRate]
    facts: InitFacts
    text: str
    answers: Mapping[str, bytes]


def makes_payments(workspace: Workspace) -> bool:
    """Whether the settings, where there are any yet, have payments made in Xero."""
    path = workspace.settings_path
    return path.exists() and load_settings(path).settings.flows.payments is not None


def connect_with_env(
    workspace: Workspace,
    database: Database,
    host: Host,
    values: Mapping[str, str],
    transport: object = None,
    *,
    payments: bool = False,
) -> tuple[StoredConnection, StoredConnection]:
    """Connect both sides by client credentials from ``NAME=value`` settings; the organisation must be named in them.
    ``payments`` asks Xero for the permission to make payments."""
    with closing(Connector(workspace, database, host, transport)) as connector:
        return _connect_both(connector, values, payments=payments)


def _connect_both(
    connector: Connector, values: Mapping[str, str], *, payments: bool
) -> tuple[StoredConnection, StoredConnection]:
    salesforce, xero = salesforce_app(values), xero_app(values, payments=payments)
    org = connector.connect_salesforce(salesforce, connector.with_credentials(salesforce))
    grant = connector.with_credentials(xero)
    tenants = connector.organisations(xero, grant)
    wanted = values.get("XERO_TENANT_ID", "")
    chosen = [tenant for tenant in tenants if tenant.tenant_id == wanted]
    if not chosen:
        shown = ", ".join(f"{tenant.name} ({tenant.tenant_id})" for tenant in tenants) or "none"
        raise NeedsPerson(f"XERO_TENANT_ID must name one of the organisations that this app reaches: {shown}.")
    return org, connector.connect_xero(xero, grant, wanted)


def propose(salesforce: Remote[HttpRequest], xero: Remote[requests.OrganisationRequest], choices: Choices) -> Proposal:
    """Read what both sides have and propose settings for it."""
    tenant = requests.Tenant(xero.home)
    answers = {
        "organisation": xero.read(requests.organisation(tenant)).body,
        "accounts": xero.read(requests.accounts(tenant)).body,
        "tax_rates": xero.read(requests.tax_rates(tenant)).body,
        "tracking": xero.read(requests.tracking_categories(tenant)).body,
    }
    organisation = reference.decode_organisation(answers["organisation"])
    accounts = reference.decode_accounts(answers["accounts"])
    tax_rates = reference.decode_tax_rates(answers["tax_rates"])
    tracking = reference.decode_tracking(answers["tracking"])
    names = (*STANDARD_OBJECTS, *PACKAGE_OBJECTS)
    described = sf.decode_describes(names, salesforce.read(sf.describe(names)).body)
    missing = [name for name in STANDARD_OBJECTS if described[name] is None]
    if missing:
        raise NeedsPerson(f"Salesforce does not show {', '.join(missing)} to this user. Grant read access to them.")
    fields = {name: {item["name"] for item in result["fields"]} for name, result in described.items() if result}
    # One that charges no tax is proposed none: whatever its rates are, somebody has to say.
    rates = {rate.tax_type for rate in tax_rates if rate.status == "ACTIVE" and organisation.charges_tax}
    export = _EXPORT_TAX.get(organisation.country, "")
    abroad = [country for country in _PROPOSED_COUNTRIES if country != organisation.country] if export in rates else []
    inclusive = choices.inclusive
    facts = InitFacts(
        salesforce=salesforce.connection.alias,
        xero=xero.connection.alias,
        organisation=organisation.name,
        country=organisation.country,
        currency="" if CURRENCY in fields["Opportunity"] else one_currency(salesforce) or organisation.base_currency,
        start_date=choices.start_date,
        inclusive=organisation.default_sales_tax == "Tax Inclusive" if inclusive is None else inclusive,
        due_days=choices.due_days,
        sales_account=choices.sales_account or _sales_account(accounts),
        tax=_SALES_TAX.get(organisation.country, "") if _SALES_TAX.get(organisation.country) in rates else "",
        tax_by_country=dict.fromkeys(abroad, export),
        fields=fields,
        prefix="SF-",
        objects={name for name in PACKAGE_OBJECTS if described[name] is not None},
        tracking=_tracking(salesforce, tracking, fields),
    )
    return Proposal(organisation, accounts, tax_rates, facts, render_settings(facts), answers)


def accept(workspace: Workspace, database: Database, host: Host, proposal: Proposal, organisation_id: str) -> None:
    """Write the settings, and keep what was read, so that the first run need not read it again."""
    kept_at = f"\ndatabase: {address_without_secret(workspace.server)}\n" if workspace.server else ""
    _write_whole(workspace.settings_path, proposal.text + kept_at)
    workspace.load_settings()
    schema = json.dumps(Settings.model_json_schema(by_alias=True), indent=2)
    (workspace.state / SCHEMA_NAME).write_text(schema, encoding="utf-8")
    with database.writing("reference") as connection:
        for name, body in proposal.answers.items():
            save_reference(connection, organisation_id, name, body, host.now())


def _sales_account(accounts: Collection[Account]) -> str:
    usable = [account for account in accounts if account.status == "ACTIVE" and account.code]
    sales = [a for a in usable if a.type == "SALES"] or [a for a in usable if a.type == "REVENUE"]
    named = [account for account in sales if account.code == "200"] or sorted(sales, key=lambda account: account.code)
    return named[0].code if named else ""


def _tracking(
    salesforce: Remote[HttpRequest], categories: Collection[TrackingCategory], fields: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """A Salesforce field for each active category: one of its name, else product families if they are its options."""
    found: dict[str, str] = {}
    for category in categories:
        if category.status != "ACTIVE":
            continue
        own = f"{category.name.replace(' ', '_')}__c"
        if own in fields["Opportunity"]:
            found[category.name] = f"Opportunity.{own}"
        elif own in fields["Product2"]:
            found[category.name] = f"Product2.{own}"
        elif "Family" in fields["Product2"] and _families(salesforce) & category.active_options:
            found[category.name] = "Product2.Family"
    return dict(list(found.items())[:2])


def one_currency(salesforce: Remote[HttpRequest]) -> str:
    """What all amounts are in where the org has one currency (SF 6.12); blank where Salesforce does not say."""
    query = soql.select(["Id", "DefaultCurrencyIsoCode"], "Organization")
    try:
        rows = sf.decode_query(salesforce.read(sf.query(query)).body).rows
    except Rejected:
        return ""
    return str(rows[0].get("DefaultCurrencyIsoCode") or "") if rows else ""


def _families(salesforce: Remote[HttpRequest]) -> set[str]:
    query = soql.select(["Id", "Family"], "Product2", limit=2000)
    try:
        rows = sf.decode_query(salesforce.read(sf.query(query)).body).rows
    except Rejected:
        return set()
    return {row["Family"] for row in rows if row.get("Family")}


def remotes(
    connections: Collection[StoredConnection], connector: Connector
) -> tuple[Remote[HttpRequest], Remote[requests.OrganisationRequest]]:
    """Both sides, by their connections."""
    by_side = {connection.side: connection for connection in connections}
    return connector.remote(by_side[Side.SALESFORCE]), connector.organisation(by_side[Side.XERO])

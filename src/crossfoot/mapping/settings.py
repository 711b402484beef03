"""The shape of ``crossfoot.yaml``, and reading it with problems that say where they are and how to mend them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from crossfoot.core.errors import BadSettings, NeedsPerson
from crossfoot.mapping.expressions import Place
from crossfoot.mapping.transforms import country_code

FILE_NAME = "crossfoot.yaml"
FILE_BYTES_MAX = 1_000_000
DATABASE_ADDRESS = re.compile(r"postgresql://([^:@/?\s]*@)?(?![^\s]*password=)[^@\s]*")
_COUNTRY_CODE = re.compile("[A-Z]{2}")
_DATABASE_LINE = re.compile(r"""(?m)^database:[ ]*["']?([^\s"'#]+)""")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TransformedField(_Section):
    """A field whose value passes through a named transform, or that two sides share by a rule."""

    source: Annotated[str, Field(alias="from", description="An expression over the Salesforce record.")]
    transform: Annotated[str, Field(alias="as", description="A transform, such as abn, phone, country, text 255.")] = ""
    owner: Annotated[
        Literal["salesforce", "xero", "either", "newest"] | None,  # none that both sides share is a set, to be united
        Field(description="Who decides it where the flow goes both ways; `either`: both changed waits."),
    ] = None
    empties: Annotated[bool, Field(description="Whether emptying it on one side empties the other.")] = False


FieldRule = str | TransformedField
RecordKind = Literal[
    "organisation",
    "account",
    "tax_rate",
    "tracking_option",
    "item",
    "contact",
    "invoice",
    "line",
    "credit_note",
    "payment",
    "issue",
    "bill",
]
"""What of Xero can be shown as Salesforce records. Supplier bills are read only where they are named."""


class NumberRule(_Section):
    """How invoices are numbered."""

    prefix: Annotated[str, Field(max_length=20, pattern=r"^[ -~]*$", description="The organisation's own prefix.")] = ""


class BrakeRule(_Section):
    """When to stop and ask before creating or changing much."""

    creations: Annotated[int, Field(ge=0, description="Documents created within 24 hours.")] = 50
    amount: Annotated[Decimal, Field(ge=0, description="Their worth in the base currency.")] = Decimal(250_000)
    times_biggest_recent_run: Annotated[Decimal, Field(gt=0)] = Decimal(3)
    changes: Annotated[int, Field(ge=0, description="Documents changed or deleted within 24 hours.")] = 10
    changed_percent_of_links: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(5)
    vanished_percent_of_links: Annotated[
        Decimal, Field(ge=0, le=100, description="Linked records of a kind deleted since the last run.")
    ] = Decimal(20)
    first_live_run: Annotated[int, Field(ge=0, description="Documents of the first run on a live ledger.")] = 5
    records: Annotated[
        int, Field(ge=0, description="Customers and products changed on either side within 24 hours.")
    ] = 50
    payments: Annotated[int, Field(ge=0, description="Payments recorded from Salesforce within 24 hours.")] = 50
    on_test_pair: Annotated[bool, Field(description="Whether it also stops on a test pair, or only warns.")] = False


class PolicyRule(_Section):
    """The choices a controller makes."""

    create: Annotated[Literal["draft", "approved"], Field(description="The status in which invoices are made.")] = (
        "draft"
    )
    approve_up_to: Annotated[
        Decimal,
        Field(ge=0, description="With approved: bigger invoices stay drafts, and those in a foreign currency."),
    ] = Decimal(0)
    due_days: Annotated[int, Field(ge=0, le=365, description="Where neither contact nor organisation has terms.")] = 14
    number: NumberRule = NumberRule()
    double_billing_days: Annotated[int, Field(ge=0, le=366, description="How far apart a look-alike may be.")] = 45
    rounding_max: Annotated[Decimal, Field(ge=0, le=1, description="The largest cent difference to accept.")] = Decimal(
        "0.05"
    )
    cancel: Annotated[
        Literal["ask", "delete_drafts"],
        Field(description="Lost and deleted deals: always ask, or delete own drafts that nobody touched unasked."),
    ] = "ask"
    brake: BrakeRule = BrakeRule()
    salesforce_calls_percent: Annotated[
        int, Field(ge=10, le=95, description="Share of the org's API calls, used by anyone, at which work stops.")
    ] = 70


class CodingRule(_Section):
    """Named defaults: used where neither the product nor the Xero item says."""

    account: Annotated[str, Field(description="Ledger account of sales lines.")] = ""
    no_products_account: Annotated[str, Field(description="Ledger account of deals without products.")] = ""
    tax: Annotated[str, Field(description="Tax type of home customers.")] = ""
    home_country: Annotated[str, Field(description="By name or ISO code; blank: Xero's own.")] = ""
    tax_by_country: Annotated[
        dict[str, str], Field(description="Tax type of customers elsewhere, by ISO country code. No row: waits.")
    ] = {}

    @field_validator("home_country")
    @classmethod
    def _is_a_country(cls, name: str) -> str:
        code = country_code(name)
        if name and not _COUNTRY_CODE.fullmatch(code):
            raise ValueError(f"`{name}` is not a country by its name or its ISO code")
        return code

    @field_validator("tax_by_country")
    @classmethod
    def _taxes_a_country_once(cls, rows: dict[str, str]) -> dict[str, str]:
        named: dict[str, str] = {}
        for name, tax in rows.items():
            first = named.setdefault(country_code(name), name)
            if rows[first] != tax:
                raise ValueError(f"`{first}` and `{name}` are one country with two taxes: keep one row")
        return rows


FlowDirection = Annotated[
    Literal["create", "both", "to_xero", "to_salesforce"],
    Field(
        description="What is kept in agreement after linking; `create`: nothing, a record that exists is left alone."
    ),
]


class CustomersFlow(_Section):
    """Accounts become Xero contacts, and stay in agreement with them where a direction says so."""

    salesforce: str = "Account"
    direction: FlowDirection = "create"
    fields: Annotated[dict[str, FieldRule], Field(description="Contact field: Salesforce expression.")]
    write_back: Annotated[dict[str, str], Field(description="Salesforce field: value from Xero.")] = {}


class PeopleFlow(_Section):
    """Salesforce contacts and the contact persons of their account's Xero contact, in agreement by the direction of the
    customers. Without this section none are carried over."""

    salesforce: str = "Contact"
    account: Annotated[str, Field(description="The field that says whose contact it is.")] = "AccountId"
    when: Annotated[str, Field(description="Which contacts count; Xero has room for five beside the primary one.")]
    primary: Annotated[
        str, Field(description="Which of them is the customer's own first name, last name and e-mail in Xero.")
    ] = "FALSE"
    fields: Annotated[dict[str, FieldRule], Field(description="Person field: Salesforce expression.")]


class ProductsFlow(_Section):
    """Products become Xero items, and stay in agreement with them where a direction says so."""

    salesforce: str = "Product2"
    direction: FlowDirection = "create"
    fields: Annotated[dict[str, FieldRule], Field(description="Item field: Salesforce expression.")]
    write_back: Annotated[dict[str, str], Field(description="Salesforce field: value from Xero.")] = {}


class LinesRule(_Section):
    """The lines of a document."""

    source: Annotated[str, Field(alias="from", description="The child relationship that holds the lines.")]
    fields: Annotated[dict[str, FieldRule], Field(description="Line field: Salesforce expression.")]
    tracking: Annotated[
        dict[str, FieldRule], Field(description="Tracking category: expression. At most two.", max_length=2)
    ] = {}


class InvoicesFlow(_Section):
    """Won deals become sales invoices."""

    salesforce: str = "Opportunity"
    when: Annotated[str, Field(description="Which records count as won.")]
    won_at: Annotated[str, Field(description="When a deal was won, beside its close date.")]
    fields: Annotated[dict[str, FieldRule], Field(description="Invoice field: Salesforce expression.")]
    lines: LinesRule
    write_back: Annotated[dict[str, str], Field(description="Salesforce field: value from Xero.")] = {}
    records: Annotated[dict[RecordKind, str], Field(description="Salesforce objects that mirror Xero's.")] = {}
    lookups: Annotated[
        dict[str, str], Field(description="Lookup field of the invoice's record: expression over the deal.")
    ] = {}


class PaymentsFlow(_Section):
    """Rows in which people record that a customer paid become payments in Xero. Without this section none do."""

    salesforce: str = "Xero_Payment__c"
    when: Annotated[str, Field(description="Which rows count; those that show a payment of Xero's never do.")] = "TRUE"
    key: Annotated[str, Field(description="The field that tells a row that shows a payment of Xero's.")] = "Xero_Key__c"
    fields: Annotated[dict[str, FieldRule], Field(description="Payment field: Salesforce expression.")]
    write_back: Annotated[dict[str, str], Field(description="Salesforce field: value from Xero.")] = {
        "Xero_Key__c": "Key",
        "Payment_Id__c": "PaymentID",
        "Status__c": "Status",
    }


class RequestsFlow(_Section):
    """Rows in which people ask for what others approve in Salesforce. Without this section none count."""

    salesforce: str = "Xero_Request__c"


class Flows(_Section):
    """What is kept in agreement."""

    customers: CustomersFlow
    people: PeopleFlow | None = None
    products: ProductsFlow
    invoices: InvoicesFlow
    payments: PaymentsFlow | None = None
    requests: RequestsFlow | None = None


class WebhooksRule(_Section):
    """Where Xero's webhooks are received; a proxy in front of it speaks HTTPS. The signing key is in the vault."""

    address: Annotated[str, Field(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="The port to listen on.")] = 8760


class ServeRule(_Section):
    """How `crossfoot serve` hears of changes, beside the clock."""

    webhooks: Annotated[WebhooksRule | None, Field(description="Without this section none are received.")] = None


class Settings(_Section):
    """The whole of ``crossfoot.yaml``. It holds no secret."""

    crossfoot: Literal[1]
    salesforce: Annotated[str, Field(min_length=1, description="Name of the Salesforce connection.")]
    xero: Annotated[list[str], Field(min_length=1, max_length=1, description="Name of the Xero connection.")]
    start_date: Annotated[dt.date, Field(description="Deals won before this day are never invoiced.")]
    direction: Annotated[
        Literal["both", "to_xero", "to_salesforce"],
        Field(description="Which way anything may be written: a one-way workspace writes nothing the other way."),
    ] = "both"
    prices: Annotated[Literal["ex_tax", "inc_tax"], Field(description="What prices in Salesforce mean.")] = "ex_tax"
    policy: PolicyRule = PolicyRule()
    coding: CodingRule = CodingRule()
    database: Annotated[
        str, Field(description="A PostgreSQL server, as postgresql://user@host/name; blank: a file in the workspace.")
    ] = ""
    serve: ServeRule = ServeRule()
    flows: Flows

    @field_validator("database")
    @classmethod
    def _names_no_secret(cls, address: str) -> str:
        if address and not DATABASE_ADDRESS.fullmatch(address):
            raise ValueError("write postgresql://user@host/name; a password belongs in ~/.pgpass or PGPASSWORD")
        return address


class SettingsFile:
    """A parsed file that knows where each value stands."""

    def __init__(self, path: Path, tree: CommentedMap, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self._tree = tree

    def place(self, *keys: str) -> Place:
        """Where a value stands, by its keys from the top."""
        line, column = _position(self._tree, keys)
        return Place(self.path.name, line, column)


class _Constructor(RoundTripConstructor):
    """Leaves days as they are written, so that one which does not exist is told with its place."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def load_settings(path: Path) -> SettingsFile:
    """Read and check the file. Raises ``BadSettings`` with every problem, or ``NeedsPerson`` if there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NeedsPerson(f"There is no {path.name} in {path.parent}. `crossfoot init` writes one.") from None
    if len(data) > FILE_BYTES_MAX:
        raise NeedsPerson(f"{path} is larger than {FILE_BYTES_MAX} bytes; that is no settings file.")
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        tree = yaml.load(data)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise BadSettings([f"{where}: not valid YAML: {error.problem or error}"]) from None
    except YAMLError as error:
        raise BadSettings([f"{path.name}:1:1: not valid YAML: {' '.join(str(error).split())}"]) from None
    except (ValueError, RecursionError) as error:
        raise BadSettings([f"{path.name}:1:1: not valid YAML: {error}"]) from None
    if not isinstance(tree, CommentedMap):
        raise BadSettings([f"{path.name}:1:1: the file must be a mapping that begins with `crossfoot: 1`"])
    try:
        settings = Settings.model_validate(_plain(tree))
    except ValidationError as error:
        raise BadSettings([_problem(path.name, tree, item) for item in error.errors()]) from None
    return SettingsFile(path, tree, settings)


def database_address(path: Path) -> str:
    """The ``database`` setting alone: commands that read nothing else of the file open the same database."""
    try:
        found = _DATABASE_LINE.search(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _plain(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return str(value)
    return value


def _problem(name: str, tree: CommentedMap, error: Any) -> str:
    keys = [str(part) for part in error["loc"] if not _is_union_tag(part)]
    line, column = _position(tree, keys)
    shown = ".".join(keys) or "the file"
    sentence = {
        "missing": f"`{shown}` is missing",
        "extra_forbidden": f"`{shown}` is not a setting; {_alternatives(keys)}",
    }.get(error["type"], f"`{shown}`: {error['msg'][:1].lower()}{error['msg'][1:]}")
    return f"{name}:{line}:{column}: {sentence}"


def _is_union_tag(part: object) -> bool:
    return isinstance(part, str) and part in {"str", "TransformedField"}


def _alternatives(keys: Sequence[str]) -> str:
    model: Any = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key) if isinstance(model, type) and issubclass(model, BaseModel) else None
        model = field.annotation if field else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        names = [field.alias or name for name, field in model.model_fields.items()]
        return f"possible here: {', '.join(names)}"
    return "see docs/reference/crossfoot-yaml.md"


def _position(tree: CommentedMap, keys: Sequence[str]) -> tuple[int, int]:
    node: Any = tree
    line, column = 1, 1
    for key in keys:
        try:
            if isinstance(node, CommentedMap) and key in node:
                at = node.lc.value(key)
                node = node[key]
            elif isinstance(node, CommentedSeq) and key.isdigit() and int(key) < len(node):
                at = node.lc.item(int(key))
                node = node[int(key)]
            else:
                break
        except (KeyError, TypeError):
            break
        line, column = at[0] + 1, at[1] + 1
    return line, column

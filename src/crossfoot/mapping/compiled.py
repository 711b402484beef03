"""``crossfoot.yaml`` made ready to use: which fields to read, and what a stored record means as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from zoneinfo import ZoneInfo

from crossfoot.core.documents import (
    Address,
    Deal,
    IntendedContact,
    IntendedItem,
    LineAmounts,
)
from crossfoot.core.errors import BadSettings, NeedsPerson
from crossfoot.core.findings import Finding
from crossfoot.core.merge import Direction, Owner
from crossfoot.core.money import AMOUNT_MAX
from crossfoot.core.people import FIELDS
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.core.requests import FIELDS as REQUEST_FIELDS
from crossfoot.core.settlement import RecordedPayment
from crossfoot.mapping import targets
from crossfoot.mapping.deals import DealLens, Related
from crossfoot.mapping.expressions import Expression, ExpressionError, Place, Value, compile_expression
from crossfoot.mapping.lenses import CONTACT_PARTS, ITEM_PARTS, RecordLens, Shape
from crossfoot.mapping.names import name_problems
from crossfoot.mapping.people import PeopleLens
from crossfoot.mapping.policies import policy_of
from crossfoot.mapping.rules import Rule, Rules
from crossfoot.mapping.settings import FieldRule, SettingsFile, TransformedField
from crossfoot.mapping.transforms import TransformError, find_transform
from crossfoot.mapping.values import Fields, as_text, instant, lookup_in


@dataclass(frozen=True, slots=True)
class Reading:
    """What must be read of one Salesforce object: its own fields, and those of its lines. ``key`` is a field that
    Crossfoot fills in rows that it writes itself: where it is empty, people entered the row."""

    object: str
    fields: tuple[str, ...]
    lines: str = ""
    line_fields: tuple[str, ...] = ()
    key: str = ""


class FlowMapping:
    """Compiled settings. ``hash`` pins the configuration that a plan was made with."""

    def __init__(self, file: SettingsFile) -> None:
        self.settings = file.settings
        self._file = file
        self._problems: list[str] = []
        flows = file.settings.flows
        self.account_object = flows.customers.salesforce
        self.product_object = flows.products.salesforce
        self.deal_object = flows.invoices.salesforce
        self.customer = self._rules(("flows", "customers"), flows.customers.fields, targets.CONTACT_FIELDS)
        self.product = self._rules(("flows", "products"), flows.products.fields, targets.ITEM_FIELDS)
        self.invoice = self._rules(("flows", "invoices"), flows.invoices.fields, targets.INVOICE_FIELDS)
        self.line = self._rules(("flows", "invoices", "lines"), flows.invoices.lines.fields, targets.LINE_FIELDS)
        self.tracking = self._rules(("flows", "invoices", "lines", "tracking"), flows.invoices.lines.tracking, None)
        self.when = self._expression(flows.invoices.when, file.place("flows", "invoices", "when"))
        self.won_at = self._expression(flows.invoices.won_at, file.place("flows", "invoices", "won_at"))
        self.lookups = {
            name: self._expression(text, file.place("flows", "invoices", "lookups", name))
            for name, text in flows.invoices.lookups.items()
        }
        self.payment, self.payment_when = self._payments()
        self.payment_object = flows.payments.salesforce if flows.payments else ""
        self.request_object = flows.requests.salesforce if flows.requests else ""
        self.deal_lens = DealLens(
            self.deal_object,
            self.account_object,
            self.product_object,
            flows.invoices.lines.source,
            LineAmounts.INCLUSIVE if file.settings.prices == "inc_tax" else LineAmounts.EXCLUSIVE,
            self.when,
            self.won_at,
            self.invoice,
            self.line,
            self.tracking,
        )
        self.customer_lens = RecordLens(CONTACT_PARTS, self.customer)
        self.product_lens = RecordLens(ITEM_PARTS, self.product)
        self.people = self._people()
        self._problems += name_problems(file)
        self._check_write_back()
        self._check_shared("customers", flows.customers.direction, CONTACT_PARTS, self.customer_lens, self.customer)
        self._check_shared("products", flows.products.direction, ITEM_PARTS, self.product_lens, self.product)
        if self._problems:
            raise BadSettings(self._problems)
        self.hash = content_hash(file.settings.model_dump(mode="json"))
        self.policy = policy_of(file)

    def _payments(self) -> tuple[Rules, Expression]:
        flow = self.settings.flows.payments
        if flow is None:
            return {}, compile_expression("FALSE")
        for target, value in flow.write_back.items():
            if value not in targets.PAYMENT_WRITE_BACK:
                place = self._file.place("flows", "payments", "write_back", target)
                possible = ", ".join(sorted(targets.PAYMENT_WRITE_BACK))
                self._problems.append(f"{place}: `{value}` is not written back; possible: {possible}")
        when = self._expression(flow.when, self._file.place("flows", "payments", "when"))
        rules = self._rules(("flows", "payments"), flow.fields, targets.PAYMENT_FIELDS)
        if self.has_currencies and "Currency" not in rules:  # its amount is in its own, whatever the file says of it
            rules = {**rules, "Currency": Rule(compile_expression(CURRENCY))}
        return rules, when

    @property
    def payment_terms(self) -> str:
        """Names the settings by which it is read what was paid, when, and on which invoice."""
        flow = self.settings.flows.payments
        told = flow.model_dump(mode="json")["fields"] if flow else {}
        return content_hash({name: told.get(name) for name in targets.PAYMENT_TERMS})

    def _people(self) -> PeopleLens | None:
        flow, customers = self.settings.flows.people, self.settings.flows.customers
        if flow is None:
            return None
        place = self._file.place("flows", "people")
        if customers.direction == "create":
            self._problems.append(f"{place}: people go with their customers, which need a direction such as `both`")
        twice = sorted({"FirstName", "LastName", "Email"} & customers.fields.keys())
        if twice and flow.primary != "FALSE":
            self._problems.append(f"{place}: the primary person is {', '.join(twice)} of customers: map one of both")
        for name, rule in flow.fields.items():
            if isinstance(rule, TransformedField) and rule.transform:
                said = self._file.place("flows", "people", "fields", name)
                self._problems.append(f"{said}: people are compared as both sides have them: leave out `as`")
        return PeopleLens(
            flow.salesforce,
            flow.account,
            self._expression(flow.when, self._file.place("flows", "people", "when")),
            self._expression(flow.primary, self._file.place("flows", "people", "primary")),
            self._rules(("flows", "people"), flow.fields, frozenset(FIELDS)),
        )

    def _expression(self, text: str, place: Place) -> Expression:
        try:
            return compile_expression(text, place)
        except ExpressionError as error:
            self._problems.append(str(error))
            return compile_expression("NULL", place)

    def _rules(self, keys: tuple[str, ...], fields: Mapping[str, FieldRule], allowed: frozenset[str] | None) -> Rules:
        rules: dict[str, Rule] = {}
        for name, rule in fields.items():
            place = self._file.place(*keys, *(() if keys[-1] == "tracking" else ("fields",)), name)
            if allowed is not None and name not in allowed:
                self._problems.append(f"{place}: `{name}` is not a field here; possible: {', '.join(sorted(allowed))}")
                continue
            text = rule.source if isinstance(rule, TransformedField) else rule
            transform = None
            if isinstance(rule, TransformedField) and rule.transform:
                try:
                    transform = find_transform(rule.transform)
                except NeedsPerson as error:
                    self._problems.append(f"{place}: {error}")
            rules[name] = Rule(self._expression(text, place), transform)
            if isinstance(rule, TransformedField):
                owner = Owner(rule.owner) if rule.owner else None
                rules[name] = replace(rules[name], owner=owner, empties=rule.empties)
        missing = targets.REQUIRED.get(keys[-1], set()) - rules.keys()
        if missing:
            place = self._file.place(*keys)
            self._problems.append(f"{place}: {', '.join(sorted(missing))} must be mapped")
        return MappingProxyType(rules)

    def _check_write_back(self) -> None:
        flows = self.settings.flows
        for key, mapping, known in (
            ("customers", flows.customers.write_back, targets.CONTACT_WRITE_BACK),
            ("products", flows.products.write_back, targets.ITEM_WRITE_BACK),
            ("invoices", flows.invoices.write_back, targets.INVOICE_WRITE_BACK),
        ):
            read = {path[0] for rule in self._all_rules() for path in rule.paths}
            for target, value in mapping.items():
                place = self._file.place("flows", key, "write_back", target)
                if value not in known:
                    self._problems.append(
                        f"{place}: `{value}` is not written back; possible: {', '.join(sorted(known))}"
                    )
                if target in read:
                    self._problems.append(f"{place}: `{target}` is written back, so no flow may read it")
                if target in _NEVER_WRITTEN:
                    self._problems.append(f"{place}: Crossfoot never writes `{target}`")

    def _check_shared(
        self, key: str, direction: str, shapes: Mapping[str, Shape], lens: RecordLens, rules: Rules
    ) -> None:
        """A value that Salesforce shall be told must stand in one field of its own; an address is one value."""
        for name, shape in shapes.items():
            if len({rule.owner for each in shape.members if (rule := rules.get(each)) and rule.owner}) > 1:
                place = self._file.place("flows", key, "fields")
                self._problems.append(f"{place}: `{name}` is one value ({', '.join(shape.members)}): name one owner")
        if direction not in {"both", "to_salesforce"}:
            return
        for part in lens.parts:
            if part.owner is not Owner.SALESFORCE and not part.writable:
                place = self._file.place("flows", key, "fields", shapes[part.name].members[0])
                self._problems.append(
                    f"{place}: `{part.name}` may come from Xero (owner {part.owner}), so it needs one plain field; "
                    "write it so, or add `owner: salesforce`"
                )

    @property
    def written_objects(self) -> frozenset[str]:
        """Objects in which anything may be shown of Xero."""
        own = {self.account_object, self.product_object, self.deal_object, self.payment_object, self.request_object}
        return frozenset({*own, *self.settings.flows.invoices.records.values()} - {""})

    def direction_of(self, flow: str) -> Direction | None:
        """Which way a flow keeps linked records in agreement; None where it only creates them."""
        flows = self.settings.flows
        wanted = flows.customers.direction if flow == "customers" else flows.products.direction
        if wanted == "create":
            return None
        whole = self.settings.direction
        if "both" in (wanted, whole):
            return Direction(whole if wanted == "both" else wanted)
        return Direction(wanted) if wanted == whole else None

    def compared_by(self, flow: str) -> str:
        """Names the settings by which linked records of a flow are compared; blank where it only creates them."""
        flows, direction = self.settings.flows, self.direction_of(flow)
        if direction is None:
            return ""
        sections = [flows.customers, flows.people] if flow == "customers" else [flows.products]
        told = [section.model_dump(mode="json", exclude={"write_back"}) for section in sections if section]
        return content_hash([direction.value, told])

    def told_fields(self) -> dict[str, frozenset[str]]:
        """Fields of accounts and products that Xero may change, by object, where a flow goes that way."""
        rows = (
            ("customers", self.account_object, self.customer_lens),
            ("products", self.product_object, self.product_lens),
        )
        to_salesforce = {Direction.BOTH, Direction.TO_SALESFORCE}
        return {name: lens.told for flow, name, lens in rows if self.direction_of(flow) in to_salesforce}

    def _all_rules(self) -> Iterator[Expression]:
        for rules in (self.customer, self.product, self.invoice, self.line, self.tracking):
            for rule in rules.values():
                yield rule.expression
        yield self.when
        yield self.won_at
        yield from self.lookups.values()

    def readings(self) -> dict[str, Reading]:
        """What to read of each object, by object name."""
        own: dict[str, set[str]] = {
            name: set() for name in (self.account_object, self.product_object, self.deal_object)
        }
        line_fields: set[str] = {"Id"}
        own[self.account_object].update({"CreatedDate", *_own_paths(self.customer)})
        if self.has_currencies:
            own[self.account_object].add(CURRENCY)
        if self.direction_of("customers"):
            own[self.account_object].update({"MasterRecordId", SAVED_BY})
        if self.direction_of("products"):
            own[self.product_object].add(SAVED_BY)
        own[self.product_object].update(_own_paths(self.product))
        header = [rule.expression for rule in self.invoice.values()] + [self.when, self.won_at, *self.lookups.values()]
        for expression in header:
            for path in expression.paths:
                self._place_path(path, own, own[self.deal_object])
        for rules in (self.line, self.tracking):
            for rule in rules.values():
                for path in rule.expression.paths:
                    inner = path[1:] if path[0] == self.deal_object else path
                    target = own[self.deal_object] if path[0] == self.deal_object else line_fields
                    self._place_path(inner, own, target)
        lines = self.settings.flows.invoices.lines.source
        readings = {name: Reading(name, tuple(sorted(fields))) for name, fields in own.items()}
        deal = readings[self.deal_object]
        readings[self.deal_object] = replace(deal, lines=lines, line_fields=tuple(sorted(line_fields)))
        if self.people:
            readings[self.people.object] = Reading(self.people.object, tuple(sorted({*self.people.paths, SAVED_BY})))
        if flow := self.settings.flows.payments:
            paths = {".".join(path) for path in self.payment_when.paths} | _own_paths(self.payment) | {flow.key}
            readings[flow.salesforce] = Reading(flow.salesforce, tuple(sorted(paths)), key=flow.key)
        if self.request_object:
            readings[self.request_object] = Reading(self.request_object, REQUEST_FIELDS)
        return readings

    @property
    def account_fields_of_deals(self) -> frozenset[str]:
        """The fields of its account on which a deal itself (that it is won, what it is worth) hangs."""
        header = [rule.expression for rule in self.invoice.values()] + [self.when, self.won_at, *self.lookups.values()]
        paths = (path for each in header for path in each.paths)
        return frozenset(path[1] for path in paths if len(path) == 2 and path[0] == self.account_object)

    @property
    def header_reads_account(self) -> bool:
        """Whether a deal itself hangs on its account."""
        return bool(self.account_fields_of_deals)

    @property
    def has_currencies(self) -> bool:
        """Whether the org has more than one currency: then every row has its own."""
        rule = self.invoice.get("Currency")
        return rule is not None and (CURRENCY,) in rule.expression.paths

    @property
    def constant_currency(self) -> str:
        """The one currency that all deals are said to be in; blank where it is read of them."""
        rule = self.invoice["Currency"]
        return "" if rule.expression.paths else as_text(rule.value(lambda _path: None))

    def lookups_of(self, fields: Fields) -> dict[str, Value]:
        """What the record of a deal's invoice points at beside the deal; what cannot be told is left empty."""
        found: dict[str, Value] = {}
        for name, expression in self.lookups.items():
            try:
                found[name] = expression.evaluate(lookup_in(fields))
            except ExpressionError:
                found[name] = None
        return found

    def _place_path(self, path: tuple[str, ...], own: dict[str, set[str]], target: set[str]) -> None:
        """A path through an account or product is read on that object, so that a change there is seen."""
        if len(path) == 2 and path[0] in {self.account_object, self.product_object}:
            own[path[0]].add(path[1])
            target.add(f"{path[0]}Id")
        else:
            target.add(".".join(path))

    def contact(self, record_id: str, fields: Fields) -> tuple[IntendedContact, tuple[Finding, ...]]:
        """The customer that an account means, with warnings about values that were left out."""
        ref = RecordRef(Side.SALESFORCE, self.account_object, record_id)
        findings: list[Finding] = []
        values: dict[str, str] = {}
        lookup = lookup_in(fields)
        for name, rule in self.customer.items():
            try:
                values[name] = as_text(rule.value(lookup))
            except (TransformError, ExpressionError) as error:
                code = "tax_number_invalid" if name == "TaxNumber" else "unreadable"
                if name not in {"Country"}:
                    findings.append(Finding(code, ref, f"{name}: {error}"))
        street = tuple(line.strip() for line in values.get("Street", "").splitlines() if line.strip())
        lines = street if len(street) <= 4 else (*street[:3], ", ".join(street[3:]))
        raw_country: Value = None
        with suppress(ExpressionError):
            raw_country = self.customer["Country"].expression.evaluate(lookup) if "Country" in self.customer else None
        contact = IntendedContact(
            source=ref,
            name=" ".join(values.get("Name", "").split()),
            created=instant(fields.get("CreatedDate")),
            account_number=values.get("AccountNumber", "")[:50],
            tax_number=values.get("TaxNumber", ""),
            phone=values.get("Phone", ""),
            email=values.get("Email", ""),
            address=Address(
                tuple(line[:500] for line in lines),
                values.get("City", ""),
                values.get("Region", ""),
                values.get("PostalCode", ""),
                as_text(raw_country),
            ),
            country=values.get("Country", "") or as_text(raw_country),
        )
        return contact, tuple(findings)

    def recorded_payment(
        self, record_id: str, fields: Fields, *, organisation_id: str, deleted: bool
    ) -> RecordedPayment:
        """What a row says that a customer paid. Its invoice is named by the key of its record, or by Xero's own id."""
        flow = self.settings.flows.payments
        assert flow is not None
        lookup, values, problems = lookup_in(fields), dict[str, Value](), list[str]()
        for name, rule in self.payment.items():
            try:
                values[name] = rule.value(lookup)
            except (TransformError, ExpressionError) as error:
                problems.append(f"{name}: {error}")
        try:
            counts = self.payment_when.holds(lookup)
        except ExpressionError as error:
            counts, problems = True, [*problems, str(error)]
        amount, dated = values.get("Amount"), values.get("Date")
        if isinstance(amount, Decimal) and amount.copy_abs() >= AMOUNT_MAX:
            amount, problems = None, [*problems, f"Amount: {amount:f} is too large for an amount"]
        home, _, invoice_id = as_text(values.get("Invoice")).rpartition(":")
        return RecordedPayment(
            ref=RecordRef(Side.SALESFORCE, flow.salesforce, record_id),
            name=as_text(values.get("Name")),
            owner=as_text(values.get("Owner")),
            counts=counts and home in {"", organisation_id},
            deleted=deleted,
            own_key=as_text(fields.get(flow.key)),
            invoice_id=invoice_id,
            amount=amount if isinstance(amount, Decimal) else None,
            dated=dated if isinstance(dated, date) and not isinstance(dated, datetime) else None,
            account=as_text(values.get("Account")),
            currency=as_text(values.get("Currency")),
            reference=as_text(values.get("Reference")),
            problems=tuple(problems),
        )

    def item(self, record_id: str, fields: Fields) -> IntendedItem:
        """The item that a product means. What cannot be worked out is left out: without a code Xero takes none."""
        lookup, values = lookup_in(fields), dict[str, str]()
        for name, rule in self.product.items():
            with suppress(TransformError, ExpressionError):
                values[name] = as_text(rule.value(lookup))
        ref = RecordRef(Side.SALESFORCE, self.product_object, record_id)
        return IntendedItem(
            ref,
            code=values.get("Code", ""),
            name=values.get("Name", ""),
            description=values.get("Description", ""),
            account_code=values.get("AccountCode", ""),
            tax_type=values.get("TaxType", ""),
        )

    def deal(
        self, record_id: str, fields: Fields, related: Related, *, zone: ZoneInfo, instance_url: str, deleted: bool
    ) -> Deal:
        """What a source record means: whether it is won, when, and the invoice it calls for."""
        return self.deal_lens.read(record_id, fields, related, zone=zone, instance_url=instance_url, deleted=deleted)


SAVED_BY = "LastModifiedBy.Name"
CURRENCY = "CurrencyIsoCode"
"""The field that every record has where the org has several currencies, and none where it has one (SF 6.12)."""
_NEVER_WRITTEN = frozenset({"StageName", "Amount", "CloseDate", "OwnerId", "Name", "AccountId"})


def _own_paths(rules: Rules) -> set[str]:
    return {".".join(path) for rule in rules.values() for path in rule.expression.paths}

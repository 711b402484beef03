"""Saved plans: what a person reviews is exactly what is sent, or it is named as left out."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossfoot.core.coding import tax_rates
from crossfoot.core.decided import Bucket
from crossfoot.core.documents import IntendedInvoice, LineAmounts
from crossfoot.core.errors import NeedsPerson, Stopped
from crossfoot.core.money import EXACT, ZERO, line_tax
from crossfoot.core.records import content_hash
from crossfoot.core.settlement import IntendedPayment
from crossfoot.engine.guards.brake import brake_holds, vanished
from crossfoot.engine.planning.planner import Planned
from crossfoot.engine.runs import RunReport, apply_reviewed
from crossfoot.engine.session import Session
from crossfoot.engine.writing.cancelling import planned_cancellations
from crossfoot.engine.writing.payments import planned_payments
from crossfoot.engine.writing.reissue import planned_reissues
from crossfoot.engine.writing.tell import planned_changes
from crossfoot.store.codec import instant, moment
from crossfoot.store.workspace import plan_applied, plan_digest, save_plan

PLAN_LIFE = dt.timedelta(hours=24)
PLAN_BYTES_MAX = 64 * 1024 * 1024
_KIND = "crossfoot plan 1"
_GONE = "number of linked records that are gone"
_KEYS = frozenset({"id", "created", "documents", "wanted", "pins", "summary"})


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan that was written to a file."""

    id: str
    created: dt.datetime
    wanted: Mapping[str, str]
    names: Mapping[str, str]
    pins: Mapping[str, str]
    summary: str


def describe_plan(session: Session, planned: Planned) -> dict[str, Any]:
    """A plan in words, documents and totals, for people and machines."""
    buckets: Counter[Bucket] = Counter(decision.bucket for decision in planned.decisions)
    payments = planned_payments(session, planned.as_of)
    taken_back = _taken_back(session, planned)
    paying = f"; {_count(payments, 'recorded payment')} would be made" if payments else ""
    going = f"; {_count(taken_back, 'invoice')} would be taken back" if taken_back else ""
    gone = f" Look at this first: {found}." if (found := vanished(session)) else ""
    return {
        "summary": _summary(session, planned, buckets) + paying + going + gone,
        "as_of": planned.as_of,
        "waiting": buckets[Bucket.WAITING],
        "documents": [_document(planned, operation) for operation in planned.invoices],
        "contacts": [o.status for o in planned.operations if o.identity.kind.value == "Contact"],
        "items": [o.identity.source_key for o in planned.operations if o.identity.kind.value == "Item"],
        "payments": [_payment(payment) for payment in payments],
        "taken_back": taken_back,
        "totals": _totals(planned),
        "by_currency": _by_currency(planned),
        "changes": planned_changes(session),
    }


def _count(rows: Sized, what: str) -> str:
    return f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}"


def _taken_back(session: Session, planned: Planned) -> list[dict[str, Any]]:
    """Invoices that people, or the policy, have taken back."""
    names = {decision.deal.ref.id: decision.deal.name for decision in planned.decisions}
    rows = [
        {"name": name, "number": i.number, "gross": i.total, "currency": i.currency, "how": status.lower()}
        for name, i, status in planned_cancellations(session)
    ]
    how = "credited in full and made anew"
    return rows + [
        {"name": names.get(deal, deal), "number": number, "gross": gross, "currency": currency, "how": how}
        for deal, number, gross, currency in planned_reissues(session)
    ]


def _payment(payment: IntendedPayment) -> dict[str, Any]:
    return {
        "record_id": payment.source.id,
        "invoice_id": payment.invoice_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "date": payment.dated,
        "account": payment.account,
    }


def _summary(session: Session, planned: Planned, buckets: Counter[Bucket]) -> str:
    start = session.mapping.policy.start_date
    before: dict[str, Decimal] = defaultdict(Decimal)
    for decision in planned.decisions:
        if decision.bucket is Bucket.BEFORE_START:
            before[decision.deal.currency] += decision.deal.amount
    since = sum(buckets.values()) - buckets[Bucket.NOT_WON] - buckets[Bucket.BEFORE_START]
    left = ", ".join(f"{currency} {amount:,.2f}" for currency, amount in sorted(before.items())) or "nothing"
    updates = sum(1 for operation in planned.invoices if operation.action.value == "update")
    words = [
        f"{since} wins since {start}",
        f"{buckets[Bucket.READY]} drafts would be made" + (f" and {updates} updated" if updates else ""),
        f"{buckets[Bucket.WAITING]} wait",
        f"{buckets[Bucket.DRAFTED] + buckets[Bucket.LINKED]} have their invoice",
        f"{buckets[Bucket.NOT_BILLABLE]} worth nothing",
    ]
    return f"{', '.join(words)}; {buckets[Bucket.BEFORE_START]} earlier wins are left alone ({left})."


def _document(planned: Planned, operation: Any) -> dict[str, Any]:
    names = {decision.deal.ref.id: decision.deal.name for decision in planned.decisions}
    document = operation.document
    return {
        "deal": operation.source.id,
        "name": names.get(operation.source.id, ""),
        "action": operation.action.value,
        "status": operation.status,
        "date": document.dated,
        "due": document.due,
        "reference": document.reference,
        "currency": operation.currency,
        "ex_tax": operation.totals.ex_tax,
        "tax": operation.totals.tax,
        "gross": operation.totals.gross,
        "why": operation.reason,
        "warnings": [f"{finding.code}: {finding.cause}" for finding in operation.warnings],
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_amount": line.unit_amount,
                "amount": line.amount,
                "item": line.item_code,
                "account": line.account_code,
                "tax_type": line.tax_type,
                "tracking": dict(line.tracking),
            }
            for line in document.lines
        ],
    }


def _totals(planned: Planned) -> list[dict[str, Any]]:
    """Ex tax, tax and gross by month, currency, ledger account and tax type."""
    rates = tax_rates(planned.books)
    sums: dict[tuple[str, str, str, str], list[Any]] = defaultdict(lambda: [0, ZERO, ZERO])
    for operation in planned.invoices:
        document = operation.document
        assert isinstance(document, IntendedInvoice)
        inclusive = document.line_amounts is LineAmounts.INCLUSIVE
        for line in document.lines:
            key = (f"{document.dated:%Y-%m}", document.currency, line.account_code, line.tax_type)
            tax = line_tax(line.amount, rates.get(line.tax_type, ZERO), inclusive=inclusive)
            row = sums[key]
            row[0] += 1
            row[1] = EXACT.add(row[1], EXACT.subtract(line.amount, tax) if inclusive else line.amount)
            row[2] = EXACT.add(row[2], tax)
    return [
        {
            "month": month,
            "currency": currency,
            "account": account,
            "tax_type": tax_type,
            "lines": lines,
            "ex_tax": ex_tax,
            "tax": tax,
            "gross": EXACT.add(ex_tax, tax),
        }
        for (month, currency, account, tax_type), (lines, ex_tax, tax) in sorted(sums.items())
    ]


def _by_currency(planned: Planned) -> dict[str, dict[str, Decimal]]:
    deals = {decision.deal.ref.id: decision.deal for decision in planned.decisions}
    sums: dict[str, dict[str, Decimal]] = {}
    for operation in planned.invoices:
        assert operation.totals is not None
        row = sums.setdefault(operation.currency, dict.fromkeys(("ex_tax", "tax", "gross", "salesforce"), ZERO))
        for name in ("ex_tax", "tax", "gross"):
            row[name] = EXACT.add(row[name], getattr(operation.totals, name))
        row["salesforce"] = EXACT.add(row["salesforce"], deals[operation.source.id].amount)
    return sums


def _pins(session: Session, planned: Planned) -> dict[str, str]:
    """What a plan was made under; when one of these changes it no longer holds."""
    organisation = planned.books.organisation
    return {
        "org": session.org_id,
        "organisation": session.organisation_id,
        "settings": session.mapping.hash,
        "lock dates": f"{organisation.period_lock} {organisation.year_lock}",
        "tax rates": content_hash(tax_rates(planned.books)),
        _GONE: vanished(session) if brake_holds(session) else "",
    }


def save_plan_file(session: Session, planned: Planned, path: Path) -> str:
    """Write the plan for review. Returns its id."""
    plan_id = session.host.new_id()
    now = session.host.now()
    described = describe_plan(session, planned)
    body = {
        "kind": _KIND,
        "id": plan_id,
        "created": instant(now),
        "pins": _pins(session, planned),
        "wanted": {operation.source.id: operation.decided_hash for operation in planned.invoices},
        **described,
    }
    text = json.dumps(body, default=str, indent=2, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    with session.database.writing("plan saved") as connection:
        save_plan(connection, plan_id, session.organisation_id, content_hash(text).encode(), now)
    return plan_id


def read_plan_file(session: Session, path: Path) -> SavedPlan:
    """Read a saved plan and check that it still holds."""
    try:
        if path.stat().st_size > PLAN_BYTES_MAX:
            raise NeedsPerson(f"{path} is too large to be a plan.")
        text = path.read_text(encoding="utf-8")
        body = json.loads(text)
    except FileNotFoundError:
        raise NeedsPerson(f"There is no file {path}. `crossfoot plan --out {path}` makes one.") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise NeedsPerson(f"{path} is not a plan that Crossfoot saved.") from None
    if not isinstance(body, dict) or body.get("kind") != _KIND or not body.keys() >= _KEYS:
        raise NeedsPerson(f"{path} is not a plan that Crossfoot saved.")
    with session.database.reading() as connection:
        saved = plan_digest(connection, body["id"])
    if saved is None:
        raise NeedsPerson(f"{path} was not made in this workspace.")
    if saved != content_hash(text).encode():
        raise NeedsPerson(f"{path} is not as Crossfoot saved it. Nothing was sent; make a new plan.")
    created = moment(body["created"])
    if session.host.now() - created > PLAN_LIFE:
        raise Stopped(f"The plan is from {created:%Y-%m-%d %H:%M} UTC and has expired. Make a new one.", code="expired")
    names = {document["deal"]: document["name"] for document in body["documents"]}
    return SavedPlan(body["id"], created, body["wanted"], names, body["pins"], body["summary"])


def apply_plan_file(session: Session, saved: SavedPlan, *, strict: bool) -> RunReport:
    """Send a saved plan. Running it again after a kill continues it: what was sent does not count as moved."""

    def check(planned: Planned) -> None:
        for what, now in _pins(session, planned).items():
            if saved.pins.get(what, "") != now:
                raise Stopped(
                    f"The {what} changed since the plan was made. Nothing was sent; make a new plan.", code="plan_moved"
                )

    report = apply_reviewed(session, saved.wanted, strict=strict, names=saved.names, check=check)
    with session.database.writing("plan applied") as connection:
        plan_applied(connection, saved.id)
    return report

"""Overrides: one part of a deal's document that a person set otherwise than the source says, with a reason.

It stands until the source agrees, and is then dropped. An amount counts only once a second person approved it. When
the source comes to say something else than it did as the person decided, that is new: the deal waits for a decision.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from crossfoot.core.documents import Deal, IntendedInvoice, IntendedLine, decided_mark
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.findings import Finding
from crossfoot.core.money import LINE_AMOUNT_MAX

UNIT_DECIMALS_MAX = 4
LINE_NAME_MAX = 60


class Part(StrEnum):
    """What may be overridden. Parts of a line are named with its number (``account:2``), or mean every line."""

    ACCOUNT = "account"
    TAX = "tax"
    UNIT_AMOUNT = "unit_amount"
    DUE = "due"
    REFERENCE = "reference"
    CONTACT = "contact"


_OF_A_LINE = frozenset({Part.ACCOUNT, Part.TAX, Part.UNIT_AMOUNT})
NEEDS_SECOND_PERSON = frozenset({Part.UNIT_AMOUNT})


class OverrideState(StrEnum):
    """An amount is proposed until a second person approves it; all others stand at once."""

    PROPOSED = "proposed"
    STANDS = "stands"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Override:
    """One decision. ``was`` is what the source said when it was taken."""

    field: str
    value: str
    was: str
    reason: str
    actor: str
    state: OverrideState = OverrideState.STANDS
    approver: str = ""
    id: int = 0
    source_id: str = ""
    at: str = ""

    @property
    def words(self) -> str:
        """For a person."""
        by = f"{self.actor}, approved by {self.approver}" if self.approver else self.actor
        return f"{self.field} is {self.value} by {by} (the source says {self.was or 'nothing'}): {self.reason}"


def read_part(field: str) -> tuple[Part, int | None]:
    """The part that a field names, and the line, counted from one."""
    name, _, number = field.partition(":")
    try:
        part = Part(name)
    except ValueError:
        raise NeedsPerson(f"{field!r} cannot be overridden. Possible: {', '.join(Part)}.") from None
    if number and (part not in _OF_A_LINE or not number.isdecimal() or not int(number)):
        raise NeedsPerson(f"{field!r} names no line; write for example account:2 for the second line.")
    return part, int(number) if number else None


def read_value(part: Part, value: str) -> str:
    """A value in its one form; says what is wrong with it."""
    text = value.strip()
    try:
        if part is Part.DUE:
            return dt.date.fromisoformat(text).isoformat()
        if part is Part.UNIT_AMOUNT:
            amount = Decimal(text)
            exponent = amount.as_tuple().exponent
            if not isinstance(exponent, int) or -exponent > UNIT_DECIMALS_MAX:
                raise NeedsPerson(f"unit_amount {text!r} is no amount of at most {UNIT_DECIMALS_MAX} decimals.")
            if amount.copy_abs() > LINE_AMOUNT_MAX:
                raise NeedsPerson(f"unit_amount {text!r} is too large: Xero takes at most {LINE_AMOUNT_MAX}.")
            return format(amount, "f")
    except (ValueError, InvalidOperation):
        wanted = "a day: YYYY-MM-DD" if part is Part.DUE else "an amount"
        raise NeedsPerson(f"{part} {value!r} is not {wanted}.") from None
    if not text:
        raise NeedsPerson(f"{part} needs a value.")
    return text


def source_words(deal: Deal, field: str) -> str:
    """What the source says of a part now, an amount with its currency. Of one line also which it is: numbers move on
    when a line before it goes."""
    said = source_value(deal, field)
    if said and read_part(field)[0] is Part.UNIT_AMOUNT:
        said = f"{said} {deal.currency}"
    return _of_which_line(deal, field, said)


def _of_which_line(deal: Deal, field: str, said: str) -> str:
    number = read_part(field)[1]
    line = next(iter(_lines(deal.invoice, number)), None) if deal.invoice and number else None
    if line is None:
        return said
    called = f"{line.item_code or line.description[:LINE_NAME_MAX]} {line.row_id}".strip()
    return f"{said or 'nothing'} for {called}"


def source_value(deal: Deal, field: str) -> str:
    """The same without currency and the line's name: what a decision is compared with. Of several lines that differ,
    all of them."""
    part, number = read_part(field)
    invoice = deal.invoice
    if invoice is None:
        return ""
    if part is Part.CONTACT:
        return invoice.account.id if invoice.account else ""
    if part is Part.DUE:
        return invoice.due.isoformat() if invoice.due else ""
    if part is Part.REFERENCE:
        return invoice.reference
    said = list(dict.fromkeys(_of_line(part, line) for line in _lines(invoice, number)))
    return ", ".join(said)


def _lines(invoice: IntendedInvoice, number: int | None) -> Sequence[IntendedLine]:
    return invoice.lines if number is None else invoice.lines[number - 1 : number]


def _of_line(part: Part, line: IntendedLine) -> str:
    match part:
        case Part.ACCOUNT:
            return line.account_code
        case Part.TAX:
            return line.tax_type
        case _:
            return format(line.unit_amount.normalize(), "f")


def agrees(deal: Deal, override: Override) -> bool:
    """Whether the source says by now what the person decided."""
    said = source_value(deal, override.field)
    if read_part(override.field)[0] is Part.UNIT_AMOUNT and said and ", " not in said:
        return Decimal(said) == Decimal(override.value)
    return said == override.value


def _moved_on(deal: Deal, override: Override) -> str:
    """What the source says now, where it is not what the person decided about, or leaves the decision no sense."""
    said, part = source_words(deal, override.field), read_part(override.field)[0]
    known = {said}
    if part is Part.UNIT_AMOUNT:  # older versions kept no currency with a decision
        known.add(_of_which_line(deal, override.field, source_value(deal, override.field)))
    if override.was not in known:
        return said or "nothing"
    if part is Part.DUE and deal.invoice and dt.date.fromisoformat(override.value) < deal.invoice.dated:
        return f"that it is dated {deal.invoice.dated}, after that day"
    return ""


def overridden(deal: Deal, overrides: Iterable[Override]) -> Deal:
    """The deal as people decided it, with a note of each decision; it waits where the source moved on since."""
    invoice = deal.invoice
    findings = list(deal.findings)
    applied: list[Override] = []
    for override in overrides:
        if invoice is None or agrees(deal, override):
            continue
        words = f"override {override.id}: {override.words}"
        if override.state is OverrideState.PROPOSED:
            findings.append(Finding("override_proposed", deal.ref, words))
        elif said := _moved_on(deal, override):
            findings.append(Finding("override_outdated", deal.ref, f"{words}. Now the source says {said}"))
        else:
            findings.append(Finding("override_stands", deal.ref, words))
            invoice = _applied(invoice, override)
            applied.append(override)
    if not applied:
        return replace(deal, findings=tuple(findings))
    parts = {read_part(override.field)[0]: override for override in applied}
    decided = [[override.field, override.value] for override in applied]
    return replace(
        deal,
        invoice=invoice,
        findings=tuple(findings),
        mapped_hash=decided_mark(deal.mapped_hash, decided),
        bill_to=parts[Part.CONTACT].value if Part.CONTACT in parts else "",
        amount_decided=Part.UNIT_AMOUNT in parts,
    )


def _applied(invoice: IntendedInvoice, override: Override) -> IntendedInvoice:
    part, number = read_part(override.field)
    match part:
        case Part.CONTACT:
            return invoice
        case Part.DUE:
            return replace(invoice, due=dt.date.fromisoformat(override.value))
        case Part.REFERENCE:
            return replace(invoice, reference=override.value)
    lines = tuple(
        _line(part, line, override.value) if number in {None, place} else line
        for place, line in enumerate(invoice.lines, start=1)
    )
    return replace(invoice, lines=lines)


def _line(part: Part, line: IntendedLine, value: str) -> IntendedLine:
    match part:
        case Part.ACCOUNT:
            return replace(line, account_code=value)
        case Part.TAX:
            return replace(line, tax_type=value, tax_decided=True)
        case _:
            return replace(line, unit_amount=Decimal(value))

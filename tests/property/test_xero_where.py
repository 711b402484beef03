"""The filter language: generated expressions select what an evaluator built beside the text selects (XERO 3.8)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.contract.xero_emulator.conftest import Client, line
from tests.property.xero_client import open_client

Row = dict[str, Any]
Read = Callable[[Row], Any]

NAMES = ("Acme Pty Ltd", "ACME Holdings", "Café Nero", "Zoë & Söhne", "Dash-Board", "a OR b", "Null (Holdings)", "Acme")
WORDS = ("acme", "Café Nero", "CAFE", " ", "OR", "o", "", "INV-0", "ref", "REF 7", "(", "null", "paid", "söhne", "e n")
DAYS = tuple(date(2026, 11, 1) + timedelta(days=offset) for offset in range(0, 60, 5))
AMOUNTS = tuple(Decimal(cents) / 100 for cents in (0, 1, 5000, 11000, 11001, 33000))


class NullMember(Exception):
    """A method was called on a member that is null: Xero refuses the request, so a filter must guard it."""


@dataclass(frozen=True)
class Expression:
    """A filter as text, and what it means."""

    text: str
    test: Callable[[Row], bool]

    def selects(self, rows: list[Row]) -> set[str] | None:
        """The ids of the rows meant; None where the request is to be refused."""
        try:
            return {row["id"] for row in rows if self.test(row)}
        except NullMember:
            return None


def plain(text: str) -> str:
    """Letters without case and accents, for the alphabet of this test."""
    return text.lower().translate(str.maketrans("éëö", "eeo"))


@cache
def invoices() -> tuple[Client, list[Row]]:
    """Forty invoices and bills in every state, and what the test knows of them."""
    chance, xero = Random(8), open_client()
    contacts = [xero.contact(name) for name in NAMES]
    rows = []
    for _ in range(40):
        contact, sales, day = chance.choice(contacts), chance.random() < 0.7, chance.choice(DAYS)
        reference = chance.choice((None, "ref", "Ref 7", "Café"))
        about = {"AccountCode": "200", "TaxType": "OUTPUT"} if sales else {"AccountCode": "429", "TaxType": "INPUT"}
        due = chance.choice(DAYS)
        sent: dict[str, Any] = {
            "Type": "ACCREC" if sales else "ACCPAY",
            "Contact": {"ContactID": contact["ContactID"]},
            "Date": day.isoformat(),
            "DueDate": due.isoformat(),
            "Status": chance.choice(("DRAFT", "SUBMITTED", "AUTHORISED", "AUTHORISED")),
            "Reference": reference,
            "LineItems": [line({"UnitAmount": chance.choice((100, Decimal("100.01"), 300)), **about})],
        }
        sent["SentToContact"] = sent["Status"] == "AUTHORISED" and chance.random() < 0.5
        made = xero.one("PUT", "/Invoices", sent)
        if made["Status"] == "AUTHORISED" and chance.random() < 0.5:
            xero.pay(made, chance.choice((50, made["AmountDue"])))
        shown = xero.one("GET", f"/Invoices/{made['InvoiceID']}")
        rows.append(
            {
                "id": made["InvoiceID"],
                "InvoiceID": made["InvoiceID"],
                "InvoiceNumber": shown.get("InvoiceNumber"),
                "Reference": reference if sales else None,
                "Contact.Name": contact["Name"],
                "Contact.ContactID": contact["ContactID"],
                "Type": sent["Type"],
                "Status": shown["Status"],
                "Date": day,
                "DueDate": due,
                "SentToContact": sent["SentToContact"],
                **{name: shown[name] for name in ("AmountDue", "AmountPaid", "Total")},
            }
        )
        xero.wait(seconds=20)
    return xero, rows


@cache
def contacts() -> tuple[Client, list[Row]]:
    """The contacts of those invoices, seen as contacts."""
    xero, documents = invoices()
    customers, suppliers = (
        {row["Contact.ContactID"] for row in documents if row["Type"] == kind} for kind in ("ACCREC", "ACCPAY")
    )
    rows = [
        {
            "id": row["ContactID"],
            "ContactID": row["ContactID"],
            "Name": row["Name"],
            "ContactStatus": "ACTIVE",
            "AccountNumber": None,
            "IsCustomer": row["ContactID"] in customers,
            "IsSupplier": row["ContactID"] in suppliers,
        }
        for row in xero.rows("GET", "/Contacts", page=1)
    ]
    return xero, rows


@dataclass(frozen=True)
class List:
    """A list that can be filtered, and its members by type."""

    path: str
    id_field: str
    world: Callable[[], tuple[Client, list[Row]]]
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    guids: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    days: tuple[str, ...] = ()


INVOICES = List(
    "/Invoices",
    "InvoiceID",
    invoices,
    texts=("InvoiceNumber", "Reference", "Contact.Name", "Type", "Status"),
    flags=("SentToContact",),
    guids=("InvoiceID", "Contact.ContactID"),
    numbers=("AmountDue", "AmountPaid", "Total"),
    days=("Date", "DueDate"),
)
CONTACTS = List(
    "/Contacts",
    "ContactID",
    contacts,
    texts=("Name", "ContactStatus", "AccountNumber"),
    flags=("IsCustomer", "IsSupplier"),
    guids=("ContactID",),
)

COMPARISONS = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
EQUALITIES = {sign: COMPARISONS[sign] for sign in ("==", "=", "!=")}
TESTS: dict[str, Callable[[str, str], bool]] = {
    "Contains": lambda text, part: part in text,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
SPACES = st.sampled_from(("", " ", "  "))
CASES: tuple[Callable[[str], str], ...] = (str, str.lower, str.upper)


@st.composite
def comparisons(draw: st.DrawFn, about: List) -> Expression:
    """One test of one member."""
    kinds = [_text, _text, _method, _flag, _guid, _null]
    if about.numbers:
        kinds += [_number, _day]
    return draw(st.sampled_from(kinds))(draw, about)


def _spelled(draw: st.DrawFn, member: str) -> str:
    return draw(st.sampled_from(CASES))(member)


def _compared(draw: st.DrawFn, member: str, literal: str, wanted: Any, signs: dict[str, Any], read: Read) -> Expression:
    sign = draw(st.sampled_from(sorted(signs)))
    compare, before, after = signs[sign], draw(SPACES), draw(SPACES)

    def test(row: Row) -> bool:
        value = read(row)
        if value is None or wanted is None:
            return sign in EQUALITIES and bool(compare(value, wanted))
        return bool(compare(value, wanted))

    return Expression(f"{_spelled(draw, member)}{before}{sign}{after}{literal}", test)


def _text(draw: st.DrawFn, about: List) -> Expression:
    member = draw(st.sampled_from(about.texts))
    word = draw(st.sampled_from((*WORDS, *NAMES, "PAID", "accrec", "Authorised", "ACTIVE")))
    lowered = draw(st.booleans())

    def read(row: Row) -> str | None:
        if row[member] is None:
            if lowered:
                raise NullMember
            return None
        return plain(row[member])

    return _compared(draw, f"{member}.ToLower()" if lowered else member, f'"{word}"', plain(word), EQUALITIES, read)


def _method(draw: st.DrawFn, about: List) -> Expression:
    member, name, word = (draw(st.sampled_from(choices)) for choices in (about.texts, sorted(TESTS), WORDS))
    guarded, lowered = draw(st.booleans()), draw(st.sampled_from(("", ".ToLower()")))

    def test(row: Row) -> bool:
        if row[member] is None:
            if guarded:
                return False
            raise NullMember
        return TESTS[name](plain(row[member]), plain(word))

    call = f'{_spelled(draw, member)}{lowered}.{_spelled(draw, name)}("{word}")'
    return Expression(f"({member} != null AND {call})" if guarded else call, test)


def _flag(draw: st.DrawFn, about: List) -> Expression:
    member, wanted = draw(st.sampled_from(about.flags)), draw(st.sampled_from((True, False, None)))
    if wanted is None:
        return Expression(_spelled(draw, member), lambda row: bool(row[member]))
    literal = draw(st.sampled_from(CASES))(str(wanted).lower())
    return _compared(draw, member, literal, wanted, EQUALITIES, operator.itemgetter(member))


def _guid(draw: st.DrawFn, about: List) -> Expression:
    member = draw(st.sampled_from(about.guids))
    wanted = draw(st.sampled_from(sorted({row[member] for row in about.world()[1]})))
    spelled = draw(st.sampled_from(("Guid", "guid", "GUID")))
    literal = f'{spelled}("{draw(st.sampled_from(CASES))(wanted)}")'
    return _compared(draw, member, literal, wanted, EQUALITIES, operator.itemgetter(member))


def _null(draw: st.DrawFn, about: List) -> Expression:
    member = draw(st.sampled_from((*about.texts, *about.days)))
    return _compared(draw, member, "null", None, EQUALITIES, operator.itemgetter(member))


def _number(draw: st.DrawFn, about: List) -> Expression:
    member, wanted = draw(st.sampled_from(about.numbers)), draw(st.sampled_from((*AMOUNTS, Decimal(-1))))
    return _compared(draw, member, f"{wanted:f}", wanted, COMPARISONS, operator.itemgetter(member))


def _day(draw: st.DrawFn, about: List) -> Expression:
    member, day = draw(st.sampled_from(about.days)), draw(st.sampled_from(DAYS))
    hour = draw(st.sampled_from((None, 0, 12)))
    wanted = datetime(day.year, day.month, day.day, hour or 0, tzinfo=UTC)
    parts = [day.year, day.month, day.day, *([] if hour is None else [hour, 0, 0])]
    gap = draw(st.sampled_from((",", ", ", " , ")))
    literal = f"DateTime({gap.join(map(str, parts))})"

    def read(row: Row) -> datetime:
        return datetime(row[member].year, row[member].month, row[member].day, tzinfo=UTC)

    return _compared(draw, member, literal, wanted, COMPARISONS, read)


@st.composite
def expressions(draw: st.DrawFn, about: List, depth: int = 3) -> Expression:
    """Comparisons joined by AND, which binds first, and by OR; both decide from left to right."""
    width = 3 if depth else 1
    groups = [
        [
            draw(expressions(about, depth - 1).map(_bracketed))
            if depth and draw(st.integers(0, 3)) == 0
            else draw(comparisons(about))
            for _ in range(draw(st.integers(1, width)))
        ]
        for _ in range(draw(st.integers(1, width)))
    ]
    anded = [_joined(draw, group, ("AND", "and", "And", "&&"), all) for group in groups]
    return _joined(draw, anded, ("OR", "or", "Or", "||"), any)


def _bracketed(inner: Expression) -> Expression:
    return Expression(f"({inner.text} )", inner.test)


def _joined(
    draw: st.DrawFn, parts: list[Expression], words: tuple[str, ...], join: Callable[[Any], bool]
) -> Expression:
    text = parts[0].text
    for part in parts[1:]:
        text += f" {draw(st.sampled_from(words))} {part.text}"
    return Expression(text, lambda row: join(part.test(row) for part in parts))


def check(about: List, expression: Expression) -> None:
    xero, rows = about.world()
    expected = expression.selects(rows)
    answer = xero.send("GET", about.path, query={"where": expression.text, "page": 1, "pageSize": 1000})
    if expected is None:
        assert answer.status == 400, (expression.text, answer.body[:300])
        assert b'"ErrorNumber":16' in answer.body
        return
    assert answer.status == 200, (expression.text, answer.body)
    found = xero.rows("GET", about.path, where=expression.text, page=1, pageSize=1000)
    assert {row[about.id_field] for row in found} == expected, expression.text


@settings(max_examples=400)
@given(expressions(INVOICES))
def test_invoices_are_those_that_the_expression_means(expression: Expression) -> None:
    check(INVOICES, expression)


@settings(max_examples=200)
@given(expressions(CONTACTS))
def test_contacts_are_those_that_the_expression_means(expression: Expression) -> None:
    check(CONTACTS, expression)


@pytest.mark.parametrize(
    "text",
    [
        'Contact.Name=="Acme',
        'Contact.Name=="Ac""me"',
        'Contact.Name=="Ac\\"me"',
        "Contact.Name=='Acme'",
        'Contact.Name==Guid("acme")',
        'InvoiceID==Guid("not an id")',
        'InvoiceID=="5f0c1c1e-aaaa-4000-8000-000000000000"',
        'Reference==Guid("5f0c1c1e-aaaa-4000-8000-000000000000")',
        'InvoiceID>Guid("5f0c1c1e-aaaa-4000-8000-000000000000")',
        'InvoiceID==Guid("5f0c1c1e-aaaa-4000-8000-000000000000", 1)',
        "InvoiceID==Guid(5)",
        "Date>=DateTime(2026,2,30)",
        "Date>=DateTime(99999999999,1,1)",
        "Date>=DateTime(2026,1,1,1,1,1,1,1)",
        'Date>="2026-11-01"',
        "AmountDue==true",
        'AmountDue=="110"',
        "SentToContact==1",
        "Contact=={}",
        "Contact==null)",
        "Contact.Name.First==1",
        "Contact.Nope==1",
        "LineItems.Any()",
        "NOT SentToContact",
        "Status",
        "AmountDue",
        "110",
        "Status AND SentToContact",
        'Reference.Contains("x")',
        'Reference.ToLower()=="x"',
        'Contact.Name.ToLower("x")=="x"',
        "Contact.Name.Contains()",
        "Contact.Name.Contains(5)",
        'Status=="PAID" XOR SentToContact',
        'Status=="PAID" AND',
        "()",
    ],
)
def test_what_xero_cannot_read_is_refused_by_number_16(text: str) -> None:
    xero, _ = invoices()
    answer = xero.send("GET", "/Invoices", query={"where": text, "page": 1})
    assert (answer.status, b'"ErrorNumber":16' in answer.body) == (400, True), answer.body[:300]


TOKENS = (
    *INVOICES.texts,
    *INVOICES.numbers,
    *COMPARISONS,
    *(
        "(",
        ")",
        ".",
        ",",
        '"',
        '"a"',
        "AND",
        "OR",
        "null",
        "true",
        "1",
        "-1",
        "1e9",
        "9" * 5000,
        "Date",
        "DateTime(",
        "Guid(",
    ),
    *(".Contains(", ".ToLower()", "\\", "é", "²", "٣", "\x00", "😀", "🇦🇺"),
)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join) | st.text(max_size=30),
    st.sampled_from(("where", "order")),
)
@example("(" * 2000, "where")
@example("Date>=DateTime(2026,11,20,99999999999999999999,0,0)", "where")
def test_whatever_is_written_is_answered_or_refused(text: str, name: str) -> None:
    xero, _ = invoices()
    answer = xero.send("GET", "/Invoices", query={name: text, "page": 1})
    assert answer.status in {200, 400}
    assert answer.status == 200 or b'"ErrorNumber":16' in answer.body, answer.body

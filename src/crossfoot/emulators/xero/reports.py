"""Reports computed from the ledger, in Xero's shape of rows and cells; every value is text (XERO 4.23)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from crossfoot.emulators.xero.errors import bad_query, not_found
from crossfoot.emulators.xero.formats import MONTH_NAMES, MONTHS, ZERO, parse_day
from crossfoot.emulators.xero.kinds import Call, Record
from crossfoot.emulators.xero.ledger import POSTED, SIGNS, in_base

Sums = Mapping[str, Decimal]
Sections = tuple[tuple[str, tuple[str, ...]], ...]

DAY_FIRST = date(1753, 1, 1)  # of the databases behind .NET (unconfirmed)
INCOME = ("Income", ("REVENUE", "SALES"))
COSTS = ("Less Cost of Sales", ("DIRECTCOSTS",))
OTHER_INCOME = ("Plus Other Income", ("OTHERINCOME",))
EXPENSES = ("Less Operating Expenses", ("EXPENSE", "OVERHEADS", "DEPRECIATN"))
ASSETS: Sections = (
    ("Bank", ("BANK",)),
    ("Current Assets", ("CURRENT", "INVENTORY", "PREPAYMENT")),
    ("Fixed Assets", ("FIXED",)),
    ("Non-current Assets", ("NONCURRENT",)),
)
LIABILITIES: Sections = (
    ("Current Liabilities", ("CURRLIAB", "PAYG")),
    ("Non-Current Liabilities", ("LIABILITY", "TERMLIAB")),
)
TRIAL_SECTIONS = (
    ("Revenue", "REVENUE"),
    ("Expenses", "EXPENSE"),
    ("Assets", "ASSET"),
    ("Liabilities", "LIABILITY"),
    ("Equity", "EQUITY"),
)
SALES_TYPES = frozenset({"ACCREC", "ACCRECCREDIT", "RECEIVE-OVERPAYMENT"})
EARNED = frozenset({"REVENUE", "EXPENSE"})  # classes that a new financial year begins at zero


@dataclass(frozen=True, slots=True)
class Report:
    """One report: the scope that opens it, and what computes it, if the organisation has it."""

    family: str
    build: Callable[[Call], Record] | None


def find_report(path: list[str]) -> Report:
    """The report that a path names; ``/Reports`` itself lists tax reports that people have published."""
    report = REPORTS.get(path[1].lower() if len(path) > 1 else "") if len(path) <= 2 else None
    if report is None:
        raise not_found()
    return report


def read(call: Call, path: list[str]) -> list[Record]:
    """The rows of an answer about reports; nobody publishes tax reports here."""
    report = find_report(path)
    return [report.build(call)] if report.build else []


def balances(call: Call, first: date | None, last: date) -> dict[str, Decimal]:
    """What each account moved from a day (or ever) to a day, debits positive, in base currency."""
    sums: dict[str, Decimal] = {}
    for journal in call.organisation.all("Journals"):
        if journal["JournalDate"] <= last and (first is None or journal["JournalDate"] >= first):
            for line in journal["JournalLines"]:
                sums[line["AccountID"]] = sums.get(line["AccountID"], ZERO) + line["NetAmount"]
    return sums


def _day(call: Call, name: str, default: date) -> date:
    """A day of the query; a sent one must have a financial year before it to compare with."""
    text = call.query.get(name.lower())
    try:
        day = parse_day(text) if text else default
    except ValueError as error:
        raise bad_query(str(error)) from None
    if text and day < DAY_FIRST:
        raise bad_query(f"The {name} {day} is out of range.")
    return day


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _year_start(call: Call, day: date) -> date:
    """The first day of the financial year that a day lies in."""
    info = call.organisation.info
    month, closing = info["FinancialYearEndMonth"], info["FinancialYearEndDay"]
    ends = [date(year, month, min(closing, monthrange(year, month)[1])) for year in (day.year - 1, day.year - 2)]
    this_year = date(day.year, month, min(closing, monthrange(day.year, month)[1]))
    return next(end for end in (this_year, *ends) if end < day) + timedelta(days=1)


def _words(day: date) -> str:
    """A day as titles write it."""
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def _short(day: date) -> str:
    """A day as the head of a column writes it."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _report(call: Call, name: str, titles: Iterable[str], rows: list[Record], spaced: str) -> Record:
    return {
        "ReportID": name,
        "ReportName": spaced,
        "ReportType": name,
        "ReportTitles": [spaced, *titles],
        "ReportDate": _words(call.today),
        "UpdatedDateUTC": call.now,
        "Fields": [],
        "Rows": rows,
    }


def _cells(values: Iterable[str | Decimal], attribute: tuple[str, str] | None = None) -> list[Record]:
    cells: list[Record] = [{"Value": value if isinstance(value, str) else f"{value:.2f}"} for value in values]
    if attribute:
        for cell in cells:
            cell["Attributes"] = [{"Id": attribute[0], "Value": attribute[1]}]
    return cells


def _row(values: Iterable[str | Decimal], kind: str = "Row", attribute: tuple[str, str] | None = None) -> Record:
    return {"RowType": kind, "Cells": _cells(values, attribute)}


def _section(title: str, rows: list[Record]) -> Record:
    return {"RowType": "Section", "Title": title, "Rows": rows}


def _accounts(call: Call, member: str, values: Iterable[str]) -> Iterator[Record]:
    """Accounts of some types or classes, by code."""
    wanted = set(values)
    found = (account for account in call.organisation.all("Accounts") if account[member] in wanted)
    return iter(sorted(found, key=lambda account: account.get("Code") or ""))


def _trial_balance(call: Call) -> Record:
    """What moved this month and this year up to a day; earnings of earlier years stand in retained earnings."""
    day = _day(call, "date", call.today)
    year_start = _year_start(call, day)
    month, year = balances(call, day.replace(day=1), day), balances(call, year_start, day)
    ever = balances(call, None, day)
    earlier = _earned(call, balances(call, None, year_start - timedelta(days=1)))
    rows: list[Record] = [_row(("Account", "Debit", "Credit", "YTD Debit", "YTD Credit"), "Header")]
    totals = [ZERO] * 4
    for title, of_class in TRIAL_SECTIONS:
        section: list[Record] = []
        for account in _accounts(call, "Class", [of_class]):
            account_id = account["AccountID"]
            to_date = (year if of_class in EARNED else ever).get(account_id, ZERO)
            if account.get("SystemAccount") == "RETAINEDEARNINGS":
                to_date += earlier
            amounts = [*_split(month.get(account_id, ZERO)), *_split(to_date)]
            if any(amounts):
                totals = [total + amount for total, amount in zip(totals, amounts, strict=True)]
                shown = [f"{account['Name']} ({account['Code']})", *(amount or "" for amount in amounts)]
                section.append(_row(shown, attribute=("account", account_id)))
        if section:
            rows.append(_section(title, section))
    rows.append(_section("", [_row(("Total", *totals), "SummaryRow")]))
    titles = (call.organisation.info["Name"], f"As at {_words(day)}")
    return _report(call, "TrialBalance", titles, rows, "Trial Balance")


def _split(amount: Decimal) -> tuple[Decimal, Decimal]:
    return (amount, ZERO) if amount > 0 else (ZERO, -amount)


def _earned(call: Call, sums: Sums) -> Decimal:
    """The balance of all income and expense accounts: a profit is negative, as credits are."""
    return sum((sums.get(account["AccountID"], ZERO) for account in _accounts(call, "Class", EARNED)), ZERO)


def _block(call: Call, title: str, types: Iterable[str], sums: Sums, sign: int) -> tuple[list[Record], Decimal]:
    """A section of accounts with its total; no section where nothing moved."""
    rows, total = [], ZERO
    for account in _accounts(call, "Type", types):
        amount = sign * sums.get(account["AccountID"], ZERO)
        if amount:
            rows.append(_row((account["Name"], amount), attribute=("account", account["AccountID"])))
            total += amount
    if not rows:
        return [], ZERO
    name = title.removeprefix("Less ").removeprefix("Plus ")
    return [_section(title, [*rows, _row((f"Total {name}", total), "SummaryRow")])], total


def _profit_and_loss(call: Call) -> Record:
    """Income less costs from a day to a day, by default of this month."""
    first = _day(call, "fromDate", call.today.replace(day=1))
    last = _day(call, "toDate", _month_end(call.today))
    if not 0 <= (last - first).days <= 366:
        raise bad_query("The from date must be before the to date, at most 365 days apart.")
    sums = balances(call, first, last)
    income, earned = _block(call, *INCOME, sums, -1)
    costs, spent = _block(call, *COSTS, sums, 1)
    other, gained = _block(call, *OTHER_INCOME, sums, -1)
    expenses, overheads = _block(call, *EXPENSES, sums, 1)
    gross = earned - spent
    rows = [
        _row(("", _short(last)), "Header"),
        *income,
        *costs,
        _section("", [_row(("Gross Profit", gross))]),
        *other,
        *expenses,
        _section("", [_row(("Net Profit", gross + gained - overheads))]),
    ]
    titles = (call.organisation.info["Name"], f"{_words(first)} to {_words(last)}")
    return _report(call, "ProfitAndLoss", titles, rows, "Profit and Loss")


def _balance_sheet(call: Call) -> Record:
    """Assets less liabilities is equity, with what was earned this year and before."""
    day = _day(call, "date", _month_end(call.today))
    year_start = _year_start(call, day)
    sums = balances(call, None, day)
    this_year = -_earned(call, balances(call, year_start, day))
    earlier = -_earned(call, balances(call, None, year_start - timedelta(days=1)))
    rows = [_row(("", _short(day)), "Header")]
    sides: list[Decimal] = []
    for side, sections, sign in (("Assets", ASSETS, 1), ("Liabilities", LIABILITIES, -1)):
        blocks = [_block(call, title, types, sums, sign) for title, types in sections]
        sides.append(sum((total for _, total in blocks), ZERO))
        rows += [_section(side, []), *(row for found, _ in blocks for row in found)]
        rows.append(_section("", [_row((f"Total {side}", sides[-1]), "SummaryRow")]))
    rows.append(_section("", [_row(("Net Assets", sides[0] - sides[1]))]))
    rows.append(_section("Equity", _equity(call, sums, earlier, this_year)))
    titles = (call.organisation.info["Name"], f"As at {_words(day)}")
    return _report(call, "BalanceSheet", titles, rows, "Balance Sheet")


def _equity(call: Call, sums: Sums, earlier: Decimal, this_year: Decimal) -> list[Record]:
    rows: list[Record] = []
    total = this_year
    for account in _accounts(call, "Class", ["EQUITY"]):
        amount = -sums.get(account["AccountID"], ZERO)
        if account.get("SystemAccount") == "RETAINEDEARNINGS":
            amount += earlier
        if amount:
            rows.append(_row((account["Name"], amount), attribute=("account", account["AccountID"])))
            total += amount
    if this_year:
        rows.append(_row(("Current Year Earnings", this_year)))
    return [*rows, _row(("Total Equity", total), "SummaryRow")]


def _bank_summary(call: Call) -> Record:
    """What each bank account held, received, spent and then held, in base currency; this month unless asked."""
    first, last = _day(call, "fromDate", call.today.replace(day=1)), _day(call, "toDate", _month_end(call.today))
    accounts = list(_accounts(call, "Type", ("BANK",)))
    held = {account["AccountID"]: [ZERO] * 4 for account in accounts}
    for journal in call.organisation.all("Journals"):
        for line in journal["JournalLines"]:
            sums, amount, day = held.get(line["AccountID"]), line["NetAmount"], journal["JournalDate"]
            if sums is None or day > last:
                continue
            place = 0 if day < first else 1 if amount > 0 else 2
            sums[place] += abs(amount) if place else amount
            sums[3] += amount
    rows = [
        _row((account["Name"], *held[account["AccountID"]]), attribute=("accountID", account["AccountID"]))
        for account in accounts
        if account["Status"] == "ACTIVE" or any(held[account["AccountID"]])
    ]
    totals = [sum(column, ZERO) for column in zip(*held.values(), strict=True)]
    header = _row(("Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"), "Header")
    body = _section("", [*rows, _row(("Total", *totals), "SummaryRow")])
    titles = (call.organisation.info["Name"], f"From {_words(first)} to {_words(last)}")
    return _report(call, "BankSummary", titles, [header, body], "Bank Summary")


def _aged(call: Call, name: str, spaced: str, sales: bool) -> Record:
    """What one contact's documents still owe at a day, in base currency; open credits are negative."""
    contact = call.organisation.get("Contacts", call.query.get("contactid", ""))
    if contact is None:
        raise bad_query("The contactId parameter is required and must name a contact.")
    day = _day(call, "date", _month_end(call.today))
    first, last = _day(call, "fromDate", date.min), _day(call, "toDate", date.max)
    rows = [_row(("Date", "Number", "Due Date", "", "Total", "Paid", "Credited", "Due"), "Header")]
    lines: list[Record] = []
    totals = [ZERO] * 4
    for document in _open_documents(call, contact["ContactID"], sales):
        amounts = _amounts_at(call, document, day)
        if first <= document["Date"] <= min(last, day) and amounts[-1]:
            totals = [total + amount for total, amount in zip(totals, amounts, strict=True)]
            due = document.get("DueDate")
            words = (_iso(document["Date"]), _number(document), _iso(due) if due else "", "")
            lines.append(_row([*words, *amounts], attribute=("invoiceID", _document_id(document))))
    rows.append(_section("", [*lines, _row(("Total", "", "", "", *totals), "SummaryRow")]))
    return _report(call, name, (contact["Name"], f"As at {_words(day)}"), rows, spaced)


def _iso(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _number(document: Record) -> str:
    return str(document.get("InvoiceNumber") or document.get("CreditNoteNumber") or document.get("Reference") or "")


def _document_id(document: Record) -> str:
    return str(next(document[name] for name in ("InvoiceID", "CreditNoteID", "OverpaymentID") if name in document))


def _open_documents(call: Call, contact_id: str, sales: bool) -> list[Record]:
    """Everything of a contact that stands on this side's control account, as prepayments do not."""
    found = [
        record
        for plural in ("Invoices", "CreditNotes", "Overpayments")
        for record in call.organisation.find(plural, "Contact", contact_id)
        if (record["Type"] in SALES_TYPES) is sales and record["Status"] in POSTED
    ]
    return sorted(found, key=lambda record: record["Date"])


def _amounts_at(call: Call, document: Record, day: date) -> tuple[Decimal, ...]:
    """Total, paid, credited and due of a document at the end of a day, negative for credits."""
    payments = call.organisation.find("Payments", "Target", _document_id(document))
    applied = document["Allocations"] if "Allocations" in document else document.get("_credits", [])
    paid = sum((row["Amount"] for row in payments if row["Status"] == "AUTHORISED" and row["Date"] <= day), ZERO)
    credited = sum((row["Amount"] for row in applied if row["Date"] <= day), ZERO)
    total = document["Total"]
    sign = SIGNS[document["Type"]] * (1 if document["Type"] in SALES_TYPES else -1)
    amounts = (total, paid, credited, total - paid - credited)
    return tuple(sign * in_base(amount, document["CurrencyRate"]) for amount in amounts)


REPORTS: Mapping[str, Report] = {
    "trialbalance": Report("accounting.reports.trialbalance", _trial_balance),
    "profitandloss": Report("accounting.reports.profitandloss", _profit_and_loss),
    "balancesheet": Report("accounting.reports.balancesheet", _balance_sheet),
    "banksummary": Report("accounting.reports.banksummary", _bank_summary),
    "": Report("accounting.reports.taxreports", None),
    "agedreceivablesbycontact": Report(
        "accounting.reports.aged",
        lambda call: _aged(call, "AgedReceivablesByContact", "Aged Receivables By Contact", sales=True),
    ),
    "agedpayablesbycontact": Report(
        "accounting.reports.aged",
        lambda call: _aged(call, "AgedPayablesByContact", "Aged Payables By Contact", sales=False),
    ),
}

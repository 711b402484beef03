"""A stored record as a document: what is read, what it means, and what cannot be read as one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crossfoot.core.documents import Deal, IntendedLine
from crossfoot.core.standing import is_billable
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.deals import Related
from crossfoot.mapping.settings import load_settings

SETTINGS = """\
crossfoot: 1
salesforce: acme
xero: [acme-au]
start_date: 2026-11-01
flows:
  customers:
    fields:
      Name: Name
      AccountNumber: AccountNumber
      TaxNumber: {from: ABN__c, as: abn}
      Street: BillingStreet
      City: BillingCity
      Country: {from: BillingCountry, as: country}
  products:
    fields: {Code: ProductCode, Name: Name, AccountCode: Xero_Account_Code__c}
  invoices:
    when: IsWon
    won_at: BLANKVALUE(LastStageChangeDate, CreatedDate)
    fields:
      Name: Name
      Owner: Owner.Name
      Contact: AccountId
      Date: CloseDate
      Currency: "'AUD'"
      Number: Deal_Number__c
      Reference: "BLANKVALUE(Deal_Number__c, Id)"
      Amount: Amount - BLANKVALUE(Whole_Deal_Discount__c, 0)
      Discount: Whole_Deal_Discount__c
    lines:
      from: OpportunityLineItems
      fields:
        Product: Product2Id
        ItemCode: Product2.ProductCode
        Description: BLANKVALUE(Description, Product2.Name)
        Quantity: Quantity
        UnitAmount: UnitPrice
        DiscountRate: Discount
      tracking: {Region: Opportunity.Region__c, Industry: Account.Industry}
"""
DEAL = "0065g00000AAA01AAD"
PRODUCT = {"Name": "Advice", "ProductCode": "ADVICE"}
LINE = {"Product2Id": "01tA", "Description": None, "Quantity": Decimal(2), "UnitPrice": Decimal("50.00")}
FIELDS: dict[str, Any] = {
    "Id": DEAL,
    "Name": "Deal 1",
    "Owner": {"Name": "Priya"},
    "AccountId": "001A",
    "CloseDate": "2026-11-10",
    "IsWon": True,
    "Amount": Decimal("100.00"),
    "Deal_Number__c": "D-0001",
    "Whole_Deal_Discount__c": None,
    "LastStageChangeDate": "2026-11-09T13:30:00.000+0000",
    "CreatedDate": "2026-10-01T00:00:00.000+0000",
    "Region__c": "East",
    "OpportunityLineItems": [LINE],
}


@pytest.fixture
def mapping(tmp_path: Path) -> FlowMapping:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS.replace(", Industry: Account.Industry", ""), encoding="utf-8")
    return FlowMapping(load_settings(path))


def read(mapping: FlowMapping, *, deleted: bool = False, **changed: Any) -> Deal:
    related = Related(accounts={"001A": {"Industry": "Law"}}, products={"01tA": PRODUCT})
    zone = ZoneInfo("Australia/Sydney")
    fields = {**FIELDS, **changed}
    return mapping.deal(
        DEAL, fields, related, zone=zone, instance_url="https://acme.my.salesforce.com", deleted=deleted
    )


def lines_of(deal: Deal) -> tuple[IntendedLine, ...]:
    assert deal.invoice is not None, deal.findings
    return deal.invoice.lines


@pytest.mark.promise("S0-20", "S1-30", "S1-42", "S1-44", "S1-45", "S1-49")
def test_a_won_deal_as_an_invoice(mapping: FlowMapping) -> None:
    deal = read(mapping)
    assert (deal.name, deal.owner, deal.won, deal.amount) == ("Deal 1", "Priya", True, Decimal("100.00"))
    invoice = deal.invoice
    assert invoice is not None
    assert (invoice.dated, invoice.currency, invoice.own_number) == (dt.date(2026, 11, 10), "AUD", "D-0001")
    assert (invoice.reference, invoice.url) == ("D-0001", f"https://acme.my.salesforce.com/{DEAL}")
    assert invoice.account is not None
    assert invoice.account.id == "001A"
    (line,) = invoice.lines
    assert (line.item_code, line.description, line.amount) == ("ADVICE", "Advice", Decimal("100.00"))
    assert line.tracking == (("Region", "East"),)


@pytest.mark.parametrize(
    "number",
    ["4500-12-99", "0000-00-00", "2026-11-21T10:00:00", "2026-11-21T10:00:00 by phone", "2026-11-21T99:00:00Z"],
)
def test_a_text_that_merely_looks_like_a_day_stays_a_text(mapping: FlowMapping, number: str) -> None:
    deal = read(mapping, Deal_Number__c=number)
    assert deal.invoice is not None
    assert deal.invoice.own_number == number


@pytest.mark.promise("S1-49")
def test_a_deal_without_a_number_is_referred_to_by_its_id(mapping: FlowMapping) -> None:
    deal = read(mapping, Deal_Number__c=None)
    assert deal.invoice is not None
    assert (deal.invoice.reference, deal.invoice.own_number) == (DEAL, "")


@pytest.mark.promise("S1-46")
@pytest.mark.parametrize(
    ("changed_at", "won_on"),
    [
        ("2026-10-31T12:59:59.000+0000", dt.date(2026, 10, 31)),
        ("2026-10-31T13:00:00.000+0000", dt.date(2026, 11, 1)),
        (None, dt.date(2026, 10, 1)),
    ],
)
def test_the_day_of_the_win_is_the_day_where_the_books_are_kept(
    mapping: FlowMapping, changed_at: str | None, won_on: dt.date
) -> None:
    assert read(mapping, LastStageChangeDate=changed_at).won_on == won_on


def test_a_close_date_is_a_date_and_belongs_to_no_zone(mapping: FlowMapping) -> None:
    assert read(mapping, CloseDate="2026-11-01").close_date == dt.date(2026, 11, 1)


def with_rules(directory: Path, rules: str) -> FlowMapping:
    """The mapping with other rules in place of the one for the date."""
    path = directory / "crossfoot.yaml"
    path.write_text(SETTINGS.replace("Date: CloseDate", rules.replace("; ", "\n      ")), encoding="utf-8")
    return FlowMapping(load_settings(path))


@pytest.mark.parametrize(
    ("rules", "dated", "due"),
    [
        ("Date: Signed_At__c", dt.date(2026, 12, 1), None),
        ("Date: CloseDate; DueDate: Signed_At__c", dt.date(2026, 11, 10), dt.date(2026, 12, 1)),
    ],
)
def test_an_instant_is_the_day_where_the_books_are_kept(
    tmp_path: Path, rules: str, dated: dt.date, due: dt.date | None
) -> None:
    invoice = read(with_rules(tmp_path, rules), Signed_At__c="2026-11-30T20:00:00.000+0000").invoice
    assert invoice is not None
    assert (type(invoice.dated), invoice.dated, invoice.due) == (dt.date, dated, due)
    assert type(invoice.due) is type(due)


@pytest.mark.parametrize("rules", ["Date: Text__c", "Date: CloseDate; DueDate: Text__c"])
def test_what_is_no_day_is_told(tmp_path: Path, rules: str) -> None:
    deal = read(with_rules(tmp_path, rules), Text__c="30/11/2026")
    assert [finding.cause for finding in deal.findings] == [f"{rules.split()[-2]} `30/11/2026` is no day"]


@pytest.mark.parametrize(("text", "is_day"), [("9999-12-31", False), ("4000-12-31", True), ("0001-01-01", False)])
def test_a_day_beyond_those_of_salesforce_is_told_before_anybody_counts_from_it(
    tmp_path: Path, text: str, is_day: bool
) -> None:
    deal = read(with_rules(tmp_path, "Date: Text__c"), Text__c=text)
    assert [finding.cause for finding in deal.findings] == ([] if is_day else [f"Date: `{text}` is no day"])


@pytest.mark.parametrize("field", ["Amount", "Discount"])
def test_what_is_no_number_is_told_and_not_taken_for_nothing(tmp_path: Path, field: str) -> None:
    path = tmp_path / "crossfoot.yaml"
    rule = {"Amount": "Amount - BLANKVALUE(Whole_Deal_Discount__c, 0)", "Discount": "Whole_Deal_Discount__c"}[field]
    path.write_text(SETTINGS.replace(f"{field}: {rule}", f"{field}: Text__c"), encoding="utf-8")
    deal = read(FlowMapping(load_settings(path)), Text__c="1,200", OpportunityLineItems=None)
    assert [finding.cause for finding in deal.findings] == [f"{field}: `1,200` is no number"]
    assert deal.amount_known is (field != "Amount")


def test_a_discount_that_is_no_number_is_told_and_not_left_out(mapping: FlowMapping) -> None:
    deal = read(mapping, OpportunityLineItems=[{**LINE, "Discount": "10 %"}])
    assert [finding.cause for finding in deal.findings] == ["a line: DiscountRate: `10 %` is no number"]


@pytest.mark.parametrize(("changed", "deleted"), [({"IsWon": False}, False), ({}, True)])
def test_what_is_not_won_or_deleted_is_no_document(
    mapping: FlowMapping, changed: dict[str, Any], deleted: bool
) -> None:
    deal = read(mapping, deleted=deleted, **changed)
    assert (deal.invoice, deal.findings) == (None, ())


def test_a_deal_of_which_it_cannot_be_told_whether_it_counts_says_why(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS.replace("when: IsWon", "when: Region__c > 5"), encoding="utf-8")
    deal = read(FlowMapping(load_settings(path)))
    assert (deal.won, [finding.code for finding in deal.findings]) == (True, ["unreadable"])


def test_a_deal_without_products_is_one_line_of_its_amount(mapping: FlowMapping) -> None:
    deal = read(mapping, OpportunityLineItems=None)
    assert deal.invoice is not None
    assert deal.invoice.without_products
    (line,) = deal.invoice.lines
    assert (line.description, line.quantity, line.unit_amount) == ("Deal 1", Decimal(1), Decimal("100.00"))


def test_a_credit_line_gives_its_sign_to_the_price(mapping: FlowMapping) -> None:
    (line,) = lines_of(read(mapping, OpportunityLineItems=[{**LINE, "Quantity": Decimal(-2)}]))
    assert (line.quantity, line.unit_amount) == (Decimal(2), Decimal("-50.00"))


def test_a_free_line_taken_back_stays_a_free_line(mapping: FlowMapping) -> None:
    row = {**LINE, "Quantity": Decimal(-2), "UnitPrice": Decimal(0)}
    (line,) = lines_of(read(mapping, OpportunityLineItems=[row]))
    assert (line.quantity, str(line.unit_amount)) == (Decimal(2), "0.0000")


@pytest.mark.promise("S0-25")
def test_a_discount_on_the_whole_deal_is_shared_to_the_cent(mapping: FlowMapping) -> None:
    rows = [{**LINE, "Quantity": Decimal(1), "UnitPrice": Decimal(price)} for price in ("33.33", "33.33", "33.34")]
    rows[0]["Discount"] = Decimal(10)
    deal = read(mapping, OpportunityLineItems=rows, Amount=Decimal("96.67"), Whole_Deal_Discount__c=Decimal("10.00"))
    lines = lines_of(deal)
    assert sum(line.amount for line in lines) == Decimal("86.67") == deal.amount
    assert [line.discount_rate for line in lines] == [None, None, None]
    assert lines[0].discount_amount == Decimal("6.43")
    assert all(line.amount == line.amount.quantize(Decimal("0.01")) for line in lines)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"CloseDate": None}, "the deal has no close date"),
        ({"OpportunityLineItems": [{**LINE, "Quantity": None}]}, "a line has no quantity or no price"),
        ({"OpportunityLineItems": [{**LINE, "UnitPrice": None}]}, "a line has no quantity or no price"),
        ({"Amount": "a hundred"}, "Amount: "),
        ({"Amount": Decimal(10) ** 17}, "Amount: 100000000000000000 is too large"),
        ({"OpportunityLineItems": [{**LINE, "UnitPrice": Decimal(10) ** 12}]}, "a line comes to 2000000000000"),
    ],
)
def test_what_cannot_be_read_says_why(mapping: FlowMapping, changed: dict[str, Any], cause: str) -> None:
    deal = read(mapping, **changed)
    assert [finding.code for finding in deal.findings] == ["unreadable"]
    assert deal.findings[0].cause.startswith(cause)


def test_a_deal_without_products_and_amount_is_worth_nothing_and_not_unreadable(mapping: FlowMapping) -> None:
    deal = read(mapping, OpportunityLineItems=None, Amount=Decimal(0))
    assert (deal.invoice, deal.findings, is_billable(deal)) == (None, (), False)


def test_the_mapped_hash_follows_what_is_read(mapping: FlowMapping) -> None:
    assert read(mapping).mapped_hash == read(mapping, Amount=Decimal("100.0")).mapped_hash
    assert read(mapping).mapped_hash != read(mapping, Amount=Decimal("100.01")).mapped_hash


ACCOUNT = {"Name": " Acme  Pty Ltd ", "CreatedDate": "2024-01-01T00:00:00.000+0000", "ABN__c": "51 824 753 556"}


@pytest.mark.promise("S1-37", "S1-40", "S1-47", "S1-48")
def test_an_account_as_a_customer(mapping: FlowMapping) -> None:
    street = "Level 9\r\n1 George St\n\nTower B\nPlaza\nGate 4"
    fields = {**ACCOUNT, "BillingStreet": street, "BillingCity": "Sydney", "BillingCountry": "New Zealand"}
    contact, findings = mapping.contact("001A", fields)
    assert findings == ()
    assert (contact.name, contact.tax_number, contact.country) == ("Acme Pty Ltd", "51824753556", "NZ")
    assert contact.address.lines == ("Level 9", "1 George St", "Tower B", "Plaza, Gate 4")
    assert (contact.address.city, contact.address.country) == ("Sydney", "New Zealand")


@pytest.mark.promise("S1-48")
def test_a_broken_abn_is_left_empty_and_told(mapping: FlowMapping) -> None:
    contact, findings = mapping.contact("001A", {**ACCOUNT, "ABN__c": "51 824 753 557"})
    assert contact.tax_number == ""
    assert [(finding.code, finding.blocks) for finding in findings] == [("tax_number_invalid", False)]


def test_a_country_that_is_not_known_stays_as_it_was_written(mapping: FlowMapping) -> None:
    contact, _ = mapping.contact("001A", {**ACCOUNT, "BillingCountry": "Atlantis"})
    assert contact.country == "Atlantis"


def test_a_product_as_an_item(mapping: FlowMapping) -> None:
    item = mapping.item("01tA", {**PRODUCT, "Xero_Account_Code__c": 200})
    assert (item.code, item.name, item.account_code) == ("ADVICE", "Advice", "200")


@pytest.mark.promise("S1-19", "S1-52")
def test_what_cannot_be_worked_out_of_a_product_or_a_country_is_left_out(tmp_path: Path) -> None:
    text = SETTINGS.replace("Code: ProductCode, Name: Name", 'Code: ProductCode, Name: "TEXT(VALUE(Name))"')
    text = text.replace("{from: BillingCountry, as: country}", '"TEXT(VALUE(BillingCountry))"')
    (tmp_path / "worked.yaml").write_text(text)
    worked = FlowMapping(load_settings(tmp_path / "worked.yaml"))
    item = worked.item("01tA", {"ProductCode": "ADVICE", "Name": "Advice"})
    assert (item.code, item.name) == ("ADVICE", "")
    contact, _ = worked.contact("001A", {"Name": "Acme", "BillingCountry": "Australia"})
    assert (contact.name, contact.country) == ("Acme", "")


def test_only_mapped_fields_are_read(mapping: FlowMapping) -> None:
    readings = mapping.readings()
    deal = readings["Opportunity"]
    assert set(deal.fields) == {
        "AccountId",
        "Amount",
        "CloseDate",
        "CreatedDate",
        "Deal_Number__c",
        "Id",
        "IsWon",
        "LastStageChangeDate",
        "Name",
        "Owner.Name",
        "Region__c",
        "Whole_Deal_Discount__c",
    }
    assert deal.lines == "OpportunityLineItems"
    assert set(deal.line_fields) == {"Description", "Discount", "Id", "Product2Id", "Quantity", "UnitPrice"}
    assert set(readings["Product2"].fields) == {"Name", "ProductCode", "Xero_Account_Code__c"}
    assert "ABN__c" in readings["Account"].fields


def test_the_configuration_has_a_hash_that_follows_its_meaning(mapping: FlowMapping, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    text = SETTINGS.replace(", Industry: Account.Industry", "")
    path.write_text(f"# a comment\n{text}", encoding="utf-8")
    assert FlowMapping(load_settings(path)).hash == mapping.hash
    path.write_text(text.replace("2026-11-01", "2026-11-02"), encoding="utf-8")
    assert FlowMapping(load_settings(path)).hash != mapping.hash


def test_a_line_can_reach_the_deals_account(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS.replace("Account.Industry", "Opportunity.Account.Industry"), encoding="utf-8")
    mapping = FlowMapping(load_settings(path))
    (line,) = lines_of(read(mapping))
    assert line.tracking == (("Region", "East"), ("Industry", "Law"))
    assert "Industry" in mapping.readings()["Account"].fields

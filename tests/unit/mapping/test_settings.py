"""Reading crossfoot.yaml: every mistake is told with its place and what to do, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.core.errors import BadSettings, NeedsPerson
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_BYTES_MAX, load_settings

SETTINGS = """\
crossfoot: 1
salesforce: acme
xero: [acme-au]
start_date: 2026-11-01
policy:
  rounding_max: 0.05
  brake: {creations: 50, amount: 250000.10}
coding: {account: "200", tax: OUTPUT, tax_by_country: {NZ: EXEMPTEXPORT}}
flows:
  customers:
    fields:
      Name: Name
      TaxNumber: {from: ABN__c, as: abn}
    write_back: {Xero_Balance__c: Outstanding}
  products:
    fields: {Code: ProductCode, Name: Name}
  invoices:
    when: IsWon
    won_at: LastStageChangeDate
    fields: {Name: Name, Contact: AccountId, Date: CloseDate, Currency: CurrencyIsoCode, Reference: Id, Amount: Amount}
    lines:
      from: OpportunityLineItems
      fields: {Description: Description, Quantity: Quantity, UnitAmount: UnitPrice}
    write_back: {Xero_Status__c: Status}
"""

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """The problems of the settings after some replacements."""

    def find(*changes: tuple[str, str], text: str = SETTINGS) -> list[str]:
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "crossfoot.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadSettings) as told:
            FlowMapping(load_settings(path))
        return list(told.value.problems)

    return find


@pytest.mark.promise("S1-84")
def test_good_settings_are_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    file = load_settings(path)
    assert file.settings.start_date == date(2026, 11, 1)
    assert file.settings.policy.brake.amount == Decimal("250000.10")
    assert file.settings.policy.rounding_max == Decimal("0.05")
    assert file.settings.coding.account == "200"
    assert str(file.place("flows", "customers", "fields", "TaxNumber")).startswith("crossfoot.yaml:13:")


@pytest.mark.parametrize("written", ["NZ", "nz", "New Zealand"])
def test_a_row_of_taxes_counts_for_its_country_however_that_is_spelt(tmp_path: Path, written: str) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS.replace("{NZ: EXEMPTEXPORT}", f"{{{written}: EXEMPTEXPORT, Atlantis: NONE}}"))
    assert dict(FlowMapping(load_settings(path)).policy.coding.tax_by_country) == {
        "NZ": "EXEMPTEXPORT",
        "Atlantis": "NONE",
        written: "EXEMPTEXPORT",
    }


@pytest.mark.parametrize("written", ["GB", "gb", "GBR", "UK", "United Kingdom", '""'])
def test_the_home_country_counts_however_it_is_spelt(tmp_path: Path, written: str) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_text(SETTINGS.replace("tax: OUTPUT", f"tax: OUTPUT, home_country: {written}"))
    assert FlowMapping(load_settings(path)).policy.coding.home_country == ("" if written == '""' else "GB")


@pytest.mark.promise("S1-67")
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "salesforce: acme\n",
            "salesforces: acme\n",
            "crossfoot.yaml:2:14: `salesforces` is not a setting; possible here: crossfoot, salesforce, xero",
        ),
        ("start_date: 2026-11-01\n", "", "crossfoot.yaml:1:1: `start_date` is missing"),
        ("2026-11-01", "soon", "crossfoot.yaml:4:13: `start_date`: input should be a valid date"),
        ("2026-11-01", "2026-02-30", "crossfoot.yaml:4:13: `start_date`: input should be a valid date"),
        ("2026-11-01", "2026-11-01T25:00:00Z", "crossfoot.yaml:4:13: `start_date`: input should be a valid date"),
        ("crossfoot: 1", "crossfoot: 2", "crossfoot.yaml:1:12: `crossfoot`: input should be 1"),
        ("[acme-au]", "[]", "crossfoot.yaml:3:7: `xero`: list should have at least 1 item"),
        ("[acme-au]", "[a, b]", "crossfoot.yaml:3:7: `xero`: list should have at most 1 item"),
        ("0.05", "2", "crossfoot.yaml:6:17: `policy.rounding_max`: input should be less than or equal to 1"),
        ("0.05", "a lot", "crossfoot.yaml:6:17: `policy.rounding_max`: input should be a valid decimal"),
        ("creations: 50", "creation: 50", "`policy.brake.creation` is not a setting; possible here: creations, amount"),
        ("creations: 50", "creations: -1", "`policy.brake.creations`: input should be greater than or equal to 0"),
        ("    when: IsWon\n", "", "`flows.invoices.when` is missing"),
        (
            "{Code: ProductCode, Name: Name}",
            "{Code: ProductCode}",
            "crossfoot.yaml:16:5: Name must be mapped",
        ),
        (
            "Description: Description,",
            "Descriptoin: Description,",
            "`Descriptoin` is not a field here; possible: AccountCode, Description",
        ),
        ("NZ: EXEMPTEXPORT", "NZ: EXEMPTEXPORT, nz: NONE", "`NZ` and `nz` are one country with two taxes"),
        (
            "tax: OUTPUT",
            "tax: OUTPUT, home_country: Britannia",
            "`coding.home_country`: value error, `Britannia` is not a country by its name or its ISO code",
        ),
        ("as: abn", "as: abm", "crossfoot.yaml:13:18: "),
        ("as: abn", "ass: abn", "`flows.customers.fields.TaxNumber.ass` is not a setting"),
        ("when: IsWon", "when: IsWon AND", "crossfoot.yaml:18:"),
        ("when: IsWon", "when: NOSUCH(IsWon)", "There is no function NOSUCH"),
        ("Xero_Status__c: Status", "Xero_Status__c: Stat", "`Stat` is not written back; possible: AmountCredited,"),
        ("Xero_Status__c: Status", "'': Status", "crossfoot.yaml:24:22: `` cannot be the name of an object"),
        ("from: OpportunityLineItems", "from: Lines of it", "crossfoot.yaml:22:13: `Lines of it` cannot be the name"),
        ("    when: IsWon\n", "    when: IsWon\n    salesforce: Order WHERE x\n", "`Order WHERE x` cannot be the name"),
        ("Status}\n", "Status}\n    records: {issue: A__c, line: a__c}\n", "`a__c` holds another kind of record"),
        ("Status}\n", "Status}\n    records: {issue: Account}\n", "`Account` holds another kind of record already"),
        ("Xero_Status__c: Status", "StageName: Status", "Crossfoot never writes `StageName`"),
        ("  products:\n", "  people: {when: X__c, fields: {LastName: {from: LastName, as: text 40}}}\n  products:\n",
         ": people are compared as both sides have them: leave out `as`"),
        ("      Name: Name\n", "      City: {from: A, owner: xero}\n      Country: {from: B, owner: either}\n",
         "`Address` is one value (Street, City, Region, PostalCode, Country): name one owner"),
        ("as: abn}", "as: abn, owner: union}", "owner`: input should be 'salesforce', 'xero', 'either' or 'newest'"),
        ("Xero_Status__c: Status", "CloseDate: Status", "`CloseDate` is written back, so no flow may read it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_is_possible(
    problems: Problems, old: str, new: str, problem: str
) -> None:
    found = problems((old, new))
    assert any(problem in each for each in found), found
    assert all(each.startswith("crossfoot.yaml:") for each in found)


@pytest.mark.promise("S1-67")
def test_all_mistakes_are_told_at_once(problems: Problems) -> None:
    found = problems(("2026-11-01", "soon"), ("0.05", "9"), ("    when: IsWon\n", ""), ("[acme-au]", "[]"))
    assert len(found) == 4
    found = problems(("when: IsWon", "when: )("), ("as: abn", "as: abm"), ("Xero_Status__c: Status", "X__c: Nothing"))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "crossfoot.yaml:1:1: the file must be a mapping"),
        ("- a list", "crossfoot.yaml:1:1: the file must be a mapping"),
        ("crossfoot: 1\n  xero: [", "crossfoot.yaml:2:"),
        ("crossfoot: 1\ncrossfoot: 1\n", "crossfoot.yaml:2:1: not valid YAML"),
        ("crossfoot: 1\n---\ncrossfoot: 1\n", "not valid YAML"),
        ("crossfoot: !!python/object/apply:os.system [true]\n", "`crossfoot`"),
        ("crossfoot: \x07\n", "not valid YAML"),
        ("crossfoot: !!int one\n", "crossfoot.yaml:1:1: not valid YAML"),
        (f"crossfoot: {'[' * 3000}{']' * 3000}\n", "crossfoot.yaml:1:1: not valid YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\ncrossfoot: *b\n", "`crossfoot`"),
    ],
)
def test_what_is_no_settings_file_is_told_in_one_sentence(problems: Problems, text: str, problem: str) -> None:
    assert any(problem in each for each in problems(text=text))


def test_text_that_is_not_utf_8_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_bytes(b"crossfoot: 1\nsalesforce: caf\xe9\n")
    with pytest.raises(BadSettings, match="not valid YAML"):
        load_settings(path)


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(NeedsPerson, match="`crossfoot init` writes one"):
        load_settings(tmp_path / "crossfoot.yaml")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.yaml"
    path.write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(NeedsPerson, match="no settings file"):
        load_settings(path)

"""The org itself, its people, currencies, record types and rules (SF 6.1, 6.12)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    checkbox,
    date,
    derived,
    fixed,
    integer,
    long_text,
    moment,
    number,
    picklist,
    reference,
    system,
    text,
)
from crossfoot.emulators.salesforce.standard.base import setup, standard

ORGANIZATION = setup(
    "Organization",
    "00D",
    text("Name", 80),
    text("OrganizationType", 40),
    text("InstanceName", 5),
    text("NamespacePrefix", 15),
    checkbox("IsSandbox"),
    moment("TrialExpirationDate"),
    text("DefaultCurrencyIsoCode", 3),
    text("TimeZoneSidKey", 40),
    text("DefaultLocaleSidKey", 40),
    text("LanguageLocaleKey", 40),
    integer("FiscalYearStartMonth"),
    text("Country", 80),
    createable=False,
    updateable=False,
)
PROFILE = setup(
    "Profile",
    "00e",
    text("Name", required=True),
    text("UserType", 40),
    createable=False,
    updateable=False,
)
USER = setup(
    "User",
    "005",
    text("Username", 80, required=True, unique=True, id_lookup=True),
    text("FirstName", 40),
    text("LastName", 80, required=True),
    derived(text("Name", 121), "person_name"),
    text("Email", 128, type="email"),
    text("Alias", 8),
    checkbox("IsActive", True),
    text("UserType", 40, default="Standard"),
    text("TimeZoneSidKey", 40, default="Australia/Sydney"),
    text("LocaleSidKey", 40, default="en_AU"),
    text("EmailEncodingKey", 40, default="UTF-8"),
    text("LanguageLocaleKey", 40, default="en_US"),
    reference("ProfileId", "Profile"),
)
CURRENCY_TYPE = setup(
    "CurrencyType",
    "01L",
    fixed(text("IsoCode", 3, required=True, unique=True)),
    number("ConversionRate", 18, 6),
    integer("DecimalPlaces", default=2),
    checkbox("IsActive", True),
    system(checkbox("IsCorporate")),
)
DATED_CONVERSION_RATE = setup(
    "DatedConversionRate",
    "04w",
    fixed(picklist("IsoCode", length=3, required=True)),
    date("StartDate", required=True),
    derived(date("NextStartDate"), "next_start_date"),
    number("ConversionRate", 18, 6, required=True),
    deletable=True,
    recycled=False,
    feature="dated_exchange_rates",
)
RECORD_TYPE = setup(
    "RecordType",
    "012",
    text("Name", 80, required=True),
    text("DeveloperName", 80, required=True),
    picklist("SobjectType", length=40, required=True),
    text("Description"),
    checkbox("IsActive", True),
    system(checkbox("IsPersonType", feature="person_accounts")),
)
# The rule of an object, in one row. The platform keeps it as metadata; here its condition is a formula, or a SOQL
# condition, over the record as it would be after the change.
VALIDATION_RULE = standard(
    "ValidationRule",
    "03d",
    text("EntityDefinition", 80, required=True),
    text("ValidationName", 80, required=True),
    long_text("ErrorConditionFormula", 4000, required=True),
    text("ErrorMessage", 255, required=True),
    text("ErrorDisplayField", 80),
    checkbox("Active", True),
    tooling=True,
    recycled=False,
    setup=True,
)
# Which rows are taken for duplicates: those in which all of MatchFields, by comma, are the same without case. The
# platform keeps that in a matching rule beside the duplicate rule.
DUPLICATE_RULE = standard(
    "DuplicateRule",
    "0Bm",
    picklist("SobjectType", length=80, required=True),
    text("DeveloperName", 80, required=True),
    text("MasterLabel", 80),
    text("MatchFields", 255, required=True),
    picklist("ActionOnInsert", ("Allow", "Block"), default="Allow", restricted=True),
    picklist("ActionOnUpdate", ("Allow", "Block"), default="Allow", restricted=True),
    text("ErrorMessage", 255, default="Use one of these records?"),
    checkbox("IsActive", True),
    recycled=False,
    setup=True,
)

"""The standard objects of an org as declarations (SF 6.1-6.7, 6.12)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    Field,
    SObject,
    checkbox,
    currency,
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

AUDIT_FIELDS = frozenset({"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"})
SYSTEM_FIELDS = (
    system(Field("Id", "id", label="Record ID", length=18, id_lookup=True)),
    system(checkbox("IsDeleted")),
    system(moment("CreatedDate")),
    system(reference("CreatedById", "User")),
    system(moment("LastModifiedDate")),
    system(reference("LastModifiedById", "User")),
    system(moment("SystemModstamp")),
)
OWNER = reference("OwnerId", "User")
CURRENCY = picklist("CurrencyIsoCode", length=3)

# (ApiName, IsClosed, IsWon, DefaultProbability, ForecastCategoryName): the catalogue of a new org (SF 6.5).
STAGES = (
    ("Prospecting", False, False, 10, "Pipeline"),
    ("Qualification", False, False, 10, "Pipeline"),
    ("Needs Analysis", False, False, 20, "Pipeline"),
    ("Value Proposition", False, False, 50, "Pipeline"),
    ("Id. Decision Makers", False, False, 60, "Pipeline"),
    ("Perception Analysis", False, False, 70, "Pipeline"),
    ("Proposal/Price Quote", False, False, 75, "Best Case"),
    ("Negotiation/Review", False, False, 90, "Commit"),
    ("Closed Won", True, True, 100, "Closed"),
    ("Closed Lost", True, False, 0, "Omitted"),
)


def address(prefix: str) -> tuple[Field, ...]:
    """The parts of an address, and the compound that reads them as one (SF 0.4)."""
    parts = (("Street", 255), ("City", 40), ("State", 80), ("PostalCode", 20), ("Country", 80))
    written = tuple(
        text(prefix + part, length, type="textarea" if part == "Street" else "string") for part, length in parts
    )
    return (*written, derived(Field(f"{prefix}Address", "address", filterable=False), f"{prefix.lower()}_address"))


def _object(name: str, key_prefix: str, *fields: Field, **flags: bool | str) -> SObject:
    return SObject(name, key_prefix, SYSTEM_FIELDS + fields, **flags)  # type: ignore[arg-type]


ORGANIZATION = _object(
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
    deletable=False,
    setup=True,
)
PROFILE = _object(
    "Profile",
    "00e",
    text("Name", required=True),
    text("UserType", 40),
    createable=False,
    updateable=False,
    deletable=False,
    setup=True,
)
USER = _object(
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
    deletable=False,
    setup=True,
)
CURRENCY_TYPE = _object(
    "CurrencyType",
    "01L",
    fixed(text("IsoCode", 3, required=True, unique=True)),
    number("ConversionRate", 18, 6),
    integer("DecimalPlaces", default=2),
    checkbox("IsActive", True),
    system(checkbox("IsCorporate")),
    deletable=False,
    setup=True,
)
RECORD_TYPE = _object(
    "RecordType",
    "012",
    text("Name", 80, required=True),
    text("DeveloperName", 80, required=True),
    text("SobjectType", 40, required=True),
    checkbox("IsActive", True),
    deletable=False,
    setup=True,
)
OPPORTUNITY_STAGE = _object(
    "OpportunityStage",
    "01J",
    text("ApiName"),
    text("MasterLabel"),
    checkbox("IsActive", True),
    checkbox("IsClosed"),
    checkbox("IsWon"),
    number("DefaultProbability", 3, 0, type="percent"),
    text("ForecastCategoryName", 40),
    integer("SortOrder"),
    createable=False,
    updateable=False,
    deletable=False,
    setup=True,
)
ACCOUNT = _object(
    "Account",
    "001",
    text("Name", required=True),
    text("AccountNumber", 40),
    text("Site", 80),
    picklist("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other")),
    picklist("Industry"),
    reference("ParentId", "Account", children="ChildAccounts"),
    reference("RecordTypeId", "RecordType"),
    *address("Billing"),
    *address("Shipping"),
    text("Phone", 40, type="phone"),
    text("Fax", 40, type="phone"),
    text("Website", 255, type="url"),
    currency("AnnualRevenue", 18, 0),
    integer("NumberOfEmployees"),
    long_text("Description", 32000),
    system(reference("MasterRecordId", "Account")),
    CURRENCY,
    OWNER,
    mergeable=True,
    change_events=True,
)
CONTACT = _object(
    "Contact",
    "003",
    text("Salutation", 40),
    text("FirstName", 40),
    text("LastName", 80, required=True),
    derived(text("Name", 121), "person_name"),
    reference("AccountId", "Account", children="Contacts", on_delete="Cascade"),
    text("Title", 128),
    text("Email", 80, type="email", id_lookup=True),
    text("Phone", 40, type="phone"),
    text("MobilePhone", 40, type="phone"),
    *address("Mailing"),
    long_text("Description", 32000),
    CURRENCY,
    OWNER,
    change_events=True,
)
PRODUCT = _object(
    "Product2",
    "01t",
    text("Name", required=True),
    text("ProductCode"),
    text("StockKeepingUnit", 180),
    checkbox("IsActive"),
    picklist("Family"),
    picklist("QuantityUnitOfMeasure"),
    long_text("Description", 4000),
    system(checkbox("IsArchived")),
    CURRENCY,
    change_events=True,
    label="Product",
)
PRICEBOOK = _object(
    "Pricebook2",
    "01s",
    text("Name", required=True),
    text("Description"),
    checkbox("IsActive"),
    system(checkbox("IsStandard")),
    moment("ValidFrom"),
    moment("ValidTo"),
    change_events=True,
    label="Price Book",
)
PRICEBOOK_ENTRY = _object(
    "PricebookEntry",
    "01u",
    fixed(reference("Pricebook2Id", "Pricebook2", children="PricebookEntries", required=True, on_delete="Cascade")),
    fixed(reference("Product2Id", "Product2", children="PricebookEntries", required=True, on_delete="Cascade")),
    currency("UnitPrice", 18, 4),
    checkbox("IsActive"),
    checkbox("UseStandardPrice"),
    fixed(CURRENCY),
    derived(text("Name"), "product_name"),
    derived(text("ProductCode"), "product_code"),
    system(checkbox("IsArchived")),
    change_events=True,
    label="Price Book Entry",
)
OPPORTUNITY = _object(
    "Opportunity",
    "006",
    text("Name", 120, required=True),
    reference("AccountId", "Account", children="Opportunities", on_delete="Cascade"),
    reference("RecordTypeId", "RecordType"),
    picklist("StageName", (stage[0] for stage in STAGES), required=True, restricted=True),
    date("CloseDate", required=True),
    currency("Amount"),
    number("Probability", 3, 0, type="percent"),
    derived(currency("ExpectedRevenue"), "expected_revenue"),
    number("TotalOpportunityQuantity", 18, 2),
    picklist("Type"),
    picklist("LeadSource"),
    text("NextStep"),
    long_text("Description", 32000),
    reference("Pricebook2Id", "Pricebook2"),
    derived(checkbox("IsClosed"), "stage_is_closed"),
    derived(checkbox("IsWon"), "stage_is_won"),
    picklist("ForecastCategoryName"),
    derived(checkbox("HasOpportunityLineItem"), "has_lines"),
    system(moment("LastStageChangeDate")),
    CURRENCY,
    OWNER,
    change_events=True,
    plural="Opportunities",
)
LINE_ITEM = _object(
    "OpportunityLineItem",
    "00k",
    fixed(
        reference("OpportunityId", "Opportunity", children="OpportunityLineItems", required=True, on_delete="Cascade")
    ),
    fixed(reference("PricebookEntryId", "PricebookEntry", on_delete="Restrict")),
    fixed(reference("Product2Id", "Product2", on_delete="Restrict")),
    number("Quantity", 12, 2, required=True),
    currency("UnitPrice", 18, 4),
    currency("TotalPrice"),
    number("Discount", 5, 2, type="percent"),
    derived(currency("Subtotal"), "line_subtotal"),
    derived(currency("ListPrice", 18, 4), "list_price"),
    derived(text("Name", 376), "line_name"),
    derived(text("ProductCode"), "product_code"),
    date("ServiceDate"),
    integer("SortOrder"),
    text("Description"),
    system(CURRENCY),
    recycled=False,
    change_events=True,
    label="Opportunity Product",
)
# The rule of an object, in one row. The platform keeps it as metadata; here its condition is a SOQL condition over
# the record as it would be after the change.
VALIDATION_RULE = _object(
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

STANDARD_OBJECTS = (
    ORGANIZATION,
    PROFILE,
    USER,
    CURRENCY_TYPE,
    RECORD_TYPE,
    OPPORTUNITY_STAGE,
    ACCOUNT,
    CONTACT,
    PRODUCT,
    PRICEBOOK,
    PRICEBOOK_ENTRY,
    OPPORTUNITY,
    LINE_ITEM,
    VALIDATION_RULE,
)

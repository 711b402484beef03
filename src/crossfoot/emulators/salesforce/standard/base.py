"""What the declarations of the standard objects share (SF 6.1)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    Field,
    SObject,
    checkbox,
    derived,
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
RECORD_TYPE_ID = reference("RecordTypeId", "RecordType")
CURRENCY = picklist("CurrencyIsoCode", length=3)
GEOCODE_ACCURACIES = ("Address", "Street", "Zip", "City", "State", "Unknown")
ADDRESS_CODES = "state_country_picklists"


def address(prefix: str) -> tuple[Field, ...]:
    """The parts of an address, and the compound that reads them as one (SF 0.4)."""
    parts = (("Street", 255), ("City", 40), ("State", 80), ("PostalCode", 20), ("Country", 80))
    written = tuple(
        text(prefix + part, length, type="textarea" if part == "Street" else "string") for part, length in parts
    )
    codes = tuple(picklist(f"{prefix}{part}Code", length=10, feature=ADDRESS_CODES) for part in ("State", "Country"))
    places = tuple(number(f"{prefix}{part}", 18, 15) for part in ("Latitude", "Longitude"))
    accuracy = picklist(f"{prefix}GeocodeAccuracy", GEOCODE_ACCURACIES, length=40)
    whole = derived(Field(f"{prefix}Address", "address", filterable=False), "address")
    return (*written, *codes, *places, accuracy, whole)


def standard(name: str, key_prefix: str, *fields: Field, **flags: bool | str | tuple[str, ...]) -> SObject:
    """A standard object: its own fields after the platform's."""
    return SObject(name, key_prefix, SYSTEM_FIELDS + fields, **flags)  # type: ignore[arg-type]


def setup(name: str, key_prefix: str, *fields: Field, **flags: bool | str) -> SObject:
    """An object of the org's administration, which nobody deletes over the API."""
    return standard(name, key_prefix, *fields, **{"deletable": False, "setup": True, **flags})


def catalogue(name: str, key_prefix: str, *fields: Field) -> SObject:
    """The values of a picklist that mean something to the platform, as rows to be read (SF 6.5, 6.9)."""
    shared = (text("ApiName"), text("MasterLabel"))
    return setup(name, key_prefix, *shared, *fields, createable=False, updateable=False)

"""What a new org holds: its organisation, users, currencies, stages, the standard price book and an app's grants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossfoot.emulators.salesforce.events.log import select
from crossfoot.emulators.salesforce.package import declarations
from crossfoot.emulators.salesforce.profiles import grant_access
from crossfoot.emulators.salesforce.rules.record_types import VALUES
from crossfoot.emulators.salesforce.schema import declaration, label_of
from crossfoot.emulators.salesforce.settings import complete
from crossfoot.emulators.salesforce.standard import STAGES
from crossfoot.emulators.salesforce.standard.customers import LEAD_STATUSES
from crossfoot.emulators.salesforce.standard.orders import CONTRACT_STATUSES, ORDER_STATUSES
from crossfoot.emulators.salesforce.values import canonical
from crossfoot.emulators.salesforce.world import Row, World

FOUNDED = datetime(2020, 1, 15, tzinfo=UTC)


def new_world(*, seed: int = 0, settings: Mapping[str, Any] | None = None) -> World:
    """A new org. ``settings`` replace entries of ``settings.DEFAULT_SETTINGS``; an unknown name is a ValueError."""
    world = World(seed, complete(seed, settings or {}))
    world.declare(*(declaration(each) for each in declarations(installed=world.settings["package"])))
    select(world, world.settings["change_event_entities"])
    _found(world)
    _grant(world)
    return world


def _found(world: World) -> None:
    settings = world.settings
    users = _people(world)
    creator = users["admin"]["Id"]
    grant_access(world, users, _add)
    _add(
        world,
        "Organization",
        creator,
        Name=settings["name"],
        OrganizationType=settings["organization_type"],
        InstanceName="AUS42",
        IsSandbox=settings["is_sandbox"],
        DefaultCurrencyIsoCode=settings["corporate_currency"],
        TimeZoneSidKey=settings["time_zone"],
        DefaultLocaleSidKey="en_AU",
        LanguageLocaleKey="en_US",
        FiscalYearStartMonth=7,
        Country=settings["country"],
    )
    for code, rate in settings["currencies"].items() if world.multi_currency else ():
        corporate = code == settings["corporate_currency"]
        places = 0 if code == "JPY" else 2
        rate_value = canonical(Decimal(rate))
        _add(
            world,
            "CurrencyType",
            creator,
            IsoCode=code,
            ConversionRate=rate_value,
            DecimalPlaces=places,
            IsActive=True,
            IsCorporate=corporate,
        )
    _catalogues(world, creator)
    for order, (name, closed, won, probability, category) in enumerate(STAGES, start=1):
        _add(
            world,
            "OpportunityStage",
            creator,
            ApiName=name,
            MasterLabel=name,
            IsActive=True,
            IsClosed=closed,
            IsWon=won,
            DefaultProbability=canonical(Decimal(probability)),
            ForecastCategoryName=category,
            SortOrder=order,
        )
    _add(world, "Pricebook2", creator, Name="Standard Price Book", IsActive=True, IsStandard=True)


def _catalogues(world: World, creator: str) -> None:
    """What the statuses of orders and contracts mean, the record types and the duplicate rules of the settings."""
    for catalogue, statuses in (("OrderStatus", ORDER_STATUSES), ("ContractStatus", CONTRACT_STATUSES)):
        for order, (name, code, default) in enumerate(statuses, start=1):
            shown = {"ApiName": name, "MasterLabel": name, "StatusCode": code, "IsDefault": default}
            _add(world, catalogue, creator, **shown, SortOrder=order)
    for order, (name, converted, default) in enumerate(LEAD_STATUSES, start=1):
        shown = {"ApiName": name, "MasterLabel": name, "IsConverted": converted, "IsDefault": default}
        _add(world, "LeadStatus", creator, **shown, SortOrder=order)
    person = {"PersonAccount": True, "Business_Account": False} if world.settings["person_accounts"] else {}
    for name, is_person in person.items():
        kind = {"DeveloperName": name, "Name": label_of(name), "SobjectType": "Account", "IsActive": True}
        _add(world, "RecordType", creator, **kind, IsPersonType=is_person)
    for owner, kinds in world.settings["record_types"].items():
        for name, values in kinds.items():
            kind = {"DeveloperName": name, "Name": label_of(name), "SobjectType": owner, "IsActive": True}
            _add(world, "RecordType", creator, **kind, **{VALUES: values})
    for number, rule in enumerate(world.settings["duplicate_rules"], start=1):
        named = {"DeveloperName": f"{rule['object']}_Rule_{number}", "SobjectType": rule["object"], "IsActive": True}
        acts = dict.fromkeys(("ActionOnInsert", "ActionOnUpdate"), rule.get("action", "Allow"))
        told = {"MatchFields": ",".join(rule["fields"]), "ErrorMessage": "Use one of these records?"}
        _add(world, "DuplicateRule", creator, **named, **acts, **told)


def _people(world: World) -> dict[str, Row]:
    admin_id = world.next_id("005")
    profiles = {
        name: _add(world, "Profile", admin_id, Name=name, UserType="Standard")["Id"]
        for name in ("System Administrator", "Minimum Access - API Only Integrations", "Standard User")
    }
    people = {
        "admin": (admin_id, world.settings["admin_username"], "Morgan", "Hale", profiles["System Administrator"]),
        "integration": (
            world.next_id("005"),
            world.settings["username"],
            None,
            "Integration User",
            profiles["Minimum Access - API Only Integrations"],
        ),
        "sales": (world.next_id("005"), "sales@harbourpoint.example", "Priya", "Nair", profiles["Standard User"]),
    }
    users = {
        role: _add(
            world,
            "User",
            admin_id,
            Id=user_id,
            Username=username,
            FirstName=first,
            LastName=last,
            Email=username,
            Alias=role[:8],
            IsActive=True,
            UserType="Standard",
            ProfileId=profile,
            TimeZoneSidKey=world.settings["time_zone"],
            LocaleSidKey="en_AU",
            EmailEncodingKey="UTF-8",
            LanguageLocaleKey="en_US",
        )
        for role, (user_id, username, first, last, profile) in people.items()
    }
    world.grants |= {role: row["Id"] for role, row in users.items()}
    return users


def _add(world: World, object_name: str, creator: str, **values: Any) -> Row:
    sobject = world.object(object_name)
    row: Row = {
        "Id": values.pop("Id", None) or world.next_id(sobject.key_prefix),
        "IsDeleted": False,
        "CreatedDate": FOUNDED,
        "CreatedById": creator,
        "LastModifiedDate": FOUNDED,
        "LastModifiedById": creator,
        "SystemModstamp": FOUNDED,
    }
    row |= {name: value for name, value in values.items() if value is not None}
    world.put(sobject, row)
    return row


def _grant(world: World) -> None:
    """Two separate grants of the integration user: a ready session, and a refresh token that was never used."""
    user_id, org_id = world.grants["integration"], world.organization["Id"]
    access_token = f"{org_id[:15]}!AQ{world.random_text(80)}"
    refresh_token = f"5Aep861{world.random_text(80)}"
    world.sessions[access_token] = {"user": user_id, "family": None, "scope": "api", "seen": None}
    family = world.random_text(20)
    world.families[family] = {
        "user": user_id,
        "scope": "refresh_token api",
        "current": refresh_token,
        "session": None,
        "live": True,
    }
    world.refresh_tokens[refresh_token] = family
    world.grants |= {"access_token": access_token, "family": family}

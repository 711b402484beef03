"""What a query runs in: the org, the instant, the API version, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.schema import Field, SObject
from crossfoot.emulators.salesforce.soql.tokens import query_error
from crossfoot.emulators.salesforce.world import Row, World


@dataclass(frozen=True, slots=True)
class Context:
    """``world`` is the org as the caller sees it; the platform itself is no user and follows the org's settings."""

    world: World
    now: datetime
    text: str = ""
    version: int = 68
    user_id: str | None = None
    all_rows: bool = False
    tooling: bool = False

    @property
    def base(self) -> str:
        """What the addresses of records begin with."""
        return f"/services/data/v{self.version}.0{'/tooling' * self.tooling}"

    @property
    def user(self) -> Row:
        return self.world.row("User", self.user_id) or {}

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the caller, in which date literals are read (SF 3.2)."""
        return ZoneInfo(self.user.get("TimeZoneSidKey") or self.world.settings["time_zone"])

    @property
    def currency(self) -> str:
        """The currency of the caller."""
        return str(self.user.get("DefaultCurrencyIsoCode") or self.world.settings["corporate_currency"])

    def field(self, sobject: SObject, name: str) -> Field | None:
        """A field as the caller sees it."""
        found = sobject.field(name)
        if found is None or (found.name == "CurrencyIsoCode" and not self.world.multi_currency):
            return None
        return found

    def fiscal(self, name: str, default: Any) -> Any:
        """A setting of the organisation's fiscal year."""
        return self.world.organization.get(name, default)

    def error(self, code: str, at: int, message: str) -> ApiError:
        return query_error(code, self.text, at, message)


def visible_fields(world: World, sobject: SObject) -> list[Field]:
    return [each for each in sobject.fields if each.name != "CurrencyIsoCode" or world.multi_currency]

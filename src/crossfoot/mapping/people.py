"""The ``people`` flow made ready to use: which Salesforce contacts go, and their values in the form of both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crossfoot.core.agreement import Part
from crossfoot.core.merge import Owner
from crossfoot.core.people import FIELDS, PRIMARY, Person, part_name
from crossfoot.mapping.expressions import Expression, ExpressionError
from crossfoot.mapping.rules import Rules
from crossfoot.mapping.values import as_text, raw_at

_OWNERS: Mapping[str, Owner] = MappingProxyType({"IncludeInEmails": Owner.XERO})
_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class PeopleLens:
    """The lens of one person. A contact's ``account`` says whose it is."""

    object: str
    account: str
    when: Expression
    primary: Expression
    rules: Rules

    @property
    def paths(self) -> set[str]:
        """Fields to read."""
        expressions = [self.when, self.primary, *(rule.expression for rule in self.rules.values())]
        return {self.account, "Name"} | {".".join(path) for each in expressions for path in each.paths}

    def person(self, contact_id: str, fields: Mapping[str, Any]) -> Person | None:
        """The person that a contact means; None where the rule leaves it out."""
        called = str(fields.get("Name") or contact_id)
        try:
            if not self.when.evaluate(lambda path: raw_at(fields, path)):
                return None
            texts = {name: self._text(name, fields) for name in FIELDS if name in self.rules}
            primary = bool(self.primary.evaluate(lambda path: raw_at(fields, path)))
        except ExpressionError as error:
            return Person(contact_id, called, {}, problem=str(error))
        return Person(contact_id, called, texts, primary)

    def parts(self, person: Person, place: int | None) -> list[Part]:
        """The values that both sides share of one person. In the primary place there is no choice of e-mails."""
        names = [name for name in person.texts if not (place == PRIMARY and name == "IncludeInEmails")]
        return [
            Part(
                part_name(person.contact_id, name),
                self.rules[name].owner or _OWNERS.get(name, Owner.EITHER),
                str.casefold if name == "Email" else str,
                writable=bool(self.rules[name].expression.own_field),
                empties=self.rules[name].empties,
            )
            for name in names
        ]

    def fields(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Salesforce fields that hold these values."""
        found: dict[str, Any] = {}
        for name, text in texts.items():
            if target := self.rules[name].expression.own_field:
                found[target] = text == "true" if name == "IncludeInEmails" else text or None
        return found

    def _text(self, name: str, fields: Mapping[str, Any]) -> str:
        value = self.rules[name].expression.evaluate(lambda path: raw_at(fields, path))
        if name == "IncludeInEmails":
            return "true" if value else "false"
        return " ".join(as_text(value).split())[:_LENGTH_MAX].rstrip()

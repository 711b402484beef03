"""Accounts as one plan reads them: each is loaded and decoded once, however many of its deals are decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from crossfoot.core.documents import IntendedContact
from crossfoot.core.findings import Finding
from crossfoot.engine.session import Session
from crossfoot.store.codec import decode_fields
from crossfoot.store.versions import Version, load_versions

Fields = Mapping[str, Any]


@dataclass(slots=True)
class Accounts:
    """What was read of the org's accounts so far. Ids that are no account's are left out of every answer."""

    session: Session
    _read: dict[str, tuple[Fields, bool] | None] = field(default_factory=dict)
    _meant: dict[str, tuple[IntendedContact, tuple[Finding, ...]]] = field(default_factory=dict)

    def fields(self, connection: Connection, ids: Collection[str] | None) -> dict[str, Fields]:
        """Their fields by id, of those that stand; without ids, of all."""
        wanted = self._load(connection, ids)
        return {each: found[0] for each in wanted if (found := self._read[each]) and not found[1]}

    def contacts(
        self, connection: Connection, ids: Collection[str], *, deleted: bool = False
    ) -> dict[str, tuple[IntendedContact, tuple[Finding, ...]]]:
        """The customers that they mean, with warnings; deleted accounts where they are asked for."""
        found = {}
        for each in self._load(connection, ids):
            known = self._read[each]
            if known is None or (known[1] and not deleted):
                continue
            if each not in self._meant:
                self._meant[each] = self.session.mapping.contact(each, known[0])
            found[each] = self._meant[each]
        return found

    def _load(self, connection: Connection, ids: Collection[str] | None) -> Iterable[str]:
        """Read what was not read yet. Returns the ids that were asked for."""
        session, missing = self.session, None if ids is None else [each for each in ids if each not in self._read]
        versions: Iterable[Version] = ()
        if missing is None or missing:
            versions = load_versions(connection, session.org_id, session.mapping.account_object, ids=missing)
        found = {version.ref.id: (decode_fields(version.body), version.deleted) for version in versions}
        self._read |= {**dict.fromkeys(missing or ()), **found}
        return found if ids is None else ids

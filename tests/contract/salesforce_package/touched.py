"""What of Salesforce a client touches, read from the bytes that it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from crossfoot.emulators.salesforce.schema import Schema

_CHILD = re.compile(r"\(SELECT ([^()]*) FROM (\w+)[^()]*\)")
_QUERY = re.compile(r"^SELECT (.*?) FROM (\w+)", re.DOTALL)
_COLLECTION = re.compile(r"/composite/sobjects(?:/(\w+)/(\w+))?$")


@dataclass
class Touched:
    """Full names of the fields read and written, and objects by what was done with their rows."""

    schema: Schema
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)

    def note(self, request: httpx2.Request) -> None:
        """Take one request into account."""
        if "q" in request.url.params:
            self._query(request.url.params["q"])
        if request.url.path.endswith("/composite/"):
            for part in json.loads(request.content)["compositeRequest"]:
                self._collection(part["url"], part["body"]["records"])
        elif request.method == "PATCH":
            self._collection(request.url.path, json.loads(request.content)["records"])

    def _collection(self, path: str, records: list[dict[str, Any]]) -> None:
        found = _COLLECTION.search(path)
        assert found is not None, path
        for record in records:
            self._row(found[1] or record["attributes"]["type"], record, upsert=bool(found[1]))

    def _row(self, name: str, record: Mapping[str, Any], *, upsert: bool) -> None:
        self.updated.add(name)
        if upsert:
            self.created.add(name)
        sobject = self.schema.objects[name.lower()]
        for key, value in record.items():
            if isinstance(value, dict) and key != "attributes":
                reference = sobject.parent(key)
                assert reference is not None, (name, key)
                self.written.add(f"{name}.{reference.name}")
                self.read.update(f"{reference.reference_to[0]}.{each}" for each in value)
            elif key not in {"attributes", "id"}:
                self.written.add(f"{name}.{key}")

    def _query(self, soql: str) -> None:
        outer = _CHILD.sub("", soql)
        found = _QUERY.match(outer)
        assert found is not None, soql
        self._paths(found[2], found[1])
        for child in _CHILD.finditer(soql):
            pair = self.schema.child(self.schema.objects[found[2].lower()].name, child[2])
            assert pair is not None, child[2]
            self._paths(pair[0].name, child[1])

    def _paths(self, name: str, fields: str) -> None:
        for path in filter(None, (each.strip() for each in fields.split(","))):
            self.read.update(self._along(name, path.split(".")))

    def _along(self, name: str, path: list[str]) -> Iterator[str]:
        sobject = self.schema.objects[name.lower()]
        if len(path) == 1:
            yield f"{sobject.name}.{path[0]}"
            return
        reference = sobject.parent(path[0])
        assert reference is not None, (name, path)
        yield f"{sobject.name}.{reference.name}"
        yield from self._along(reference.reference_to[0], path[1:])

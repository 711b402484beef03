"""Metadata files of the Salesforce package as text (SF 8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from tools.salesforce_tables import MARK

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"

Parts = Mapping[str, Any]


def label_of(name: str) -> str:
    """``Xero_Amount_Due__c`` is "Xero Amount Due"."""
    return name.removesuffix("__c").replace("_", " ")


def described(words: str) -> str:
    """A description that says whose the component is."""
    return f"{words} {MARK}".strip()


def document(tag: str, parts: Parts) -> str:
    """A metadata file: elements by name, which keeps those of one name together (SF 8.3)."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}">\n{_elements(parts, "    ")}</{tag}>\n'


def _elements(parts: Parts, indent: str) -> str:
    ordered = sorted(parts, key=lambda name: (name != "fullName", name))
    return "".join(_element(name, parts[name], indent) for name in ordered)


def _element(name: str, value: Any, indent: str) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each, indent) for each in value)
    if isinstance(value, Mapping):
        return f"{indent}<{name}>\n{_elements(value, indent + '    ')}{indent}</{name}>\n"
    words = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{indent}<{name}>{escape(words)}</{name}>\n"

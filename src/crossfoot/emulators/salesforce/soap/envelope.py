"""Envelopes and faults, and values as elements (SF 2.9, 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from crossfoot.emulators.salesforce.metadata.xml import Element, XmlError, parse_xml
from crossfoot.emulators.wire import Response

# By the letter in the path: of the API itself, and of the records in it.
NAMESPACES = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}
RECORD_NAMESPACES = {"u": "urn:sobject.partner.soap.sforce.com", "c": "urn:sobject.enterprise.soap.sforce.com"}


class SoapFault(Exception):
    """A refusal in SOAP's own shape, always with status 500."""

    def __init__(self, code: str, message: str, *, kind: str = "ApiFault") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SOAP request: its operation with the parameters, and its headers."""

    operation: Element
    header: Element

    @property
    def session(self) -> str:
        return self.option("SessionHeader", "sessionId")

    def option(self, header: str, name: str) -> str:
        """What a header says; empty where it is missing."""
        return (self.header.one(header) or Element("")).get(name)


def read_envelope(body: bytes) -> Envelope:
    """A request's envelope. Raises SoapFault for what is not one."""
    try:
        root = parse_xml(body)
    except XmlError as error:
        raise SoapFault("soapenv:Client", f"The request is not well-formed XML: {error.reason}") from None
    operation = next(iter((root.one("Body") or Element("")).children), None)
    if root.tag != "Envelope" or operation is None:
        raise SoapFault("soapenv:Client", "The request has no operation in the body of an envelope.")
    return Envelope(operation, root.one("Header") or Element(""))


def envelope_answer(namespace: str, content: str, *, status: int = 200, records: str = "") -> Response:
    """An answer around XML that is ready; ``records`` is the namespace ``sf`` of the records in it."""
    named = f'xmlns:sf="{records}" ' if records else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{namespace}" {named}'
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return Response(status, (("Content-Type", "text/xml;charset=UTF-8"),), text.encode())


def fault_answer(namespace: str, fault: SoapFault) -> Response:
    """A fault: clients read ``faultstring``, or ``sf:exceptionCode`` and ``sf:exceptionMessage`` (SF 10.2)."""
    if ":" in fault.code:
        content = f"<faultcode>{fault.code}</faultcode><faultstring>{escape(fault.message)}</faultstring>"
    else:
        code, message = escape(fault.code), escape(fault.message)
        content = (
            f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
            f'<detail><sf:{fault.kind} xsi:type="sf:{fault.kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
            f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{fault.kind}></detail>"
        )
    family = namespace.replace("urn:", "urn:fault.")
    content = f'<soapenv:Fault xmlns:sf="{family}">{content}</soapenv:Fault>'
    return envelope_answer(namespace, content, status=500)


def element(name: str, value: Any) -> str:
    """A value under a name: a list repeats the name, None is nil, a mapping holds its members."""
    if isinstance(value, list):
        return "".join(element(name, each) for each in value)
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, Mapping):
        return f"<{name}>{elements(value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text, quote=False)}</{name}>"


def elements(values: Mapping[str, Any]) -> str:
    return "".join(element(name, value) for name, value in values.items())

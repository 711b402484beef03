"""The Metadata API: deployments over REST, and what stands in an org by retrieval over SOAP (SF 8.1, 8.2).

Deployments have a REST resource; retrievals have none.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from crossfoot.core.errors import Defect, Rejected
from crossfoot.http import HttpRequest
from crossfoot.salesforce.package import METADATA_VERSION, NAMESPACE, Component, name_members, parse, unpack
from crossfoot.salesforce.requests import DATA, decode_json

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_BOUNDARY = "----crossfoot-4c5a1d2e9b"
_DONE = frozenset({"Succeeded", "SucceededPartial", "Failed", "Canceled"})


def deploy(packed: bytes, *, check_only: bool) -> HttpRequest:
    """Deploy a zip, or only check it. All of it or nothing, without Apex tests: there is no Apex in it."""
    options = {
        "allowMissingFiles": False,
        "autoUpdatePackage": False,
        "checkOnly": check_only,
        "ignoreWarnings": True,
        "performRetrieve": False,
        "purgeOnDelete": False,
        "rollbackOnError": True,
        "singlePackage": True,
        "testLevel": "NoTestRun",
    }
    spoken = msgspec.json.encode({"deployOptions": options})
    parts = (
        (b'name="json"', b"application/json", spoken),
        (b'name="file"; filename="crossfoot.zip"', b"application/zip", packed),
    )
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\nContent-Type: %s\r\n\r\n%s\r\n"
        % (_BOUNDARY.encode(), named, kind, content)
        for named, kind, content in parts
    )
    headers = {"Accept": "application/json", "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return HttpRequest(
        "POST", f"{DATA}/metadata/deployRequest", headers=headers, body=body + b"--%s--\r\n" % _BOUNDARY.encode()
    )


def deployment(deploy_id: str) -> HttpRequest:
    """How a deployment stands, with what became of each component."""
    path = f"{DATA}/metadata/deployRequest/{deploy_id}"
    return HttpRequest("GET", path, {"includeDetails": "true"}, {"Accept": "application/json"})


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a deployment stands. ``changed`` holds type and name of each component that it makes different."""

    id: str
    done: bool = False
    success: bool = False
    status: str = ""
    problems: tuple[str, ...] = ()
    changed: frozenset[tuple[str, str]] = frozenset()


def decode_deployment(body: bytes) -> Deployment:
    """A deployment as the platform tells of it, every problem with the component it concerns."""
    answer = decode_json(body)
    result = answer.get("deployResult") or {}
    details = result.get("details") or {}
    problems = [_problem(each) for each in details.get("componentFailures") or ()]
    if result.get("errorMessage"):
        problems.append(result["errorMessage"])
    changed = frozenset(
        (each["componentType"], each["fullName"].casefold())
        for each in details.get("componentSuccesses") or ()
        if each.get("changed")
    )
    status = result.get("status") or ""
    done = bool(result.get("done")) or status in _DONE
    return Deployment(answer["id"], done, bool(result.get("success")), status, tuple(problems), changed)


def _problem(told: Mapping[str, Any]) -> str:
    return f"{told.get('componentType') or 'File'} {told.get('fullName')}: {told.get('problem')}"


def retrieve(session_id: str, components: Iterable[Component]) -> HttpRequest:
    """Ask for components as they stand in the org; an object comes with all of its children."""
    operation = Element("retrieve")
    asked = SubElement(operation, "retrieveRequest")
    SubElement(asked, "apiVersion").text = METADATA_VERSION
    SubElement(asked, "singlePackage").text = "true"
    name_members(SubElement(asked, "unpackaged"), sorted(components, key=lambda each: each.name))
    return _soap(session_id, operation)


def retrieval(session_id: str, retrieve_id: str) -> HttpRequest:
    """How a retrieval stands, with the zip when it is done."""
    operation = Element("checkRetrieveStatus")
    SubElement(operation, "asyncProcessId").text = retrieve_id
    SubElement(operation, "includeZip").text = "true"
    return _soap(session_id, operation)


def _soap(session_id: str, operation: Element) -> HttpRequest:
    """An envelope. It only reads; the session's id stands in it, so that it must not be kept."""
    envelope = Element("env:Envelope", {"xmlns:env": _SOAP, "xmlns": NAMESPACE})
    header = SubElement(SubElement(envelope, "env:Header"), "SessionHeader")
    SubElement(header, "sessionId").text = session_id
    SubElement(envelope, "env:Body").append(operation)
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    body = bytes(tostring(envelope, encoding="UTF-8", xml_declaration=True))
    return HttpRequest("POST", f"/services/Soap/m/{METADATA_VERSION}", headers=headers, body=body, only_reads=True)


def decode_retrieve(status: int, body: bytes) -> str:
    """The id of a retrieval that was begun."""
    return _result(status, body).findtext("id") or ""


def decode_retrieval(status: int, body: bytes) -> list[Component] | None:
    """What was found; None while it is still being gathered."""
    result = _result(status, body)
    if result.findtext("done") != "true":
        return None
    if result.findtext("success") == "false":
        words = result.findtext("errorMessage") or "Salesforce could not retrieve the package's components"
        raise Rejected(words, status=status, code=result.findtext("errorStatusCode") or "")
    try:
        return unpack(b64decode(result.findtext("zipFile") or "", validate=False))
    except binascii.Error as error:
        raise Defect("the retrieved zip is not base64") from error


def _result(status: int, body: bytes) -> Element:
    root = parse(body)
    fault = next(root.iter("Fault"), None)
    if fault is not None:
        code = (fault.findtext("faultcode") or "").rpartition(":")[2]
        raise Rejected(fault.findtext("faultstring") or "Salesforce refused the call", status=status, code=code)
    found = next(root.iter("result"), None)
    if found is None:
        raise Rejected(f"Salesforce answered {status} without a result", status=status)
    return found

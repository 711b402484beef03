"""The Metadata API over SOAP: ``/services/Soap/m/66.0`` (SF 8.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.metadata import catalogue, jobs
from crossfoot.emulators.salesforce.metadata.deploy import Message, Options, Run
from crossfoot.emulators.salesforce.metadata.draft import Component
from crossfoot.emulators.salesforce.metadata.objects import split_object
from crossfoot.emulators.salesforce.metadata.types import BY_NAME
from crossfoot.emulators.salesforce.metadata.xml import METADATA, Element, XmlError, document, parse_xml
from crossfoot.emulators.salesforce.soap.envelope import SoapFault, envelope_answer, fault_answer
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.world import World
from crossfoot.emulators.wire import Request, Response

COMPONENTS_MAX = 10
# An optional org id or the job's resource may follow the version: clients add either.
_PATH = re.compile(r"/services/Soap/m/(\d{1,3})\.0(?:/.*)?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    world: World
    caller: Caller
    now: datetime
    version: int
    operation: Element


def serve(world: World, request: Request, now: datetime) -> Response | None:
    """The answer to a Metadata API envelope; None when the path is another's."""
    match = _PATH.match(request.path)
    if match is None:
        return None
    try:
        root = parse_xml(request.body)
        operation = next(iter((root.one("Body") or root).children), None)
        answer = _OPERATIONS.get(operation.tag) if operation is not None and root.one("Body") else None
        if operation is None or answer is None:
            name = operation.tag if operation is not None else "none"
            raise SoapFault("soapenv:Client", f"No operation available for request {{{METADATA}}}{name}")
        call = Call(world, _caller(world, root, now), now, int(match.group(1)), operation)
        jobs.advance(world, now)
        content = answer(call)
    except XmlError as error:
        return fault_answer(METADATA, SoapFault("soapenv:Client", f"Failed to parse the request: {error.reason}"))
    except ApiError as error:
        return fault_answer(METADATA, SoapFault(error.code, error.message))
    except SoapFault as fault:
        return fault_answer(METADATA, fault)
    return envelope_answer(METADATA, f"<{operation.tag}Response>{content}</{operation.tag}Response>")


def _caller(world: World, root: Element, now: datetime) -> Caller:
    header = (root.one("Header") or root).one("SessionHeader") or root
    token = header.get("sessionId")
    session = sessions.session_of(world, token, now)
    if session is None:
        raise SoapFault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session")
    world.count_usage(now)
    caller = Caller(session["user"], token)
    jobs.require_metadata(world, caller)
    return caller


def write(tag: str, value: Any) -> str:
    """A value as elements: a list repeats its tag, nothing has no element."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(write(tag, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{tag}>{''.join(write(name, each) for name, each in value.items())}</{tag}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{tag}>{escape(text, quote=False)}</{tag}>"


def _deploy(call: Call) -> str:
    try:
        packed = base64.b64decode(call.operation.get("ZipFile"), validate=False)
    except binascii.Error as error:
        raise SoapFault("INVALID_OPERATION", "ZipFile is not base64") from error
    given = call.operation.one("DeployOptions") or Element("")
    options: dict[str, Any] = {each.tag: _option(each.text) for each in given.children if each.tag != "runTests"}
    job = jobs.start_deploy(call.world, call.caller, call.now, packed, options | {"runTests": given.texts("runTests")})
    return write("result", {"done": False, "id": job["id"], "state": "Queued"})


def _option(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)


def _deploy_status(call: Call) -> str:
    details = call.operation.is_true("includeDetails")
    job = jobs.find_deploy(call.world, call.operation.get("asyncProcessId"))
    return write("result", jobs.result_of(call.world, job, details=details))


def _cancel(call: Call) -> str:
    job = jobs.find_deploy(call.world, call.operation.get("String") or call.operation.get("asyncProcessId"))
    jobs.cancel_deploy(call.world, call.caller, job, call.now)
    return write("result", {"done": False, "id": job["id"]})


def _quick_deploy(call: Call) -> str:
    job = jobs.quick_deploy(call.world, call.caller, call.now, call.operation.get("validationId"))
    return f"<result>{job['id']}</result>"


def _describe(call: Call) -> str:
    return write("result", catalogue.describe_types(call.world))


def _list(call: Call) -> str:
    queries = [(each.get("type"), each.get("folder")) for each in call.operation.all("queries")]
    return write("result", catalogue.list_components(call.world, queries))


def _retrieve(call: Call) -> str:
    """A retrieval is a job too: what was asked for is kept, and read when it is done.

    The request is the operation's one parameter, whatever it is called: jsforce and the command line, which live on
    it, say ``request`` where the WSDL says ``retrieveRequest`` (SF 8.2).
    """
    asked = next(iter(call.operation.children), Element(""))
    package = asked.one("unpackaged") or Element("")
    if asked.all("packageNames"):
        raise SoapFault("INVALID_OPERATION", "The emulator does not cover the retrieval of packages by name")
    members = {each.get("name"): each.texts("members") for each in package.all("types")}
    record_id = call.world.next_id("09S")
    call.world.retrievals[record_id] = {
        "members": members,
        "version": asked.get("apiVersion", package.get("version", f"{call.version}.0")),
        "single": asked.is_true("singlePackage"),
        "end": call.now + timedelta(seconds=call.world.settings.get("deploy_s", 1)),
    }
    for key in list(call.world.retrievals)[: -jobs.KEPT_MAX]:
        del call.world.retrievals[key]
    return write("result", {"done": False, "id": record_id, "state": "Queued"})


def _status(call: Call) -> str:
    """How far a retrieval is, without its files: what clients of the early versions ask first (SF 8.2)."""
    record_id = to_18(call.operation.get("asyncProcessId")) or ""
    job = call.world.retrievals.get(record_id)
    if job is None:
        raise SoapFault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    done = call.now >= job["end"]
    return write("result", {"done": done, "id": record_id, "state": "Completed" if done else "InProgress"})


def _retrieve_status(call: Call) -> str:
    record_id = to_18(call.operation.get("asyncProcessId")) or ""
    job = call.world.retrievals.get(record_id)
    if job is None:
        raise SoapFault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    if call.now < job["end"]:
        return write("result", {"done": False, "id": record_id, "status": "InProgress", "success": False})
    packed, properties, messages = catalogue.retrieve(call.world, job["members"], job["version"], single=job["single"])
    wanted = call.operation.get("includeZip", "true").lower() == "true"
    result = {
        "done": True,
        "fileProperties": properties,
        "id": record_id,
        "messages": messages,
        "status": "Succeeded",
        "success": True,
        "zipFile": base64.b64encode(packed).decode() if wanted else None,
    }
    return write("result", result)


def _read(call: Call) -> str:
    """Up to ten components of one type; one that is not there is an empty record (SF 8.2)."""
    kind, names = call.operation.get("type"), call.operation.texts("fullNames")
    _check_call(kind, len(names))
    known = {name.lower(): stored for name, stored in catalogue.components(call.world, kind).items()}
    records = []
    for name in names:
        stored = known.get(name.lower())
        if stored is None:
            records.append('<records xsi:nil="true"/>')
            continue
        inner = "".join(
            _inner(each) for each in parse_xml(document(kind, stored["xml"])).children if each.tag != "fullName"
        )
        records.append(f'<records xsi:type="{kind}"><fullName>{escape(name)}</fullName>{inner}</records>')
    return f"<result>{''.join(records)}</result>"


def _inner(element: Element) -> str:
    content = "".join(_inner(each) for each in element.children) or escape(element.text, quote=False)
    return f"<{element.tag}>{content}</{element.tag}>"


def _check_call(kind: str, count: int) -> None:
    if kind not in BY_NAME:
        raise SoapFault("INVALID_TYPE", f"Unknown type name: {kind}: the emulator does not cover it")
    if not 1 <= count <= COMPONENTS_MAX:
        raise SoapFault("LIMIT_EXCEEDED", f"between 1 and {COMPONENTS_MAX} components are allowed in one call")


def _save(call: Call) -> str:
    """createMetadata, updateMetadata and upsertMetadata: each component by itself, at once (SF 8.2)."""
    elements = call.operation.all("metadata")
    kinds = {each.attributes.get("type", "").rpartition(":")[2] for each in elements}
    kind = next(iter(kinds)) if len(kinds) == 1 else ""
    _check_call(kind, len(elements))
    return "".join(_save_one(call, kind, each) for each in elements)


def _save_one(call: Call, kind: str, element: Element) -> str:
    operation, name = call.operation.tag.removesuffix("Metadata"), element.get("fullName")
    known = name.lower() in {each.lower() for each in catalogue.components(call.world, kind)}
    if operation == ("create" if known else "update"):
        code = "DUPLICATE_DEVELOPER_NAME" if known else "INVALID_CROSS_REFERENCE_KEY"
        shown = f"{kind} {name} {'already exists' if known else 'cannot be found'}"
        return write("result", {"errors": [_error(shown, code)], "fullName": name, "success": False})
    child = not BY_NAME[kind].folder
    children = [each for each in element.children if child or each.tag != "fullName"]
    root = Element(kind, element.line, element.column, METADATA, children=children)
    if child:
        root = _with_own_name(root, name.partition(".")[2])
    component = Component(kind, name, "", root)
    run = Run(call.world, call.now)
    told = [run.component(each) for each in (split_object(component) if kind == "CustomObject" else (component,))]
    run.finish(call.caller, Options())
    extra = {"created": not known} if operation == "upsert" else {}
    return write("result", {**extra, **_saved(name, told)})


def _with_own_name(root: Element, name: str) -> Element:
    rest = [each for each in root.children if each.tag != "fullName"]
    return Element(root.tag, root.line, root.column, METADATA, children=[Element("fullName", text=name), *rest])


def _delete(call: Call) -> str:
    kind, names = call.operation.get("type"), call.operation.texts("fullNames")
    _check_call(kind, len(names))
    answers = []
    for name in names:
        run = Run(call.world, call.now)
        told = run.delete(kind, name, "")
        run.finish(call.caller, Options())
        gone = told if not told["warning"] else {**told, "success": False}
        answers.append(write("result", _saved(name, [gone])))
    return "".join(answers)


def _saved(name: str, told: Iterable[Message]) -> dict[str, Any]:
    problems = [each["problem"] for each in told if not each["success"]]
    return {"errors": [_error(each) for each in problems], "fullName": name, "success": not problems}


def _error(message: str, code: str = "FIELD_INTEGRITY_EXCEPTION") -> dict[str, str]:
    return {"message": message, "statusCode": code}


_OPERATIONS: Mapping[str, Callable[[Call], str]] = {
    "cancelDeploy": _cancel,
    "checkDeployStatus": _deploy_status,
    "checkRetrieveStatus": _retrieve_status,
    "checkStatus": _status,
    "createMetadata": _save,
    "deleteMetadata": _delete,
    "deploy": _deploy,
    "deployRecentValidation": _quick_deploy,
    "describeMetadata": _describe,
    "listMetadata": _list,
    "readMetadata": _read,
    "retrieve": _retrieve,
    "updateMetadata": _save,
    "upsertMetadata": _save,
}

"""Deployments and retrievals as jobs that the emulators' clock carries forward (SF 8.1).

A job waits, works and is done as its time comes; it is carried out by the first request that arrives after that. One
deployment works at a time: the others wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crossfoot.emulators.salesforce import permissions
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.metadata.archive import ArchiveError, read_zip
from crossfoot.emulators.salesforce.metadata.deploy import NO_TESTS, Message, Options, deploy
from crossfoot.emulators.salesforce.transaction import Caller
from crossfoot.emulators.salesforce.world import World

QUICK_DEPLOY_LIFE = timedelta(days=10)
KEPT_MAX = 1_000
DONE = frozenset({"Succeeded", "SucceededPartial", "Failed", "Canceled"})
DEFAULT_OPTIONS: Mapping[str, Any] = {
    "allowMissingFiles": False,
    "autoUpdatePackage": False,
    "checkOnly": False,
    "ignoreWarnings": False,
    "performRetrieve": False,
    "purgeOnDelete": False,
    "rollbackOnError": False,
    "runTests": None,
    "singlePackage": False,
    "testLevel": None,
}
Job = dict[str, Any]


def require_metadata(world: World, caller: Caller) -> None:
    """Deploying needs Modify Metadata Through Metadata API Functions, or Modify All Data (SF 8.1)."""
    if not permissions.holds(world, caller.user_id, "ModifyAllData"):
        permissions.require(world, caller, "ModifyMetadata")


def start_deploy(
    world: World, caller: Caller, now: datetime, packed: bytes, options: Mapping[str, Any], validated: str | None = None
) -> Job:
    """Queue a deployment. In production it has to roll back on an error (SF 8.1)."""
    require_metadata(world, caller)
    chosen = {**DEFAULT_OPTIONS, **{name: value for name, value in options.items() if name in DEFAULT_OPTIONS}}
    read = Options.of(chosen)
    if not (read.rollback or read.check_only or world.settings["is_sandbox"]):
        raise ApiError("INVALID_OPERATION", "rollbackOnError has to be true in a production organization", status=400)
    now = now.replace(microsecond=0)
    earlier = [each["end"] for each in world.deployments.values() if each["status"] not in DONE]
    start = max([now + timedelta(seconds=world.settings.get("deploy_pending_s", 1)), *earlier])
    for key in list(world.deployments)[: max(0, len(world.deployments) - KEPT_MAX + 1)]:
        del world.deployments[key]
    job: Job = {
        "id": world.next_id("0Af"),
        "user": caller.user_id,
        "zip": packed,
        "options": chosen,
        "created": now,
        "start": start,
        "end": start + timedelta(seconds=world.settings.get("deploy_s", 1)),
        "status": "Pending",
        "success": False,
        "messages": [],
        "error": None,
        "canceled_by": None,
        "validated": validated,
    }
    world.deployments[job["id"]] = job
    advance(world, now)
    return job


def advance(world: World, now: datetime) -> None:
    """Carry the deployments forward to this instant, in the order in which they were asked for."""
    for job in world.deployments.values():
        if job["status"] in DONE:
            continue
        if job["status"] == "Canceling":
            job |= {"status": "Canceled", "end": now.replace(microsecond=0), "zip": b""}
        elif now >= job["end"]:
            _carry_out(world, job)
        elif now >= job["start"]:
            job["status"] = "InProgress"


def _carry_out(world: World, job: Job) -> None:
    options = Options.of(job["options"])
    try:
        outcome = deploy(world, Caller(job["user"]), job["end"], read_zip(job["zip"]), options)
    except ArchiveError as error:
        job |= {"status": "Failed", "error": ("INVALID_ZIP_FILE", str(error)), "zip": b""}
        return
    partial = outcome.applied and not outcome.success
    status = "Succeeded" if outcome.success else "SucceededPartial" if partial else "Failed"
    kept = job["zip"] if options.check_only and outcome.success else b""
    job |= {"status": status, "success": outcome.success, "messages": outcome.messages, "zip": kept}


def find_deploy(world: World, record_id: str) -> Job:
    found = world.deployments.get(to_18(record_id) or "")
    if found is None:
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404, fields=[])
    return found


def cancel_deploy(world: World, caller: Caller, job: Job, now: datetime) -> None:
    """Ask a deployment to stop: it is Canceling until it is looked at again (SF 8.1)."""
    require_metadata(world, caller)
    advance(world, now)
    if job["status"] in DONE:
        raise ApiError("INVALID_ID_FIELD", "Deployment already completed", fields=[])
    job |= {"status": "Canceling", "canceled_by": caller.user_id}


def quick_deploy(world: World, caller: Caller, now: datetime, record_id: str) -> Job:
    """Deploy what a check of the last ten days found good, without judging it by tests again (SF 8.1)."""
    advance(world, now)
    checked = find_deploy(world, record_id)
    recent = now - checked["end"] <= QUICK_DEPLOY_LIFE
    if not (checked["status"] == "Succeeded" and checked["options"]["checkOnly"] and checked["zip"] and recent):
        raise ApiError("INVALID_ID_FIELD", "the deployment was not validated in the last 10 days", fields=[])
    options = {**checked["options"], "checkOnly": False}
    return start_deploy(world, caller, now, checked["zip"], options, checked["id"])


def result_of(world: World, job: Job, *, details: bool) -> dict[str, Any]:
    """The DeployResult of a job."""
    components = [each for each in job["messages"] if each["componentType"]]
    failures = [each for each in job["messages"] if not each["success"]]
    started, done = job["status"] not in {"Pending", "Canceling"}, job["status"] in DONE
    code, message = job["error"] or (None, None)
    options = Options.of(job["options"])
    result: dict[str, Any] = {
        "canceledBy": job["canceled_by"],
        "canceledByName": _name(world, job["canceled_by"]),
        "checkOnly": options.check_only,
        "completedDate": _instant(job["end"]) if done else None,
        "createdBy": job["user"],
        "createdByName": _name(world, job["user"]),
        "createdDate": _instant(job["created"]),
        "details": _details(job["messages"], failures) if details else None,
        "done": done,
        "errorMessage": message,
        "errorStatusCode": code,
        "id": job["id"],
        "ignoreWarnings": options.ignore_warnings,
        "lastModifiedDate": _instant(job["end"] if done else job["start"] if started else job["created"]),
        "numberComponentErrors": len(failures),
        "numberComponentsDeployed": sum(each["success"] for each in components),
        "numberComponentsTotal": len(components),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": options.rollback,
        "runTestsEnabled": False,
        "startDate": _instant(job["start"]) if started else None,
        "stateDetail": None,
        "status": job["status"],
        "success": job["success"],
    }
    return result


def _details(messages: list[Message], failures: list[Message]) -> dict[str, Any]:
    return {
        "componentFailures": failures,
        "componentSuccesses": [each for each in messages if each["success"]],
        "retrieveResult": None,
        "runTestResult": dict(NO_TESTS),
    }


def _instant(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"


def _name(world: World, user_id: str | None) -> str | None:
    row = world.row("User", user_id)
    return None if row is None else " ".join(row[part] for part in ("FirstName", "LastName") if row.get(part))

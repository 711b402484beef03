"""``metadata/deployRequest``: deployment over REST (SF 8.1)."""

from __future__ import annotations

from typing import Any

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.metadata import jobs
from crossfoot.emulators.salesforce.multipart import Part
from crossfoot.emulators.salesforce.values import from_json


def create_deployment(ask: Ask) -> Reply:
    """A zip and its options as multipart, whatever the parts are called; or the id of a deployment that was checked."""
    caller = ask.tx.caller
    if isinstance(ask.payload, dict):
        validated = ask.payload.get("validatedDeployRequestId")
        if not validated:
            raise ApiError("JSON_PARSER_ERROR", "validatedDeployRequestId is required in a JSON body")
        return Reply(201, _shown(ask, jobs.quick_deploy(ask.world, caller, ask.tx.now, str(validated))))
    packed, options = _parts(ask.payload)
    return Reply(201, _shown(ask, jobs.start_deploy(ask.world, caller, ask.tx.now, packed, options)))


def _parts(payload: Any) -> tuple[bytes, dict[str, Any]]:
    parts = [each for each in payload if isinstance(each, Part)] if isinstance(payload, list) else []
    spoken = next((each for each in parts if each.content_type == "application/json"), None)
    packed = next((each for each in parts if each is not spoken and each.filename is not None), None)
    if spoken is None or packed is None:
        raise ApiError("BAD_REQUEST", "the body needs a JSON part with deployOptions, and a part with the zip file")
    body = from_json(spoken.body)
    options = body.get("deployOptions") if isinstance(body, dict) else None
    if not isinstance(options, dict):
        raise ApiError("JSON_PARSER_ERROR", "deployOptions is required")
    return packed.body, options


def read_deployment(ask: Ask, record_id: str) -> Reply:
    jobs.require_metadata(ask.world, ask.tx.caller)
    details = ask.params.get("includeDetails", "").lower() == "true"
    return Reply(200, _shown(ask, jobs.find_deploy(ask.world, record_id), details=details))


def change_deployment(ask: Ask, record_id: str) -> Reply:
    """The one change that a deployment takes is to be cancelled."""
    job = jobs.find_deploy(ask.world, record_id)
    wanted = ask.fields().get("deployResult")
    if not isinstance(wanted, dict) or wanted.get("status") not in {"Canceling", "Canceled"}:
        raise ApiError("INVALID_FIELD", "deployResult.status has to be Canceling")
    jobs.cancel_deploy(ask.world, ask.tx.caller, job, ask.tx.now)
    return Reply(202, _shown(ask, job))


def _shown(ask: Ask, job: jobs.Job, *, details: bool = False) -> dict[str, Any]:
    return {
        "id": job["id"],
        "url": f"{ask.world.public_url}{ask.base}/metadata/deployRequest/{job['id']}",
        "validatedDeployRequestId": job["validated"],
        "deployOptions": job["options"],
        "deployResult": jobs.result_of(ask.world, job, details=details),
    }

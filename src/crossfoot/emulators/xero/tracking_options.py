"""Options of a tracking category: PUT creates, POST renames or archives, DELETE removes (XERO 4.12)."""

from __future__ import annotations

from crossfoot.emulators.xero import reference
from crossfoot.emulators.xero.bodies import Asked, read_rows
from crossfoot.emulators.xero.errors import no_data, not_allowed, not_found, validation_error
from crossfoot.emulators.xero.fields import Check, read_members
from crossfoot.emulators.xero.kinds import Call, Kind, Record, store


def answer(call: Call, kind: Kind, category: Record, asked: Asked) -> Record:
    """One request about the options of a category."""
    option_id = asked.rest[0].lower() if asked.rest else None
    old = next((row for row in category["Options"] if row["TrackingOptionID"] == option_id), None)
    if option_id and old is None:
        raise not_found()
    others = [row for row in category["Options"] if row is not old]
    check = Check()
    if asked.method == "DELETE" and old is not None:
        if reference.is_used(call, "TrackingOptionID", old["TrackingOptionID"]):
            raise validation_error([{**old, "ValidationErrors": [{"Message": "The tracking option is in use."}]}])
        changed = [{**old, "Status": "DELETED"}]
    elif (asked.method == "PUT" and old is None) or (asked.method == "POST" and old is not None):
        sent = read_rows(call, "Options", "Option", asked.body)
        if len(sent) > 1:
            raise no_data("Option")  # one per call, as of categories
        values = [read_members(reference.OPTION_FIELDS, row, check) for row in sent]
        changed = [reference.with_option(call, category, old, row, check) for row in values]
    else:
        raise not_allowed()
    if check.problems:
        errors = [{"Message": message} for message in check.problems]
        raise validation_error([{"ValidationErrors": errors, "HasValidationErrors": True}])
    kept = [row for row in changed if row["Status"] != "DELETED"]
    store(call, kind, {**category, "Options": [*others, *kept]})
    return {"Options": changed}

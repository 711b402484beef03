"""Contact groups: unique names, at most a hundred, and who belongs to which (XERO 4.2).

Membership is kept with the contact, under a private member, and moves neither stamp (unconfirmed).
"""

from __future__ import annotations

from crossfoot.emulators.xero import contacts
from crossfoot.emulators.xero.bodies import Asked, read_rows
from crossfoot.emulators.xero.errors import not_allowed, not_found, validation_error
from crossfoot.emulators.xero.fields import GUID, Check, choice, read_members, text
from crossfoot.emulators.xero.kinds import PAGE, SINGLE, Call, Kind, Record

GROUPS_MAX = 100
NOT_UNIQUE = "Please enter a unique Name."
TOO_MANY = "You\u2019ve reached the limit of 100 contact groups."
ARCHIVED_MEMBER = "Unable to assign an Archived contact."
NO_CONTACT = "An existing Contact with the specified ContactID could not be found"


def _build(call: Call, old: Record | None, values: Record, check: Check) -> Record:
    groups = [group for group in call.organisation.all("ContactGroups") if group["Status"] == "ACTIVE"]
    blank = {"ContactGroupID": call.world.new_id(), "Name": "", "Status": "ACTIVE"} if old is None else old
    record = {**blank, **{name: value for name, value in values.items() if value is not None}}
    record["Name"] = " ".join(record["Name"].split())
    same = call.organisation.find("ContactGroups", "Name", record["Name"]) if record["Name"] else []
    if not record["Name"] or any(other["ContactGroupID"] != record["ContactGroupID"] for other in same):
        check.refuse(NOT_UNIQUE)
    if old is None and len(groups) >= GROUPS_MAX:
        check.refuse(TOO_MANY)
    if old is not None and old["Status"] == "DELETED":
        check.refuse("The contact group has been deleted.")
    return record


def _view(call: Call, record: Record, shape: str) -> Record:
    """A list shows no contacts; a single group does (XERO 4.2)."""
    members = _members(call, record) if shape == SINGLE else []
    return {
        **record,
        "Contacts": [contacts.nested(call, contact["ContactID"], PAGE) for contact in members],
        "HasValidationErrors": False,
    }


def _members(call: Call, group: Record) -> list[Record]:
    group_id = group["ContactGroupID"]
    found = (contact for contact in call.organisation.all("Contacts") if group_id in contact.get("_groups", ()))
    return sorted(found, key=lambda contact: (contact["Name"], contact["ContactID"]))


CONTACT_GROUPS = Kind(
    plural="ContactGroups",
    singular="ContactGroup",
    id_field="ContactGroupID",
    families=("accounting.contacts",),
    fields={"ContactGroupID": GUID, "Name": text(), "Status": choice("ACTIVE", "DELETED")},
    view=_view,
    build=_build,
    visible=lambda _call, record: record["Status"] == "ACTIVE",
    modified_since=False,
    errors_flag="HasValidationErrors",
    put_only=True,
)


def answer_members(call: Call, _kind: Kind, group: Record, asked: Asked) -> Record | None:
    """PUT of contacts into a group; DELETE of one or of all (204)."""
    if group["Status"] != "ACTIVE":
        raise not_found()
    if asked.method == "PUT" and not asked.rest:
        return _join(call, group, asked.body)
    if asked.method != "DELETE":
        raise not_allowed()
    leaving = _members(call, group)
    if asked.rest:
        leaving = [contact for contact in leaving if contact["ContactID"] == asked.rest[0].lower()]
        if not leaving:
            raise not_found()
    for contact in leaving:
        kept = [group_id for group_id in contact["_groups"] if group_id != group["ContactGroupID"]]
        call.organisation.put("Contacts", contact["ContactID"], {**contact, "_groups": kept})
    return None


def _join(call: Call, group: Record, body: bytes) -> Record:
    """All contacts of the call join, or none."""
    joining, refused = [], []
    for element in read_rows(call, "Contacts", "Contact", body):
        values = read_members({"ContactID": GUID}, element, Check())
        contact = call.organisation.get("Contacts", values.get("ContactID") or "")
        if contact is None or contact["ContactStatus"] != "ACTIVE":
            message = NO_CONTACT if contact is None else ARCHIVED_MEMBER
            refused.append({**values, "HasValidationErrors": True, "ValidationErrors": [{"Message": message}]})
        else:
            joining.append(contact)
    if refused:
        raise validation_error(refused)
    for contact in joining:
        ids = dict.fromkeys([*contact.get("_groups", ()), group["ContactGroupID"]])
        call.organisation.put("Contacts", contact["ContactID"], {**contact, "_groups": list(ids)})
    return {"Contacts": [contacts.nested(call, contact["ContactID"], PAGE) for contact in joining]}

"""Files with their versions and places, and the older attachments and notes (SF 6.14)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import (
    blob,
    checkbox,
    fixed,
    integer,
    long_text,
    picklist,
    reference,
    system,
    text,
)
from crossfoot.emulators.salesforce.standard.base import OWNER, standard

_PARENTS = ("Account", "Contact", "Opportunity", "Lead", "Order", "Contract", "Quote", "Asset", "Campaign", "Product2")
_DESCRIBED = (
    system(text("FileType", 20)),
    system(text("FileExtension", 40)),
    system(integer("ContentSize")),
)

CONTENT_DOCUMENT = standard(
    "ContentDocument",
    "069",
    text("Title", required=True),
    *_DESCRIBED,
    system(reference("LatestPublishedVersionId", "ContentVersion")),
    long_text("Description", 1000),
    OWNER,
    createable=False,
)
CONTENT_VERSION = standard(
    "ContentVersion",
    "068",
    fixed(reference("ContentDocumentId", "ContentDocument", children="ContentVersions", on_delete="Cascade")),
    text("Title", required=True),
    fixed(text("PathOnClient", 500, required=True)),
    fixed(blob("VersionData", required=True)),
    long_text("Description", 1000),
    text("ReasonForChange", 1000),
    *_DESCRIBED,
    system(text("Checksum", 50)),
    system(text("VersionNumber", 20)),
    system(checkbox("IsLatest")),
    fixed(picklist("ContentLocation", ("S", "E", "L"), length=40, default="S")),
    fixed(picklist("Origin", ("C", "H"), length=40, default="C")),
    fixed(reference("FirstPublishLocationId", *_PARENTS, "User")),
    OWNER,
    deletable=False,
)
CONTENT_DOCUMENT_LINK = standard(
    "ContentDocumentLink",
    "06A",
    fixed(
        reference(
            "ContentDocumentId",
            "ContentDocument",
            children="ContentDocumentLinks",
            on_delete="Cascade",
            required=True,
        )
    ),
    fixed(
        reference(
            "LinkedEntityId", *_PARENTS, "User", children="ContentDocumentLinks", on_delete="Cascade", required=True
        )
    ),
    picklist("ShareType", ("V", "C", "I"), length=40, required=True, default="V"),
    picklist("Visibility", ("AllUsers", "InternalUsers", "SharedUsers"), length=40, default="AllUsers"),
    filtered_by=("ContentDocumentId", "LinkedEntityId"),
)
ATTACHMENT = standard(
    "Attachment",
    "00P",
    text("Name", required=True),
    fixed(reference("ParentId", *_PARENTS, children="Attachments", on_delete="Cascade", required=True)),
    blob("Body", required=True),
    system(integer("BodyLength")),
    text("ContentType", 120),
    text("Description", 500),
    checkbox("IsPrivate"),
    OWNER,
)
NOTE = standard(
    "Note",
    "002",
    text("Title", 80, required=True),
    fixed(reference("ParentId", *_PARENTS, children="Notes", on_delete="Cascade", required=True)),
    long_text("Body", 32000),
    checkbox("IsPrivate"),
    OWNER,
)

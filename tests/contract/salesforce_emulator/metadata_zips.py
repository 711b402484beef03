"""Small packages of metadata for the tests, written as a person would write them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
ALL = dict.fromkeys(("allowRead", "allowCreate", "allowEdit", "allowDelete"), "true")


def xml(tag: str, inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}">\n{inner}\n</{tag}>\n'


def tags(**values: object) -> str:
    return "\n".join(f"<{name}>{value}</{name}>" for name, value in values.items())


def field(name: str, kind: str, **values: object) -> str:
    return f"<fields>{tags(fullName=name, label=name.removesuffix('__c'), type=kind, **values)}</fields>"


def custom_object(label: str, *parts: str, **values: object) -> str:
    shown: dict[str, object] = {"deploymentStatus": "Deployed", "label": label}
    shown |= {"nameField": tags(label="Name", type="Text"), "pluralLabel": f"{label}s", "sharingModel": "ReadWrite"}
    groups = "\n".join(sorted(parts, key=lambda each: each[:8]))
    return xml("CustomObject", groups + tags(**(shown | values)))


def permission_set(label: str, *, objects: Mapping[str, Mapping[str, str]], fields: Mapping[str, bool]) -> str:
    """``fields`` maps a full name to whether it may be edited; each may be read."""
    grants = [
        f"<fieldPermissions>{tags(editable=str(edit).lower(), field=name, readable='true')}</fieldPermissions>"
        for name, edit in fields.items()
    ]
    grants += [
        f"<objectPermissions>{tags(object=name, **given)}</objectPermissions>" for name, given in objects.items()
    ]
    return xml("PermissionSet", "\n".join(grants) + tags(label=label))


def manifest(version: str = "66.0", **types: list[str]) -> str:
    blocks = "".join(
        f"<types>{''.join(f'<members>{each}</members>' for each in members)}<name>{name}</name></types>"
        for name, members in types.items()
    )
    return xml("Package", f"{blocks}<version>{version}</version>")


def packed(files: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made.getvalue()


def deploy_body(zipped: bytes, **options: Any) -> tuple[bytes, str]:
    """A multipart body as the documentation has it, and its content type."""
    spoken = json.dumps({"deployOptions": {"rollbackOnError": True, "singlePackage": True, **options}}).encode()
    mark = b"----------------------------9f3a"
    parts = [
        b'Content-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n' + spoken,
        b'Content-Disposition: form-data; name="file"; filename="deploy.zip"\r\nContent-Type: application/zip\r\n\r\n'
        + zipped,
    ]
    body = b"".join(b"--" + mark + b"\r\n" + each + b"\r\n" for each in parts) + b"--" + mark + b"--\r\n"
    return body, f"multipart/form-data; boundary={mark.decode()}"

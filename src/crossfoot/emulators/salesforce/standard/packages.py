"""Installed packages as the Tooling API tells of them: an org has none, but clients ask (SF 8.5)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.schema import checkbox, integer, reference, text
from crossfoot.emulators.salesforce.standard.base import setup

_READ_ONLY = {"createable": False, "updateable": False, "tooling": True}

SUBSCRIBER_PACKAGE = setup(
    "SubscriberPackage",
    "033",
    text("Name"),
    text("NamespacePrefix", 15),
    checkbox("IsPackageValid", True),
    **_READ_ONLY,
)
SUBSCRIBER_PACKAGE_VERSION = setup(
    "SubscriberPackageVersion",
    "04t",
    reference("SubscriberPackageId", "SubscriberPackage"),
    text("Name"),
    *(integer(f"{part}{'Number' if part == 'Build' else 'Version'}") for part in ("Major", "Minor", "Patch", "Build")),
    checkbox("IsBeta"),
    checkbox("IsManaged"),
    text("Package2ContainerOptions", 40),
    text("ReleaseState", 40),
    **_READ_ONLY,
)
INSTALLED_SUBSCRIBER_PACKAGE = setup(
    "InstalledSubscriberPackage",
    "0A3",
    reference("SubscriberPackageId", "SubscriberPackage"),
    reference("SubscriberPackageVersionId", "SubscriberPackageVersion"),
    **_READ_ONLY,
)

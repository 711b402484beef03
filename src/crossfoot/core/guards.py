"""What stops a run before it writes: the live guard and the brake on mass creation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crossfoot.core.money import EXACT, total
from crossfoot.core.policy import Brake

LINKS_FOR_SHARE_MIN = 100
VANISHED_MIN = 5
"""So few records may be deleted at a time by one person who means it, whatever their share."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was pinned about both sides when they were connected."""

    org_id: str
    is_sandbox: bool
    organisation_id: str
    is_demo: bool


def guard_problem(pinned: Fingerprint, seen: Fingerprint) -> str:
    """Why nothing may be written between these two, or an empty string."""
    if pinned.org_id != seen.org_id:
        return f"The Salesforce org is {seen.org_id}, but {pinned.org_id} was connected. Run `crossfoot connect` again."
    if pinned.organisation_id != seen.organisation_id:
        return (
            f"The Xero organisation is {seen.organisation_id}, but {pinned.organisation_id} was connected. "
            "Run `crossfoot connect` again."
        )
    if (pinned.is_sandbox, pinned.is_demo) != (seen.is_sandbox, seen.is_demo):
        return "One side changed between test and live since it was connected. Run `crossfoot connect` again."
    if seen.is_sandbox and not seen.is_demo:
        return "A Salesforce sandbox must not write to a live Xero organisation. Connect a demo company instead."
    if not seen.is_sandbox and seen.is_demo:
        return "A production Salesforce org must not be tied to a Xero demo company. Connect the live organisation."
    return ""


@dataclass(frozen=True, slots=True)
class Recent:
    """Committed intents of the last 24 hours, and the size of earlier runs."""

    creations: int = 0
    amount: Decimal = Decimal(0)
    changes: int = 0
    biggest_run: int = 0
    live_links: int = 0
    any_live_run: bool = False


def brake_problem(brake: Brake, recent: Recent, *, amounts: Sequence[Decimal], changes: int, live: bool) -> str:
    """Why the brake stops this run, or an empty string. ``amounts`` are base-currency gross sums to be created.

    What earlier runs did counts with this one's, but never holds a run that adds nothing to it. Documents of a reviewed
    plan given to ``apply`` do not pass here (design: the brake).
    """
    creations = recent.creations + len(amounts)
    worth = total([recent.amount, *amounts])
    reasons = []
    if live and not recent.any_live_run and len(amounts) > brake.first_live_run:
        reasons.append(f"{len(amounts)} documents on the first live run (at most {brake.first_live_run})")
    if amounts and creations > brake.creations:
        reasons.append(f"{creations} documents created within 24 hours (at most {brake.creations})")
    if amounts and worth > brake.amount:
        reasons.append(f"{worth:,.2f} created within 24 hours (at most {brake.amount:,.2f})")
    limit = EXACT.multiply(brake.times_biggest_recent_run, Decimal(recent.biggest_run))
    if recent.biggest_run and len(amounts) > limit:
        reasons.append(f"{len(amounts)} documents, the biggest recent run had {recent.biggest_run} (at most {limit:f})")
    all_changes = recent.changes + changes
    share = EXACT.divide(EXACT.multiply(brake.changed_percent_of_links, Decimal(recent.live_links)), Decimal(100))
    if changes and all_changes > brake.changes:
        reasons.append(f"{all_changes} documents changed or deleted within 24 hours (at most {brake.changes})")
    elif changes and recent.live_links >= LINKS_FOR_SHARE_MIN and all_changes > share:
        reasons.append(
            f"{all_changes} documents changed or deleted within 24 hours "
            f"(at most {brake.changed_percent_of_links} % of {recent.live_links})"
        )
    return "; ".join(reasons)


@dataclass(frozen=True, slots=True)
class Vanished:
    """Of one kind of record: how many are linked, and how many of those were deleted since the last run."""

    kind: str
    gone: int
    linked: int


def vanished_problem(brake: Brake, found: Sequence[Vanished]) -> str:
    """Why so many records vanishing at once stops the run, or an empty string.

    A mistaken mass deletion, or access taken away from our user, must not look like as many decisions of people.
    """
    return "; ".join(
        f"{each.gone} of {each.linked} linked records of {each.kind} are gone since the last run "
        f"(at most {brake.vanished_percent_of_links} %)"
        for each in found
        if each.gone >= VANISHED_MIN
        and EXACT.multiply(Decimal(each.gone), Decimal(100))
        > EXACT.multiply(Decimal(each.linked), brake.vanished_percent_of_links)
    )

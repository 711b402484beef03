"""Requests that people make in Salesforce and others approve there: what each is about, and what it is told.

Who may ask and who may approve is Salesforce's own to say, by the permissions on the object's fields. An approved
request answers the question that the review queue asks about the deal already; it opens no way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from crossfoot.core.reissue import CODES as REISSUE_TROUBLE

FIELDS = (
    "Action__c",
    "Approved__c",
    "CreatedById",
    "LastModifiedBy.Id",
    "Name",
    "Outcome__c",
    "Reason__c",
    "Status__c",
    "Xero_Invoice__r.Xero_Key__c",
    "Xero_Key__c",
)
"""What is read of a request."""


class Action(StrEnum):
    """What may be asked for."""

    CANCEL = "Cancel invoice"
    REISSUE = "Credit and re-issue invoice"


@dataclass(frozen=True, slots=True)
class Question:
    """The entries of the review queue that an action answers, the decision that answers them, and those that say why
    it could not be carried out."""

    codes: frozenset[str]
    decision: Literal["cancel", "reissue"]
    trouble: frozenset[str]


QUESTIONS: Mapping[Action, Question] = {
    Action.CANCEL: Question(
        frozenset({"no_longer_won", "worth_nothing", "source_deleted"}), "cancel", frozenset({"cancel_not_possible"})
    ),
    Action.REISSUE: Question(frozenset({"changed_after_approval"}), "reissue", REISSUE_TROUBLE),
}


class Status(StrEnum):
    """How a request stands."""

    WAITS = "Waits"
    ACCEPTED = "Accepted"
    LAPSED = "Lapsed"
    DONE = "Done"


@dataclass(frozen=True, slots=True)
class Approval:
    """An approved request as it was first seen: by whom it was made and approved, and when."""

    asked_by: str
    approved_by: str
    at: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What a request meets. ``deal_id`` is empty where no deal has the invoice, ``changed_at`` when the deal last
    changed; ``entry`` is the open question that the request answers, ``under_way`` whether an answer is being carried
    out, ``ended`` says what became of the invoice, ``trouble`` why nothing could."""

    deal_id: str = ""
    changed_at: str = ""
    entry: int | None = None
    under_way: bool = False
    ended: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the request says from now on. ``decide`` is the entry of the review queue to answer first."""

    status: Status
    words: str
    decide: int | None = None


def judge(approval: Approval, situation: Situation, *, accepted: bool) -> Reply:
    """What becomes of an approved request."""
    if approval.approved_by == approval.asked_by:
        return Reply(Status.WAITS, "Somebody else than who asked has to approve it.")
    if not situation.deal_id:
        return Reply(Status.WAITS, "Crossfoot did not make this invoice from a deal. Change it in Xero.")
    if situation.ended:
        return Reply(Status.DONE, situation.ended)
    if accepted and situation.trouble:
        return Reply(Status.WAITS, situation.trouble)
    if accepted and situation.under_way:
        return Reply(Status.ACCEPTED, "Crossfoot carries it out with its next run.")
    if accepted:
        return Reply(Status.LAPSED, "The deal changed after the approval. Make a new request.")
    if situation.entry is None:
        return Reply(Status.WAITS, "Nothing of the deal asks for it: lose or change the deal first.")
    if situation.changed_at > approval.at:
        return Reply(Status.LAPSED, "The deal changed after the approval. Make a new request.")
    return Reply(Status.ACCEPTED, "Crossfoot carries it out with its next run.", decide=situation.entry)

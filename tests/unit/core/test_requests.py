"""What becomes of a request that was approved in Salesforce."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crossfoot.core.findings import REASONS
from crossfoot.core.requests import QUESTIONS, Action, Approval, Situation, Status, judge

APPROVAL = Approval("robin", "kim", "2026-11-20T02:00:00Z")
OPEN = Situation(deal_id="d1", changed_at="2026-11-20T01:00:00Z", entry=7)


def test_an_open_question_is_answered() -> None:
    reply = judge(APPROVAL, OPEN, accepted=False)
    assert (reply.status, reply.decide) == (Status.ACCEPTED, 7)


@pytest.mark.parametrize(
    ("situation", "accepted", "status"),
    [
        (Situation(), False, Status.WAITS),
        (replace(OPEN, entry=None), False, Status.WAITS),
        (replace(OPEN, changed_at="2026-11-20T03:00:00Z"), False, Status.LAPSED),
        (replace(OPEN, ended="voided"), False, Status.DONE),
        (replace(OPEN, ended="voided"), True, Status.DONE),
        (replace(OPEN, under_way=True), True, Status.ACCEPTED),
        (replace(OPEN, under_way=True, trouble="it was paid"), True, Status.WAITS),
        (OPEN, True, Status.LAPSED),
    ],
)
def test_it_is_answered_once_and_says_how_it_stands(situation: Situation, accepted: bool, status: Status) -> None:
    reply = judge(APPROVAL, situation, accepted=accepted)
    assert (reply.status, reply.decide) == (status, None)
    assert reply.words


@pytest.mark.parametrize("accepted", [False, True])
def test_nobody_approves_what_they_asked_for(accepted: bool) -> None:
    reply = judge(replace(APPROVAL, approved_by="robin"), OPEN, accepted=accepted)
    assert (reply.status, reply.decide) == (Status.WAITS, None)


def test_every_action_answers_reasons_that_there_are() -> None:
    assert set(QUESTIONS) == set(Action)
    assert {code for each in QUESTIONS.values() for code in each.codes | each.trouble} <= set(REASONS)

"""Defects in what both sides share, in payments that people record, and in what follows a restored database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import crossfoot.engine.runs as engine_runs
import crossfoot.engine.showing.sending as engine_sending
import crossfoot.engine.writing.payment_outcomes as engine_payment_outcomes
import crossfoot.engine.writing.payments as engine_payments
import crossfoot.engine.writing.tell as engine_tell
from crossfoot.core import agreement, lifecycle, people
from crossfoot.core.merge import Owner
from crossfoot.engine.planning import agree
from crossfoot.engine.showing.mirror import Mirror
from tests.simulation.machine import Machine

from .planting import Change, Plant


def _salesforce_wins(_machine: Machine) -> list[Change]:
    """What either side may change is decided by Salesforce: an edit in Xero is turned back unasked."""
    return [(agreement, "_owner", lambda owner, _direction: Owner.SALESFORCE if owner is Owner.EITHER else owner)]


def _choice_forgotten(_machine: Machine) -> list[Change]:
    """What a person chose is asked again."""
    return [(agreement, "_decisions", lambda *_: {})]


def _echo_unseen(_machine: Machine) -> list[Change]:
    """What was told is not known again, neither as one side's words nor as what both share: the base never moves, and
    the next edit on the same side looks like one of two."""
    return [
        (agreement, "_standing_base", lambda _merged, base, _told: dict(base)),
        (agreement, "_said_as_told", lambda _record: {}),
    ]


def _tell_without_a_look(_machine: Machine) -> list[Change]:
    """A record in Salesforce is not read again just before it is told."""
    return [(engine_tell, "_unmoved", lambda _session, pairs: iter(pairs))]


def _pay_again(_machine: Machine) -> list[Change]:
    """A payment without an answer is given up at once, and nobody looks for its mark."""
    return [
        (engine_payment_outcomes, "_probe", lambda _session, unknown, _paid: list(unknown)),
        (engine_payment_outcomes, "marked", lambda *_: []),
        *((module, "find_marked", lambda *_: {}) for module in (engine_payment_outcomes, engine_payments)),
    ]


def _point_at_the_deleted(_machine: Machine) -> list[Change]:
    """An invoice's record points at its deal, even at one in the bin."""
    return [(Mirror, name, lambda _self, record_id: record_id) for name in ("_at_account", "_at_deal")]


def _children_first(_machine: Machine) -> list[Change]:
    """Rows are sent although the one that they point at never arrived."""
    return [(engine_sending, "_with_parents", lambda _session, items: list(items))]


def _old_copy_unnoticed(_machine: Machine) -> list[Change]:
    """A run goes on with an old copy of the database as if nothing had happened."""
    return [(engine_runs, "require_current", lambda _session: None)]


def _brake_off(_machine: Machine) -> list[Change]:
    """Nobody counts what is gone since the last run."""
    return [(engine_runs, "check_vanished", lambda _session: "")]


def _own_figures_unnamed(_machine: Machine) -> list[Change]:
    """What a person edited and approved is nobody's business."""
    return [(lifecycle, "_judge_own_figures", _nothing)]


def _nothing(*_: Any) -> lifecycle.Judgement:
    return lifecycle.Judgement()


def _everybody_is_new(_machine: Machine) -> list[Change]:
    """People at a customer are not looked for in Xero: whoever changed is entered once more."""
    place = people.place_people

    def blind(some: Any, contact: Any, base: Any, told: Any, **more: Any) -> people.Placed:
        return replace(
            place(some, contact, base, told, **more), places={each.contact_id: None for each in some}, gone=()
        )

    return [(agree, "place_people", blind)]


def _only_the_changed(_machine: Machine) -> list[Change]:
    """Xero takes the list of people whole, and is sent those alone who changed."""
    changed = people.changed_people

    def cut(contact: Any, placed: people.Placed, values: Any) -> Any:
        return tuple(each for each in changed(contact, placed, values) if each not in contact.people)

    return [(people, "changed_people", cut)]


AGREEING: Mapping[str, Plant] = {
    "Salesforce wins": _salesforce_wins,
    "choice forgotten": _choice_forgotten,
    "echo unseen": _echo_unseen,
    "tell without a look": _tell_without_a_look,
    "pay again": _pay_again,
    "point at the deleted": _point_at_the_deleted,
    "children first": _children_first,
    "old copy unnoticed": _old_copy_unnoticed,
    "brake off": _brake_off,
    "own figures unnamed": _own_figures_unnamed,
    "everybody is new": _everybody_is_new,
    "only the changed": _only_the_changed,
}

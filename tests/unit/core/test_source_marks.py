"""How it is told whether a deal changed, or only what the settings read of it."""

from __future__ import annotations

import pytest

from crossfoot.core.documents import decided_mark, read_anew, same_source, source_mark

TOLD = {"Account.AccountNumber": "B-1"}
MORE = TOLD | {"Account.Name": "Birch"}


@pytest.mark.parametrize(
    ("known", "now", "same"),
    [
        (source_mark("read", {}), source_mark("read", {}), True),
        (source_mark("read", {}), source_mark("other", {}), False),
        (source_mark("read", {}), source_mark("read", TOLD), True),
        (source_mark("read", TOLD), source_mark("read", {}), True),
        (source_mark("read", TOLD), source_mark("read", MORE), True),
        (source_mark("read", TOLD), source_mark("read", TOLD), True),
        (source_mark("read", TOLD), source_mark("read", {"Account.AccountNumber": "B-2"}), False),
        (source_mark("read", TOLD), source_mark("other", TOLD), False),
        (source_mark("read", {}), decided_mark(source_mark("read", {}), [["due", "2026-12-01"]]), False),
        (decided_mark(source_mark("read", TOLD), ["one"]), decided_mark(source_mark("read", MORE), ["one"]), True),
        (decided_mark(source_mark("read", TOLD), ["one"]), decided_mark(source_mark("read", MORE), ["two"]), False),
        ("", source_mark("read", {}), False),
    ],
)
def test_a_deal_changed_where_what_is_read_of_it_or_decided_or_its_account_says_something_else(
    known: str, now: str, *, same: bool
) -> None:
    assert same_source(known, now) is same


@pytest.mark.parametrize("told", [{}, TOLD], ids=["deal alone", "with its account"])
def test_what_is_read_with_other_fields_keeps_what_else_its_mark_says(told: dict[str, str]) -> None:
    mark, anew = source_mark("read", told), source_mark("anew", told)
    assert read_anew(mark, "read", "anew") == anew
    assert read_anew(decided_mark(mark, ["one"]), "read", "anew") == decided_mark(anew, ["one"])
    assert read_anew(mark, "another", "anew") == mark

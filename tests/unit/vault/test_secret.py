"""A Secret does not show itself, whoever asks."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass

import pytest

from crossfoot.vault import Secret

CANARY = "canary-7f3a-token"


@dataclass(frozen=True)
class Grant:
    tenant: str
    token: Secret


def test_no_formatting_shows_it() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s" % secret, "{:s}".format(secret)]  # noqa: UP031, UP032
    shown += [repr(Grant("acme", secret)), repr([secret]), json.dumps({"token": secret}, default=str)]
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY


def test_no_log_or_traceback_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    token = Secret(CANARY)
    logging.getLogger("test").warning("token %s %r", token, Grant("acme", token))
    try:
        json.dumps({"token": token})
    except TypeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret" in shown
    assert CANARY not in shown + caplog.text


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars])
def test_nothing_takes_it_along(leak: object) -> None:
    assert callable(leak)
    with pytest.raises(TypeError):
        leak(Secret(CANARY))
    with pytest.raises(TypeError):
        asdict(Grant("acme", Secret(CANARY)))


def test_equality_and_emptiness_need_no_revealing() -> None:
    assert Secret(CANARY) == Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert len({Secret(CANARY), Secret(CANARY)}) == 1
    assert not Secret("")
    assert not isinstance(Secret(CANARY), str)

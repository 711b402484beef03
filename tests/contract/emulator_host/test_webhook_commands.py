"""``crossfoot emulator webhooks`` against running emulators and a receiver over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crossfoot.cli.emulator import app
from crossfoot.emulators.host import Host, HostSettings

from .test_webhook_delivery import KEY, Subscriber, add_contact, shown, until
from .test_webhook_delivery import subscriber as subscriber  # noqa: PLC0414 - the fixture

Run = Callable[..., Result]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    running = Host(HostSettings(scenario="empty", env_file=tmp_path / "webhooks.env"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def run(host: Host, tmp_path: Path) -> Run:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["webhooks", *words, "--env-file", str(tmp_path / "webhooks.env")])

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_a_receiver_is_subscribed_shown_and_removed(run: Run, subscriber: Subscriber) -> None:
    output = said(run("subscribe", subscriber.url, "--signing-key", KEY, "--category", "contact"))
    assert f"Delivers to  {subscriber.url}" in output
    assert "Status       active" in output
    told = json.loads(said(run("show", "--json")))["webhooks"]
    assert (told["signing_key"], told["categories"]) == (KEY, ["CONTACT"])
    assert said(run("remove")) == said(run("show")) == "Nothing is subscribed.\n"


def test_a_receiver_that_does_not_check_signatures_is_named(run: Run, subscriber: Subscriber) -> None:
    output = said(run("subscribe", subscriber.url, "--signing-key", "a key that the receiver does not know"))
    assert "Status       ITR required: A right signature was answered with 401; 200 was expected." in output


def test_what_failed_is_listed_and_sent_again(run: Run, host: Host, subscriber: Subscriber) -> None:
    said(run("subscribe", subscriber.url, "--signing-key", KEY))
    subscriber.broken = True
    add_contact(host, "Acme")
    until(lambda: shown(host)["counts"]["failed"] == 2)
    output = said(run("deliveries"))
    assert "batch-1-0" in output
    assert "Waiting: 1 event from number 1" in output
    assert "2 failures" in output
    subscriber.broken = False
    assert "Status       active" in said(run("resend"))
    until(lambda: shown(host)["counts"]["accepted"] == 1)
    told = json.loads(said(run("deliveries", "--json", "--last", "1")))
    assert ([row["status"] for row in told["made"]], told["waiting"]) == ([200], [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("subscribe", "books.example"), "url must be an http or https address"),
        (("subscribe", "http://127.0.0.1:1/", "--category", "PAYMENT"), "categories must be some of CONTACT"),
        (("deliveries",), "Nothing is subscribed. Start with"),
        (("resend",), "Nothing is subscribed. Start with"),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert message in result.stderr

"""The Pub/Sub API over real gRPC, asked by a client of our own that shares nothing with the emulator (SF 5.1-5.4)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crossfoot.emulators.host import Host, HostSettings
from crossfoot.emulators.salesforce import World
from crossfoot.emulators.salesforce.events.pubsub import PubSubSettings
from crossfoot.emulators.salesforce.schema import declaration

from .client import CUSTOM, EARLIEST, Subscriber, message
from .conftest import ORDER_SHIPPED

ACCOUNTS = "/data/AccountChangeEvent"
SHIPPED = "/event/Order_Shipped__e"


class Office:
    """A served org: REST on one port, gRPC on another."""

    def __init__(self, pubsub: PubSubSettings, state: Path | None = None) -> None:
        self.host = Host(HostSettings(scenario="empty", pubsub=pubsub, state=state))
        self.host.start()
        self.env = self.host.env()
        world = self.host.worlds.salesforce.world
        assert isinstance(world, World)
        self.world = world

    @property
    def metadata(self) -> dict[str, str]:
        org_id = self.world.organization["Id"]
        return {"accesstoken": self.env["SF_ACCESS_TOKEN"], "instanceurl": "https://x.example", "tenantid": org_id}

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection(urlsplit(self.host.urls["salesforce"]).netloc, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {self.env['SF_ACCESS_TOKEN']}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return json.loads(content or b"null")
        finally:
            connection.close()

    def create(self, name: str) -> str:
        return str(self.rest("POST", "/services/data/v66.0/sobjects/Account", {"Name": name})["id"])

    def fault(self, kind: str) -> None:
        self.rest("POST", "/control/fault", {"kind": kind})

    def subscriber(self, **metadata: str) -> Subscriber:
        endpoint = self.env["SF_PUBSUB_ENDPOINT"]
        return Subscriber(grpc.insecure_channel(endpoint), {**self.metadata, **metadata})


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    made = Office(PubSubSettings(keepalive_s=0.2, unasked_s_max=0.2))
    yield made
    made.host.stop()


@pytest.fixture
def subscriber(office: Office) -> Iterator[Subscriber]:
    made = office.subscriber()
    yield made
    made.channel.close()


def names(subscriber: Subscriber, response: Any) -> list[str]:
    return [str(subscriber.payload(each)["Name"]) for each in response.events]


def wait_for_keepalive(stream: Any) -> Any:
    """Once a keepalive has come, the stream stands at its position."""
    response = stream.next()
    assert list(response.events) == []
    return response


def test_topics_and_schemas(office: Office, subscriber: Subscriber) -> None:
    topic = subscriber.topic(ACCOUNTS)
    assert (topic.topic_name, topic.can_subscribe, topic.can_publish) == (ACCOUNTS, True, False)
    assert topic.tenant_guid
    assert topic.rpc_id
    assert subscriber.schema(topic.schema_id)["name"].endswith("AccountChangeEvent")
    unknown = message("TopicRequest", topic_name="/data/NopeChangeEvent")
    assert subscriber.refused("GetTopic", unknown, "TopicInfo") == ("NOT_FOUND", "topic.not.found")


def test_metadata_has_to_be_there_and_good(office: Office) -> None:
    request = message("TopicRequest", topic_name=ACCOUNTS)
    wrong = office.subscriber(accesstoken="nonsense")
    assert wrong.refused("GetTopic", request, "TopicInfo") == ("UNAUTHENTICATED", "service.auth.error")
    nobody = Subscriber(wrong.channel, {})
    assert nobody.refused("GetTopic", request, "TopicInfo") == ("UNAUTHENTICATED", "service.auth.headers.invalid")
    short = Subscriber(wrong.channel, {**office.metadata, "tenantid": office.metadata["tenantid"][:15]})
    assert short.topic(ACCOUNTS).can_subscribe
    wrong.channel.close()


def test_events_arrive_as_they_happen_and_a_position_resumes(office: Office, subscriber: Subscriber) -> None:
    stream = subscriber.subscribe(ACCOUNTS, 2)
    idle = wait_for_keepalive(stream)
    assert (len(idle.latest_replay_id), idle.pending_num_requested) == (10, 2)
    made = office.create("A")
    response = next(each for each in stream.call if each.events)
    assert names(subscriber, response) == ["A"]
    assert subscriber.payload(response.events[0])["ChangeEventHeader"]["recordIds"] == [made]
    assert response.pending_num_requested == 1
    office.create("B")
    office.create("C")
    last = next(each for each in stream.call if each.events)
    assert (names(subscriber, last), last.pending_num_requested) == (["B"], 0)
    stream.ask(1)
    assert names(subscriber, next(each for each in stream.call if each.events)) == ["C"]
    stream.cancel()
    again = subscriber.subscribe(ACCOUNTS, 10, CUSTOM, response.latest_replay_id)
    assert names(subscriber, again.next()) == ["B", "C"]
    again.cancel()


def test_requests_add_up_to_a_hundred_at_most(office: Office, subscriber: Subscriber) -> None:
    stream = subscriber.subscribe(ACCOUNTS, 70)
    stream.ask(20)
    assert wait_for_keepalive(stream).pending_num_requested == 90
    stream.ask(70, ACCOUNTS)
    assert wait_for_keepalive(stream).pending_num_requested == 100
    stream.cancel()


def test_a_stream_for_which_nothing_is_asked_ends(office: Office, subscriber: Subscriber) -> None:
    office.create("one")
    stream = subscriber.subscribe(ACCOUNTS, 1, EARLIEST)
    assert len(stream.next().events) == 1
    assert stream.refusal() == ("OK", "")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"number": 5, "topic": "/data/ContactChangeEvent"}, "subscription.fetch.topic.mismatch"),
        ({"number": 0}, "subscription.fetch.requested.events.invalid"),
    ],
)
def test_a_later_request_may_not_change_the_topic_or_ask_for_nothing(
    subscriber: Subscriber, members: Mapping[str, Any], code: str
) -> None:
    stream = subscriber.subscribe(ACCOUNTS, 5)
    wait_for_keepalive(stream)
    stream.ask(**members)
    assert stream.refusal() == ("INVALID_ARGUMENT", code)


def test_a_bad_position_is_corrupted(subscriber: Subscriber) -> None:
    stream = subscriber.subscribe(ACCOUNTS, 1, CUSTOM, b"\x00" * 10)
    assert stream.refusal() == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")


def test_a_token_that_is_revoked_ends_the_stream(office: Office) -> None:
    token = office.metadata["accesstoken"] + "2"
    office.world.sessions[token] = dict(office.world.sessions[office.metadata["accesstoken"]])
    subscriber = office.subscriber(accesstoken=token)
    stream = subscriber.subscribe(ACCOUNTS, 5)
    wait_for_keepalive(stream)
    with office.host.worlds.salesforce.lock:
        del office.world.sessions[token]
    assert stream.refusal() == ("UNAUTHENTICATED", "service.auth.error")
    subscriber.channel.close()


def test_a_stream_can_be_ended_or_fall_silent(office: Office, subscriber: Subscriber) -> None:
    ended = subscriber.subscribe(ACCOUNTS, 5)
    wait_for_keepalive(ended)
    office.fault("stream_ended")
    assert ended.refusal() == ("OK", "")
    silent = subscriber.subscribe(ACCOUNTS, 5)
    wait_for_keepalive(silent)
    office.fault("stream_silent")
    time.sleep(0.25)  # the next keepalive is the one that does not come
    office.create("unheard")
    heard: list[Any] = []
    silent.call.add_callback(lambda: heard.append("over"))
    time.sleep(0.5)
    assert heard == []
    silent.cancel()


def test_a_struck_call_is_unavailable(office: Office, subscriber: Subscriber) -> None:
    for kind in ("status", "lost_request"):
        office.rest("POST", "/control/fault", {"kind": kind, "match": {"path_contains": "GetTopic"}})
        refused = subscriber.refused("GetTopic", message("TopicRequest", topic_name=ACCOUNTS), "TopicInfo")
        assert refused == ("UNAVAILABLE", "service.unavailable")


def test_platform_events_are_published_one_by_one_and_by_stream(office: Office) -> None:
    office.world.declare(declaration(ORDER_SHIPPED))
    admin = office.metadata["accesstoken"] + "3"
    office.world.sessions[admin] = {
        **office.world.sessions[office.metadata["accesstoken"]],
        "user": office.world.grants["admin"],
    }
    subscriber = office.subscriber(accesstoken=admin)
    stream = subscriber.subscribe(SHIPPED, 5)
    wait_for_keepalive(stream)
    content = {"CreatedDate": 1, "CreatedById": office.world.grants["admin"], "Number__c": "8"}
    published = subscriber.publish(SHIPPED, content)
    (result,) = published.results
    assert (result.correlation_key, result.error.msg) == ("key-0", "")
    (event,) = next(each for each in stream.call if each.events).events
    assert (event.replay_id, subscriber.payload(event)["Number__c"]) == (result.replay_id, "8")
    stream.cancel()
    (refused,) = subscriber.publish(SHIPPED, content, schema_id="other").results
    assert refused.error.code == 1
    sent = {"id": "x", "schema_id": published.schema_id, "payload": event.event.payload}
    first = message("PublishRequest", topic_name=SHIPPED, events=[message("ProducerEvent", **sent)])
    publishing = subscriber.stream("PublishStream", "PublishRequest", "PublishResponse", first)
    assert [each.correlation_key for each in publishing.next().results] == ["x"]
    publishing.cancel()
    subscriber.channel.close()


def test_managed_subscriptions_do_not_exist(subscriber: Subscriber) -> None:
    first = message("ManagedFetchRequest", developer_name="Mine", num_requested=1)
    stream = subscriber.stream("ManagedSubscribe", "ManagedFetchRequest", "ManagedFetchResponse", first)
    assert stream.refusal() == ("NOT_FOUND", "managed.subscription.developer.name.not.found")


def test_positions_survive_a_restart(tmp_path: Path) -> None:
    first = Office(PubSubSettings(), tmp_path)
    first.create("A")
    subscriber = first.subscriber()
    stream = subscriber.subscribe(ACCOUNTS, 5, EARLIEST)
    position = stream.next().latest_replay_id
    stream.cancel()
    subscriber.channel.close()
    first.create("B")
    first.host.stop()
    second = Office(PubSubSettings(), tmp_path)
    subscriber = second.subscriber()
    stream = subscriber.subscribe(ACCOUNTS, 5, CUSTOM, position)
    assert names(subscriber, stream.next()) == ["B"]
    stream.cancel()
    subscriber.channel.close()
    second.host.stop()


def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    office = Office(PubSubSettings(certificate=certificate, key=key))
    channel = grpc.secure_channel(
        office.env["SF_PUBSUB_ENDPOINT"], grpc.ssl_channel_credentials(certificate.read_bytes())
    )
    assert Subscriber(channel, office.metadata).topic(ACCOUNTS).can_subscribe
    channel.close()
    office.host.stop()


def test_a_busy_port_is_told_and_the_rest_is_served(office: Office) -> None:
    port = int(office.env["SF_PUBSUB_ENDPOINT"].rpartition(":")[2])
    host = Host(HostSettings(scenario="empty", pubsub=PubSubSettings(port=port)))
    assert host.pubsub is None
    assert str(port) in host.events_off
    host.start()
    assert "SF_PUBSUB_ENDPOINT" not in host.env()
    host.stop()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file

"""Makes both emulated systems from a scenario, serves them over HTTP and keeps their state.

``make_worlds`` is the part without sockets, for tests and simulations that call the handles themselves; ``Host`` adds
the two servers, the state folder and the env file.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossfoot.emulators import salesforce, xero
from crossfoot.emulators.clock import Clock
from crossfoot.emulators.controls import CLOCK_PATH, JSON_TYPE, STATE_PATH, answer_json, clock_control
from crossfoot.emulators.emulator import Due, Emulator, Handle, Lane, World, uncounted
from crossfoot.emulators.files import write_private
from crossfoot.emulators.play import play
from crossfoot.emulators.salesforce.events.pubsub import PubSubSettings
from crossfoot.emulators.scenario import Scenario, ScenarioError, find_scenario
from crossfoot.emulators.server import EmulatorServer
from crossfoot.emulators.snapshot import Entry, Snapshot, StateError, StateFolder, read_state, write_state
from crossfoot.emulators.webhooks import Courier
from crossfoot.emulators.wire import Request, Response

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.events.server import PubSubServer


@dataclass(frozen=True, slots=True)
class Vendor:
    """How the worlds of one vendor are made, restored and addressed."""

    new: Callable[..., World]
    load: Callable[[dict[str, Any]], World]
    handle: Handle
    credentials: Callable[[Any, datetime | None], Mapping[str, Any]]  # what a client needs to connect
    due: Due | None = None  # its webhooks
    lane: Lane = uncounted


VENDORS: dict[str, Vendor] = {
    "salesforce": Vendor(salesforce.new_world, salesforce.World.load, salesforce.handle, salesforce.World.credentials),
    "xero": Vendor(xero.new_world, xero.World, xero.handle, xero.credentials, xero.due, xero.lane),
}
ENV_NAMES = {
    "salesforce": {
        "SF_CONSUMER_KEY": "consumer_key",
        "SF_CONSUMER_SECRET": "consumer_secret",
        "SF_USERNAME": "username",
        "SF_PASSWORD": "password",
        "SF_ACCESS_TOKEN": "access_token",
        "SF_REFRESH_TOKEN": "refresh_token",
    },
    "xero": {
        "XERO_CLIENT_ID": "client_id",
        "XERO_CLIENT_SECRET": "client_secret",
        "XERO_TENANT_ID": "tenant_id",
        "XERO_ACCESS_TOKEN": "access_token",
        "XERO_REFRESH_TOKEN": "refresh_token",
        "XERO_WEBHOOK_KEY": "webhook_key",
    },
}


@dataclass(frozen=True, slots=True)
class Worlds:
    """Both emulated systems on one clock, and the scenario they came from."""

    salesforce: Emulator
    xero: Emulator
    clock: Clock
    scenario: str
    start_date: date | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def emulators(self) -> dict[str, Emulator]:
        """Both emulators by the name of their side."""
        return {"salesforce": self.salesforce, "xero": self.xero}

    def set_offset(self) -> None:
        """Tell both worlds how far their clock is from the host's: signed tokens keep the host's time."""
        for emulator in self.emulators.values():
            emulator.world.host_offset_s = self.clock.offset_s


def make_worlds(scenario: Scenario, clock: Clock | None = None, public_urls: Mapping[str, str] | None = None) -> Worlds:
    """Both worlds with the scenario played into them, without sockets.

    ``clock`` defaults to one that shows the scenario's clock now. Raises ScenarioError when a vendor refuses a record.
    """
    clock = clock or Clock.starting_at(scenario.clock)
    made = {name: _new_world(scenario, name) for name in VENDORS}
    for name, url in (public_urls or {}).items():
        made[name].public_url = url
    worlds = _worlds(made, clock, scenario.source, scenario.start_date)
    sides = {name: (world, VENDORS[name].handle) for name, world in made.items()}
    names = play(scenario, sides, scenario.clock or clock.now())
    return Worlds(worlds.salesforce, worlds.xero, clock, scenario.source, scenario.start_date, names)


def _new_world(scenario: Scenario, side: str) -> World:
    try:
        return VENDORS[side].new(seed=scenario.seed, settings=scenario.settings.get(side) or {})
    except ValueError as error:
        raise ScenarioError(f"{scenario.source}: {side}, $settings: {error}") from None


def _worlds(made: Mapping[str, World], clock: Clock, scenario: str, start_date: date | None) -> Worlds:
    emulators = {
        name: Emulator(name, world, VENDORS[name].handle, clock, VENDORS[name].lane, due=VENDORS[name].due)
        for name, world in made.items()
    }
    worlds = Worlds(emulators["salesforce"], emulators["xero"], clock, scenario, start_date)
    worlds.set_offset()
    return worlds


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Where the emulators listen, what they hold at first, and what they report as their public addresses."""

    scenario: str = "demo"
    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=lambda: {"salesforce": 0, "xero": 0})
    public_urls: Mapping[str, str] = field(default_factory=dict)
    state: Path | None = None
    env_file: Path | None = None
    certificate: Path | None = None  # PEM, with its key: both speak https
    key: Path | None = None
    pubsub: PubSubSettings | None = None  # change events; without it they are on the bus, and not served


def _tls(settings: HostSettings) -> ssl.SSLContext | None:
    if settings.certificate is None and settings.key is None:
        return None
    if settings.certificate is None or settings.key is None:
        raise OSError("https needs both a certificate and its key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.certificate, settings.key)
    return context


class Host:
    """Runs both emulators. ``start`` returns once they accept connections; ``stop`` saves the state.

    Making one takes the ports first, so that a busy port is known at once (OSError), then loads the state folder or
    the scenario (StateError, ScenarioError).
    """

    def __init__(self, settings: HostSettings) -> None:
        self.settings = settings
        self._folder = StateFolder(settings.state) if settings.state is not None else None
        self._generation = 0
        with ExitStack() as on_failure:
            tls = _tls(settings)
            self._servers: dict[str, EmulatorServer] = {}
            for name, port in settings.ports.items():
                self._servers[name] = EmulatorServer(settings.host, port, tls)
                on_failure.callback(self._servers[name].server_close)
            self.urls = {
                name: settings.public_urls.get(name, server.url).rstrip("/") for name, server in self._servers.items()
            }
            self.worlds = self._restore() or make_worlds(find_scenario(settings.scenario), public_urls=self.urls)
            self.events_off = ""
            self.pubsub = self._open_pubsub()
            self._couriers = [Courier(emulator) for emulator in self.worlds.emulators.values() if emulator.due]
            on_failure.pop_all()

    def _open_pubsub(self) -> PubSubServer | None:
        """The service of change events; None, with the reason in ``events_off``, where it cannot be had."""
        if self.settings.pubsub is None:
            return None
        try:
            from crossfoot.emulators.salesforce.events.server import PubSubServer  # noqa: PLC0415 - an extra, and slow

            return PubSubServer(self.worlds.salesforce, self.settings.pubsub)
        except ImportError:
            self.events_off = "change events need: pip install crossfoot[cdc]"
        except OSError as error:
            self.events_off = str(error)
        return None

    def start(self) -> None:
        """Serve both emulators, then write the env file."""
        env = self._make_ready()
        controls = {
            CLOCK_PATH: clock_control(self.worlds.clock, self._turn_clock),
            STATE_PATH: self._control_state,
        }
        for name, emulator in self.worlds.emulators.items():
            emulator.record = self._record if self._folder is not None else None
            self._servers[name].start(emulator, controls)
        for courier in self._couriers:
            courier.start()
        if self.pubsub is not None:
            self.pubsub.start()
        self._write_env(env)

    def _make_ready(self) -> dict[str, str]:
        """Worlds that were just made or loaded get their addresses and ready tokens, and are saved."""
        for name, emulator in self.worlds.emulators.items():
            emulator.world.public_url = self.urls[name]
            # Ready tokens that ran out while the emulators were down are renewed at the last instant a world has seen.
            emulator.answer(Request("GET", "/control/counts"))
        env = self.env()
        self._save()
        return env

    def _write_env(self, env: Mapping[str, str]) -> None:
        if self.settings.env_file is not None:
            lines = "".join(f"{name}={value}\n" for name, value in env.items())
            write_private(self.settings.env_file, lines.encode())

    def stop(self) -> None:
        """Take no further request, save the state and close the ports."""
        if self.pubsub is not None:
            self.pubsub.stop()
        for courier in self._couriers:
            courier.stop()
        for emulator in self.worlds.emulators.values():
            with emulator.lock:
                emulator.stopped = True
        self._save()
        if self._folder is not None:
            self._folder.close()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def env(self) -> dict[str, str]:
        """What a client needs to connect: the content of the env file."""
        env = {"SF_LOGIN_URL": self.urls["salesforce"], "SF_INSTANCE_URL": self.urls["salesforce"]}
        if self.pubsub is not None:
            env["SF_PUBSUB_ENDPOINT"] = self.pubsub.endpoint
        env |= {"XERO_API_BASE": self.urls["xero"], "XERO_IDENTITY_BASE": self.urls["xero"]}
        for name, emulator in self.worlds.emulators.items():
            credentials = VENDORS[name].credentials(emulator.world, self.worlds.clock.now())
            env |= {variable: str(credentials[key]) for variable, key in ENV_NAMES[name].items()}
        start = self.worlds.start_date or self.worlds.clock.now().date()
        return {**env, "CROSSFOOT_START_DATE": start.isoformat()}

    def _control_state(self, request: Request) -> Response:
        """The whole state of both emulators, and on POST its replacement by one that was shown before."""
        if request.method != "POST":
            with self._both_locks():
                return Response(200, (JSON_TYPE,), b"".join(write_state(self._snapshot())))
        try:
            self._swap(read_state(request.body, "What was sent"))
        except StateError as error:
            raise ValueError(str(error)) from None
        return answer_json({"scenario": self.worlds.scenario, "env_file": str(self.settings.env_file or "")})

    def _swap(self, snapshot: Snapshot) -> None:
        made = {name: vendor.load(snapshot.worlds[name]) for name, vendor in VENDORS.items()}
        with self._both_locks():
            for name, emulator in self.worlds.emulators.items():
                emulator.world = made[name]
            start = None if snapshot.start_date is None else date.fromisoformat(snapshot.start_date)
            self.worlds = replace(self.worlds, scenario=snapshot.scenario, start_date=start)
            self.worlds.clock.offset_s = snapshot.offset_s
            self.worlds.set_offset()
            self._write_env(self._make_ready())

    @contextmanager
    def _both_locks(self) -> Iterator[None]:
        with ExitStack() as locked:
            for emulator in self.worlds.emulators.values():
                locked.enter_context(emulator.lock)
            yield

    def _turn_clock(self, turn: Callable[[Clock], None]) -> None:
        with self._both_locks():
            turn(self.worlds.clock)
            self.worlds.set_offset()
            if self._folder is not None:
                self._folder.append(Entry("clock", self.worlds.clock.now(), self.worlds.clock.offset_s, None))

    def _record(self, side: str, at: datetime, request: Request) -> None:
        if self._folder is not None:
            self._folder.append(Entry(side, at, self.worlds.clock.offset_s, request))

    def _save(self) -> None:
        if self._folder is not None:
            self._generation += 1
            self._folder.write_snapshot(self._snapshot())

    def _snapshot(self) -> Snapshot:
        start = self.worlds.start_date
        dumps = {name: emulator.world.dump() for name, emulator in self.worlds.emulators.items()}
        return Snapshot(
            self._generation,
            self.worlds.clock.offset_s,
            self.worlds.scenario,
            None if start is None else start.isoformat(),
            dumps,
        )

    def _restore(self) -> Worlds | None:
        """The state folder's worlds: the snapshot, then every logged request through the same handles."""
        snapshot = self._folder.read_snapshot() if self._folder is not None else None
        if self._folder is None or snapshot is None:
            return None
        self._generation = snapshot.generation
        clock = Clock(snapshot.offset_s)
        made = {name: vendor.load(snapshot.worlds[name]) for name, vendor in VENDORS.items()}
        start = snapshot.start_date
        worlds = _worlds(made, clock, snapshot.scenario, None if start is None else date.fromisoformat(start))
        for entry in self._folder.entries(snapshot.generation):
            if entry.offset_s != clock.offset_s:
                clock.offset_s = entry.offset_s
                worlds.set_offset()
            if entry.request is not None:
                _replay(worlds.emulators, entry)
        return worlds


def _replay(emulators: Mapping[str, Emulator], entry: Entry) -> None:
    emulator = emulators.get(entry.side)
    if emulator is None or entry.request is None:
        raise StateError(f"the log names {entry.side!r}, which is no emulator")
    with suppress(Exception):  # a request that failed when it was made fails again in the same way
        emulator.handle(emulator.world, entry.request, entry.at)

"""Installing the Salesforce package, and taking it out again. An administrator's session does it, once.

Every component is compared with what stands in the org before anything is sent, and the platform checks the whole
before it deploys it. What the customer has made is never changed: a name that is taken stops the installation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import httpx2

from crossfoot.core.errors import CrossfootError, NeedsPerson, NeedsReauthorisation, Rejected, RetryLater
from crossfoot.core.records import Side
from crossfoot.core.recovery import is_ended_session
from crossfoot.engine.calls.remote import Remote
from crossfoot.engine.host import Host
from crossfoot.engine.session import Progress, no_progress
from crossfoot.engine.showing.recall import show_anew
from crossfoot.http import TOKEN_EXCHANGE, Answer, Http, HttpRequest, Lost
from crossfoot.salesforce import metadata, oauth, soql
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce.package import (
    BILLS,
    BUNDLE,
    CORE,
    FOLDER,
    KEY_FIELD,
    ORDERS,
    REPORT,
    Component,
    has_shape_of,
    is_as_ours,
    load_components,
    pack,
    pack_removal,
    with_owners,
)
from crossfoot.store import operations as ops
from crossfoot.store.audit import append_audit
from crossfoot.store.database import Database
from crossfoot.store.workspace import StoredConnection, load_connections
from crossfoot.vault.secret import Secret

POLL_S = 3.0
POLLS_MAX = 400
INTEGRATION_SETS = {
    CORE: "Crossfoot_Integration",
    ORDERS: "Crossfoot_Integration_Orders",
    BILLS: "Crossfoot_Integration_Bills",
}
# Asked whether they are there: an org may have no Orders, and has Crossfoot's bills only where they were asked for.
_ORDER_OBJECTS, _BILL_OBJECT = ("Order", "OrderItem"), "Xero_Bill__c"
# Children fall with their object; the rest goes in this order, what points at others first.
_FALL_WITH_OBJECT = frozenset({"ListView", "Layout", "ValidationRule"})
# What cannot carry a mark: a name of ours in it is enough.
_SILENT = _FALL_WITH_OBJECT | {FOLDER}
_HOLD_DATA = frozenset({"CustomObject", "CustomField"})
_FALL_FIRST = (BUNDLE, REPORT, FOLDER)
_POINTED_AT = ("Organisation", "Account", "Tax_Rate", "Tracking_Option", "Item", "Contact", "Invoice")


class State(StrEnum):
    """What installing does with one component."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    CLASH = "taken"


@dataclass(frozen=True, slots=True)
class Step:
    """One component, and what becomes of it. ``ours`` is false where the customer's own serves as well."""

    component: Component
    state: State
    words: str = ""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Loss:
    """What a removal would take with it."""

    object: str
    rows: int | None
    fields: int = 0


@dataclass(slots=True)
class Administrator:
    """A person's session in one org, for one piece of work; it is in memory alone."""

    connection: StoredConnection
    session: Secret
    http: Http
    database: Database
    host: Host
    user_id: str = field(init=False, default="")

    def identify(self, integration_user: str) -> None:
        """Make sure that this is somebody of the connected org, and not the integration user."""
        told = sf.decode_json(self.read(sf.userinfo()).body)
        if told["organization_id"] != self.connection.home:
            raise NeedsPerson(
                f"The administrator belongs to another org ({told['organization_id']}) than the connected "
                f"{self.connection.name}. Log in there. Nothing was changed."
            )
        if told["user_id"] == integration_user:
            raise NeedsPerson(
                "That is the integration user, which may not change the org. Log in as an administrator. "
                "Nothing was changed."
            )
        self.user_id = told["user_id"]

    def read(self, request: HttpRequest) -> Answer:
        """A read."""
        return self._answered(request, "")

    def write(self, request: HttpRequest) -> Answer:
        """A write, its intent committed before it leaves."""
        call = ops.StoredCall(self.host.new_id(), self.connection.home, "", request.method, request.path, b"", "", 0)
        with self.database.writing("install intent") as database:
            ops.commit_call(database, call, [], self.host.now())
        state: ops.CallState = "unknown"
        try:
            answer = self._answered(request, call.id)
            state = "answered"
            return answer
        except (Rejected, NeedsReauthorisation):
            state = "answered"
            raise
        finally:
            with self.database.writing("install call ended") as database:
                ops.end_call(database, call.id, self.host.now(), state=state)

    def _answered(self, request: HttpRequest, intent: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.session.reveal()}"}
        try:
            answer = self.http.send(str(self.connection.settings["base"]), request, headers, intent=intent)
        except Lost as lost:
            raise RetryLater(f"{lost}. Run the command again: what is done stays done.", after_s=60) from None
        if answer.status == 401 or is_ended_session(answer.status, answer.text):
            raise NeedsReauthorisation("Salesforce does not take the administrator's session. Log in again.")
        if answer.status == 429 or (answer.status >= 500 and "soap" not in request.path.casefold()):
            raise RetryLater(f"Salesforce is not available (HTTP {answer.status}). Run again later.", after_s=60)
        if 400 <= answer.status < 500:
            raise sf.as_rejection(answer.status, answer.body, answer.request_id)
        return answer

    def end(self) -> None:
        """End the session at Salesforce; one that cannot be ended runs out by itself."""
        try:
            request = oauth.revoke(self.session.reveal())
            self.http.send(str(self.connection.settings["base"]), request, {}, intent=TOKEN_EXCHANGE)
        except (Lost, CrossfootError):
            return


class Installer:
    """Brings the package into one org, or out of it. The caller holds the lock of the one writing process."""

    def __init__(
        self,
        connection: StoredConnection,
        integration: Remote[HttpRequest],
        session: Secret,
        database: Database,
        host: Host,
        *,
        bills: bool = False,
        transport: httpx2.BaseTransport | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """``bills`` brings the part for supplier bills in; where it is in already it is looked after without asking."""
        self._connection = connection
        self._integration = integration
        self._database = database
        self._host = host
        self._progress = progress
        self._http = Http(self._is_committed, transport)
        self._admin = Administrator(connection, session, self._http, database, host)
        self._integration_user = ""
        self._bills = bills
        self._parts: tuple[str, ...] = (CORE,)

    def close(self, *, end_session: bool) -> None:
        """Let the sockets go, and with ``end_session`` the administrator's session too."""
        if end_session:
            self._admin.end()
        self._http.close()

    def inspect(self) -> list[Step]:
        """Every component of the package beside what stands in the org. Changes nothing."""
        self._integration_user = sf.decode_json(self._integration.read(sf.userinfo()).body)["user_id"]
        self._admin.identify(self._integration_user)
        asked = (*_ORDER_OBJECTS, _BILL_OBJECT)
        there = sf.decode_describes(asked, self._admin.read(sf.describe(asked)).body)
        wanted_parts = {
            CORE: True,
            ORDERS: all(there[name] for name in _ORDER_OBJECTS),
            BILLS: self._bills or bool(there[_BILL_OBJECT]),
        }
        self._parts = tuple(part for part, is_wanted in wanted_parts.items() if is_wanted)
        wanted = load_components(self._parts)
        standing = {each.key: each for each in self._standing(wanted)}
        keyed = {each.owner for each in standing.values() if each.name.endswith(f".{KEY_FIELD}")}
        return [_compare(each, standing.get(each.key), keyed) for each in wanted]

    def check(self, steps: Sequence[Step]) -> list[Step]:
        """Let the platform check what would be deployed. Changes nothing; problems are raised, all at once."""
        _stop_at_clashes(steps)
        chosen = _to_deploy(steps)
        if not chosen:
            return list(steps)
        done = self._deployed(pack(chosen), check_only=True)
        return [
            replace(each, state=State.UNCHANGED)
            if each.state is State.CHANGE and each.component.key not in done.changed
            else each
            for each in steps
        ]

    def install(self, steps: Sequence[Step], actor: str) -> int:
        """Deploy what is missing or older, and give the integration user its permission sets. Returns the changes."""
        _stop_at_clashes(steps)
        changes = [each for each in steps if each.state in {State.CREATE, State.CHANGE}]
        if changes:
            self._deployed(pack(_to_deploy(steps)), check_only=False)
        if any(each.state is State.CREATE and each.component.type in _HOLD_DATA for each in changes):
            with self._database.writing("shown anew") as database:  # they may have been there before, with their data
                for organisation in load_connections(database, Side.XERO):
                    show_anew(database, organisation.home)
        assigned = sum(self._assign(INTEGRATION_SETS[part]) for part in self._parts)
        if changes or assigned:
            self._log("install the Salesforce package", actor, components=len(changes), assigned=assigned)
        return len(changes) + assigned

    def losses(self, steps: Sequence[Step]) -> list[Loss]:
        """The data that a removal would delete, by object."""
        present = [each.component for each in steps if _removable(each)]
        found = [Loss(each.name, self._count(each.name)) for each in present if each.type == "CustomObject"]
        ours = {loss.object for loss in found}
        added: dict[str, list[str]] = {}
        for each in present:
            if each.type == "CustomField" and each.owner not in ours:
                added.setdefault(each.owner, []).append(each.name.partition(".")[2])
        return [*found, *(Loss(name, self._count(name, fields), len(fields)) for name, fields in added.items())]

    def remove(self, steps: Sequence[Step], actor: str) -> int:
        """Delete the package's components with their data. The customer's own stay. Returns the components deleted."""
        gone = [each.component for each in steps if _removable(each)]
        taken = self._unassign([each.name for each in gone if each.type == "PermissionSet"])
        objects = {each.name for each in gone if each.type == "CustomObject"}
        gone = [each for each in gone if each.type == "CustomObject" or each.owner not in objects]
        gone = [each for each in gone if each.type not in _FALL_WITH_OBJECT]
        if gone:
            try:
                self._deployed(pack_removal(sorted(gone, key=_fall)), check_only=False)
            except NeedsPerson:
                for given in taken:
                    self._admin.write(sf.create_record("PermissionSetAssignment", given))
                raise
            self._log("remove the Salesforce package", actor, components=len(gone))
        return len(gone)

    def _standing(self, wanted: Sequence[Component]) -> list[Component]:
        self._progress("Reading Salesforce", 0, 0)
        token = self._admin.session.reveal()
        answer = self._admin.read(metadata.retrieve(token, wanted))
        retrieve_id = metadata.decode_retrieve(answer.status, answer.body)
        for _ in range(POLLS_MAX):
            self._host.sleep(POLL_S)
            answer = self._admin.read(metadata.retrieval(token, retrieve_id))
            found = metadata.decode_retrieval(answer.status, answer.body)
            if found is not None:
                return found
        raise RetryLater("Salesforce takes long to tell what it has. Nothing was changed; run again later.", after_s=60)

    def _deployed(self, packed: bytes, *, check_only: bool) -> metadata.Deployment:
        doing = "Checking with Salesforce" if check_only else "Deploying to Salesforce"
        self._progress(doing, 0, 0)
        answer = self._admin.write(metadata.deploy(packed, check_only=check_only))
        state = metadata.decode_deployment(answer.body)
        for _ in range(POLLS_MAX):
            if state.done:
                break
            self._host.sleep(POLL_S)
            state = metadata.decode_deployment(self._admin.read(metadata.deployment(state.id)).body)
        if not state.done:
            raise RetryLater(
                f"Deployment {state.id} is still {state.status or 'waiting'} in Salesforce. Look at Setup, Deployment "
                "Status, then run the command again.",
                after_s=60,
            )
        if not state.success:
            shown = "\n  ".join(state.problems) or state.status
            raise NeedsPerson(f"Salesforce refuses the package, so that nothing was changed:\n  {shown}")
        return state

    def _assign(self, name: str) -> int:
        set_id = self._permission_set(name)
        if self._assignments(set_id, self._integration_user):
            return 0
        given = {"AssigneeId": self._integration_user, "PermissionSetId": set_id}
        self._admin.write(sf.create_record("PermissionSetAssignment", given))
        return 1

    def _unassign(self, names: Sequence[str]) -> list[dict[str, str]]:
        """A permission set that someone has cannot be deleted. Returns what was taken from whom."""
        taken = []
        for name in names:
            set_id = self._permission_set(name)
            for assignment_id, assignee in self._assignments(set_id).items():
                self._admin.write(sf.delete_record("PermissionSetAssignment", assignment_id))
                taken.append({"AssigneeId": assignee, "PermissionSetId": set_id})
        return taken

    def _permission_set(self, name: str) -> str:
        rows = self._rows(soql.select(["Id"], "PermissionSet", where=soql.equals("Name", name)))
        if not rows:
            raise NeedsPerson(f"Permission set {name} is not in the org. Run `crossfoot connect salesforce --install`.")
        return str(rows[0]["Id"])

    def _assignments(self, set_id: str, user_id: str = "") -> dict[str, str]:
        """Who has a permission set, by the id of the assignment."""
        where = soql.equals("PermissionSetId", set_id)
        if user_id:
            where += f" AND {soql.equals('AssigneeId', user_id)}"
        query = soql.select(["Id", "AssigneeId"], "PermissionSetAssignment", where=where)
        return {row["Id"]: row["AssigneeId"] for row in self._rows(query)}

    def _rows(self, query: str) -> list[dict[str, Any]]:
        return sf.decode_query(self._admin.read(sf.query(query)).body).rows

    def _count(self, name: str, fields: Sequence[str] = ()) -> int | None:
        """By the integration user, who sees all rows and fields; None where it cannot be told."""
        try:
            answer = self._integration.read(sf.query(soql.count(name, filled=fields)))
        except Rejected:
            return None
        return int(sf.decode_json(answer.body)["totalSize"])

    def _log(self, action: str, actor: str, **facts: Any) -> None:
        with self._database.writing("package") as database:
            append_audit(
                database,
                self._connection.home,
                self._host.now(),
                actor=actor,
                action=action,
                record_id=self._connection.home,
                administrator=self._admin.user_id,
                **facts,
            )

    def _is_committed(self, call_id: str) -> bool:
        with self._database.reading() as connection:
            return ops.call_is_committed(connection, call_id)


def _compare(ours: Component, theirs: Component | None, keyed: set[str]) -> Step:
    """What becomes of a component. Whose one of the same name is shows in its mark, or in the object it belongs to."""
    if theirs is None:
        return Step(ours, State.CREATE)
    at_ours = theirs.element.findtext("referenceTo") in keyed  # it could not outlive what it points at
    mine = theirs.marked or at_ours or ours.owner in keyed or ours.type in _SILENT
    if is_as_ours(ours, theirs):
        return Step(ours, State.UNCHANGED, ours=mine)
    if mine:
        return Step(ours, State.CHANGE)
    if ours.type == "CustomField" and has_shape_of(ours.element, theirs.element):
        return Step(ours, State.UNCHANGED, "your own field of that name and type serves", ours=False)
    return Step(ours, State.CLASH, f"rename or delete your own {ours.type} {ours.name} first")


def _stop_at_clashes(steps: Sequence[Step]) -> None:
    taken = [
        f"{each.component.type} {each.component.name}: {each.words}" for each in steps if each.state is State.CLASH
    ]
    if taken:
        shown = "\n  ".join(taken)
        raise NeedsPerson(f"The org has components of the same names that are not Crossfoot's:\n  {shown}")


def _to_deploy(steps: Sequence[Step]) -> list[Component]:
    chosen = [each.component for each in steps if each.state in {State.CREATE, State.CHANGE}]
    return with_owners(chosen, [each.component for each in steps if each.ours])


def _removable(step: Step) -> bool:
    return step.ours and step.state in {State.CHANGE, State.UNCHANGED}


def _fall(component: Component) -> int:
    """What others point at falls last."""
    if component.type in _FALL_FIRST:
        return _FALL_FIRST.index(component.type) - len(_FALL_FIRST) - len(_POINTED_AT)
    stem = component.name.removeprefix("Xero_").removesuffix("__c")
    return -_POINTED_AT.index(stem) if component.type == "CustomObject" and stem in _POINTED_AT else -len(_POINTED_AT)


def summary(steps: Sequence[Step]) -> Mapping[State, int]:
    """How many components there are of each state."""
    return {state: sum(each.state is state for each in steps) for state in State}

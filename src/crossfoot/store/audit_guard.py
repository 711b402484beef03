"""What keeps the audit log append-only in the database itself, beneath the hash chain that shows tampering afterwards.

SQLite: triggers refuse to change or take out an entry. PostgreSQL: Crossfoot runs as a role that may read and add
entries and nothing else, while the tables belong to another one; only that other one migrates. What entries say may
be taken out on both, since it goes when it is old, but not changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, text

from crossfoot.core.errors import NeedsPerson
from crossfoot.store.schema import audit, audit_body, metadata

# The third: INSERT OR REPLACE takes the old entry out without asking the trigger on DELETE.
AUDIT_TRIGGERS = (
    "CREATE TRIGGER audit_kept BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_whole BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    """CREATE TRIGGER audit_once BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE organisation_id = NEW.organisation_id AND seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)
BODY_TRIGGERS = (
    """CREATE TRIGGER audit_body_kept BEFORE UPDATE ON audit_body
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER audit_body_once BEFORE INSERT ON audit_body
    WHEN EXISTS (SELECT 1 FROM audit_body WHERE organisation_id = NEW.organisation_id AND seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)
_ROLE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def role_statements(role: str) -> Sequence[str]:
    """The SQL that makes a PostgreSQL role as which Crossfoot may run: everything but changing the audit log."""
    if not _ROLE_NAME.fullmatch(role):
        raise NeedsPerson(f"{role!r} cannot name a role: small letters, digits and _, at most 63.")
    others = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables if table not in {audit, audit_body})
    return (
        f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
            CREATE ROLE "{role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
        END IF;
        END $$""",
        f'GRANT USAGE ON SCHEMA public TO "{role}"',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON {others} TO "{role}"',
        f'REVOKE ALL ON "{audit.name}", "{audit_body.name}" FROM "{role}", PUBLIC',
        f'GRANT SELECT, INSERT ON "{audit.name}", "{audit_body.name}" TO "{role}"',
        f'GRANT DELETE ON "{audit_body.name}" TO "{role}"',
        f'GRANT SELECT ON alembic_version TO "{role}"',
        f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"',
    )


def make_role(connection: Connection, role: str) -> None:
    """Make the role, or mend what it may do; run as the owner of the tables."""
    if connection.dialect.name != "postgresql":
        raise NeedsPerson("SQLite has no roles: there, triggers keep the audit log. Roles are for PostgreSQL.")
    for statement in role_statements(role):
        connection.execute(text(statement))


def renew_roles(connection: Connection) -> None:
    """Give the roles that add to the audit log their rights on tables that are new; run as the owner of the tables."""
    query = (
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants "
        "WHERE table_name = 'audit' AND privilege_type = 'INSERT' AND grantee <> grantor"
    )
    if connection.dialect.name == "postgresql":
        for role in list(connection.execute(text(query)).scalars()):
            make_role(connection, role)


def audit_is_kept(connection: Connection) -> bool:
    """Whether the database itself refuses to change the audit log, as this process is connected to it."""
    if connection.dialect.name == "sqlite":
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_body')"
        return bool(connection.execute(text(query)).scalar() == len(AUDIT_TRIGGERS) + len(BODY_TRIGGERS))
    query = (
        "SELECT has_table_privilege(current_user, 'audit', 'UPDATE') "
        "OR has_table_privilege(current_user, 'audit', 'DELETE') "
        "OR has_table_privilege(current_user, 'audit', 'TRUNCATE') "
        "OR has_table_privilege(current_user, 'audit_body', 'UPDATE')"
    )
    return not connection.execute(text(query)).scalar()

"""Danger records of credit and re-issue, and hints that Xero's webhooks left"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two tables that were not there."""
    op.create_table(
        "hint",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("home", TEXT, nullable=False),
        sa.Column("received_at", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hint_by_home", "hint", ["home"])
    op.create_table(
        "act",
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("source_id", TEXT, nullable=False),
        sa.Column("epoch", WHOLE, autoincrement=False, nullable=False),
        sa.Column("xero_id", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("credit_number", TEXT, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("gross", WHOLE, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("problem", TEXT, nullable=False),
        sa.Column("begun_at", TEXT, nullable=False),
        sa.Column("ended_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organisation_id", "source_id", "epoch"),
    )

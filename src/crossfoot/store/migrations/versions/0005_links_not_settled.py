"""Links that are not settled are found by an index of their own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
_UNSETTLED = sa.text("state = 'live' AND merged_seq = 0")


def upgrade() -> None:
    """What was kept of links stands: up to which change all were compared is known after the next comparison."""
    op.create_index(
        "link_unsettled",
        "link",
        ["organisation_id", "kind"],
        sqlite_where=_UNSETTLED,
        postgresql_where=_UNSETTLED,
    )

"""Payments that people entered are found by a key of their own, contacts and invoices by more of what they say"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

from crossfoot.store.packed import pack, unpack

revision = "0006"
down_revision = "0005"
_FILL = sa.text(
    "INSERT INTO lookup (key, record_id) SELECT :key, record_id FROM version WHERE home = :home AND kind = :kind"
)
_UNLIKE_ANY = sa.text("UPDATE version SET hash = :none WHERE side = :xero AND kind IN (:contact, :invoice)")
_FROM_THE_BEGINNING = sa.text("DELETE FROM watermark WHERE resource IN ('Contact', 'Invoice')")
# What was gone long ago is read anew too, and must not look as if it had gone since the last run: the brake counts
# again from the next run that ends.
_ALL_KNOWN = sa.text("UPDATE counter SET value = :beyond WHERE name LIKE 'settled %'")
_BEYOND = 2**62


def upgrade() -> None:
    """Every row of a custom object that was read before may be one that people entered: whoever looks it up reads it
    and sees. Contacts and invoices of Xero are all read anew, as if they had changed, and give their keys then."""
    bind = op.get_bind()
    homes = {row.code: row.id for row in bind.execute(sa.text("SELECT code, id FROM home"))}
    kinds = bind.execute(sa.text("SELECT DISTINCT home, kind FROM version")).all()
    for home, kind in kinds:
        if unpack(kind).endswith("__c"):
            bind.execute(_FILL, {"key": _key(homes[home], unpack(kind)), "home": home, "kind": kind})
    kept = {"none": "", "xero": "xero", "contact": "Contact", "invoice": "Invoice"}
    bind.execute(_UNLIKE_ANY, {name: pack(text) for name, text in kept.items()})
    bind.execute(_FROM_THE_BEGINNING)
    bind.execute(_ALL_KNOWN, {"beyond": _BEYOND})


def _key(home: str, kind: str) -> int:
    text = f"{home}\x1f{kind}\x1fentered\x1fyes"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()[:6], signed=True)

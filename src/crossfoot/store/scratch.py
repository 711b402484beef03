"""A table to sort on: what a tie-out reads from both sides, laid down in a temporary file and walked in order.

Neither side's reading order suits the comparison, and a million of each do not fit in memory. Nothing here outlives the
tie-out, and nothing of what Crossfoot believes enters it but which hand-made invoices people linked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

_CACHE_KIB = 32_768
_TABLES = """
CREATE TABLE deal (id TEXT PRIMARY KEY, month TEXT, currency TEXT, body BLOB) WITHOUT ROWID;
CREATE TABLE paper (id TEXT PRIMARY KEY, position INTEGER, body BLOB) WITHOUT ROWID;
CREATE TABLE claim (
    deal_id TEXT, paper_id TEXT, named INTEGER, linked INTEGER, PRIMARY KEY (deal_id, paper_id)
) WITHOUT ROWID;
"""
_IN_ORDER = """
SELECT deal.id, deal.body, paper.body, iif(claim.linked, paper.id, '') FROM deal
LEFT JOIN claim ON claim.deal_id = deal.id LEFT JOIN paper ON paper.id = claim.paper_id
ORDER BY deal.month, deal.currency, deal.id, claim.named DESC, paper.position
"""
_UNCLAIMED = """
SELECT body FROM paper WHERE id NOT IN (SELECT paper_id FROM claim JOIN deal ON deal.id = claim.deal_id)
ORDER BY position
"""
_CLAIM = "INSERT INTO claim VALUES (?, ?, {0}, {1}) ON CONFLICT (deal_id, paper_id) DO UPDATE SET {2} = 1"
_NAMED, _LINKED = _CLAIM.format(1, 0, "named"), _CLAIM.format(0, 1, "linked")
_NOT_READ = "SELECT DISTINCT paper_id FROM claim WHERE paper_id NOT IN (SELECT id FROM paper) ORDER BY paper_id"


class Scratch:
    """Deals and papers with who claims which. Bodies are the caller's own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._position = 0
        connection.executescript(_TABLES)

    def add_deals(self, rows: Iterable[tuple[str, str, str, bytes]]) -> None:
        """(id, month, currency, body) of deals; the last of one id counts."""
        self._connection.executemany("INSERT OR REPLACE INTO deal VALUES (?, ?, ?, ?)", rows)

    def add_papers(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """(id, the deal that it names or blank, body) of papers; the last of one id counts."""
        for paper_id, deal_id, body in rows:
            self._position += 1
            self._connection.execute("INSERT OR REPLACE INTO paper VALUES (?, ?, ?)", (paper_id, self._position, body))
            if deal_id:
                self._connection.execute(_NAMED, (deal_id, paper_id))

    def add_links(self, pairs: Iterable[tuple[str, str]]) -> None:
        """(deal id, paper id) as people or Crossfoot linked them; a paper's own word comes before."""
        self._connection.executemany(_LINKED, pairs)

    def not_read(self) -> list[str]:
        """Ids of linked papers that were not among those added."""
        return [row[0] for row in self._connection.execute(_NOT_READ)]

    def in_order(self) -> Iterator[tuple[bytes, list[bytes], str]]:
        """Each deal, by month, currency and id, with its papers in the order in which they were added, and the id of
        the one that it is linked to, or blank."""
        for _, rows in groupby(self._connection.execute(_IN_ORDER), key=itemgetter(0)):
            found = list(rows)
            papers = [paper for _, _, paper, _ in found if paper is not None]
            yield found[0][1], papers, next((linked for *_, linked in found if linked), "")

    def unclaimed(self) -> Iterator[bytes]:
        """Papers of no deal."""
        return (row[0] for row in self._connection.execute(_UNCLAIMED))


class KeyTable:
    """The ids of both sides, to be compared."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for name in ("ours", "theirs"):
            connection.execute(f"CREATE TABLE {name} (id TEXT PRIMARY KEY, deleted INTEGER) WITHOUT ROWID")

    def add_ours(self, keys: Iterable[tuple[str, bool]]) -> None:
        """(id, whether deleted) as stored."""
        self._connection.executemany("INSERT OR REPLACE INTO ours VALUES (?, ?)", keys)

    def add_theirs(self, keys: Iterable[tuple[str, bool]]) -> None:
        """(id, whether deleted) as the vendor has it."""
        self._connection.executemany("INSERT OR REPLACE INTO theirs VALUES (?, ?)", keys)

    def counts(self) -> tuple[int, int]:
        """How many the vendor has, and how many are stored, deleted ones left out."""
        theirs = self._connection.execute("SELECT count(*) FROM theirs WHERE NOT deleted").fetchone()[0]
        ours = self._connection.execute("SELECT count(*) FROM ours WHERE NOT deleted").fetchone()[0]
        return theirs, ours

    def missed(self) -> Iterator[str]:
        """Theirs that are not stored, or are deleted on one side only."""
        query = "SELECT id FROM theirs EXCEPT SELECT theirs.id FROM theirs JOIN ours USING (id, deleted) ORDER BY id"
        return (row[0] for row in self._connection.execute(query))

    def gone(self) -> Iterator[str]:
        """Stored ones that stand, of which the vendor knows nothing, not even that they were deleted."""
        query = "SELECT id FROM ours WHERE NOT deleted AND id NOT IN (SELECT id FROM theirs) ORDER BY id"
        return (row[0] for row in self._connection.execute(query))


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A table to sort on, in a temporary file, gone afterwards."""
    with _temporary() as connection:
        yield Scratch(connection)


@contextmanager
def key_table() -> Iterator[KeyTable]:
    """A table to compare ids on, in a temporary file, gone afterwards."""
    with _temporary() as connection:
        yield KeyTable(connection)


@contextmanager
def _temporary() -> Iterator[sqlite3.Connection]:
    with TemporaryDirectory(prefix="crossfoot-") as directory:
        connection = sqlite3.connect(Path(directory) / "scratch.db", isolation_level=None)
        try:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}", "temp_store=FILE"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()

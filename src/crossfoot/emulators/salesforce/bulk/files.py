"""CSV as Bulk API 2.0 reads and writes it (SF 4.2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
COLUMNS_MAX = 5_000
FIELD_CHARS_MAX = 131_072
RECORD_CHARS_MAX = 400_000
Table = tuple[list[str], list[list[str]]]  # a header, and the rows below it


class FileError(Exception):
    """A file that fails its whole job; the text is the job's error message."""


def read_table(content: bytes, delimiter: str, line_ending: str) -> Table:
    """The header and the rows of a file that keeps to its job's delimiter and line ending."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"ClientInputError : the data is not UTF-8: {error.reason}") from error
    head, newline, _ = text.partition("\n")
    if newline and head.endswith("\r") != (line_ending == "CRLF"):
        raise FileError(
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise FileError(f"InvalidBatch : Failed to parse CSV: {error}") from error
    if not rows:
        raise FileError("ClientInputError : the data has no header row")
    header, *rows = rows
    _check_bounds(header, rows)
    return [each.strip() for each in header], rows


def _check_bounds(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    if len(header) > COLUMNS_MAX:
        raise FileError(f"InvalidBatch : more than {COLUMNS_MAX} columns")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise FileError(f"InvalidBatch : row {number} has {len(row)} columns, the header has {len(header)}")
        lengths = [len(cell) for cell in row]
        if max(lengths) > FIELD_CHARS_MAX or sum(lengths) > RECORD_CHARS_MAX:
            raise FileError(f"InvalidBatch : row {number} is larger than a record may be")


def write_table(rows: Iterable[Sequence[str]], delimiter: str, line_ending: str) -> str:
    """Rows as text: every cell in quotes, quotes doubled."""
    out = io.StringIO(newline="")
    separator, end = DELIMITERS[delimiter], LINE_ENDINGS[line_ending]
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()

"""``search`` and ``parameterizedSearch``: SOSL, which finds words in text (SF 2.6).

``FIND {kea OR tui*} IN NAME FIELDS RETURNING Account(Id, Name WHERE Phone != null LIMIT 5), Contact LIMIT 20``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, NamedTuple

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply, member, texts
from crossfoot.emulators.salesforce.schema import TEXT_TYPES, Field
from crossfoot.emulators.salesforce.soql.context import Context
from crossfoot.emulators.salesforce.soql.evaluate import reader
from crossfoot.emulators.salesforce.soql.run import Runner, visible_fields
from crossfoot.emulators.salesforce.world import Row

FOUND_MAX = 2_000
TERM_CHARS_MIN = 2
_FIND = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:[^{}\\]|\\.)*)\}(?:\s+IN\s+(?P<group>\w+)\s+FIELDS)?"
    r"(?:\s+RETURNING\s+(?P<returning>.*?))?(?:\s+WITH\s+(?P<with>.*?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_RETURNED = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<inner>.*)\))?\s*\Z", re.DOTALL)
_INNER = re.compile(
    r"(?P<fields>.*?)(?P<tail>\s+(?:WHERE|ORDER\s+BY)\s.*?)?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_NAMES = frozenset({"Name", "FirstName", "LastName", "Subject", "Title", "Company"})
_GROUPS: Mapping[str, Callable[[Field], bool]] = {
    "ALL": lambda field: field.type in TEXT_TYPES,
    "EMAIL": lambda field: field.type == "email",
    "NAME": lambda field: field.name in _NAMES,
    "PHONE": lambda field: field.type == "phone",
    "SIDEBAR": lambda field: field.name in _NAMES or field.type in {"email", "phone"},
}


class Wish(NamedTuple):
    """What one object shall give: its fields, the rest of a query, and how many records at most."""

    name: str
    fields: str = "Id"
    tail: str = ""
    limit: int | None = None


def search(ask: Ask) -> Reply:
    """GET ``search?q=FIND {term} ...``."""
    match = _FIND.match(ask.params.get("q", ""))
    if match is None:
        raise _malformed("unexpected token: a search is FIND {term} IN ... FIELDS RETURNING ...")
    wishes = [_wish(each) for each in _split(match["returning"])] if match["returning"] else _everything(ask)
    return _found(ask, match["term"], match["group"] or "ALL", wishes, match["limit"])


def parameterized(ask: Ask) -> Reply:
    """GET or POST ``parameterizedSearch``: the same without SOSL."""
    if ask.method == "POST":
        wish = ask.fields()
        shared = texts(wish, "fields") or ["Id"]
        objects = [member({"sobjects": each}, "sobjects", dict) or {} for each in member(wish, "sobjects", list) or []]
        asked = [
            Wish(
                str(each.get("name")),
                ", ".join(texts(each, "fields") or shared),
                f" WHERE {each['where']}" if each.get("where") else "",
                _limit(each.get("limit")),
            )
            for each in objects
        ]
    else:
        wish = dict(ask.params)
        names = [each for each in wish.get("sobject", "").split(",") if each]
        asked = [Wish(each, wish.get(f"{each}.fields") or wish.get("fields") or "Id") for each in names]
    limit = wish.get("overallLimit")
    return _found(ask, str(wish.get("q") or ""), str(wish.get("in") or "ALL"), asked or _everything(ask), limit)


def _limit(value: object) -> int | None:
    """How many records at most, if the search says."""
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise _malformed(f"unexpected token: {value}")
    return int(str(value))


def _malformed(message: str) -> ApiError:
    return ApiError("MALFORMED_SEARCH", message)


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand outside brackets."""
    depth = start = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _wish(text: str) -> Wish:
    match = _RETURNED.match(text)
    if match is None:
        raise _malformed(f"unexpected token: {text.strip()}")
    inner = _INNER.match(match["inner"] or "Id")
    if inner is None:
        raise _malformed(f"unexpected token: {match['inner']}")
    return Wish(match["name"], inner["fields"].strip(), inner["tail"] or "", _limit(inner["limit"]))


def _everything(ask: Ask) -> list[Wish]:
    objects = (each for each in ask.seen.schema.objects.values() if not (each.setup or each.tooling))
    return [Wish(each.name) for each in objects if not (each.platform_event or each.filtered_by)]


def _found(ask: Ask, term: str, group: str, wishes: Sequence[Wish], limit: Any) -> Reply:
    chosen = _GROUPS.get(group.upper())
    if chosen is None:
        raise _malformed(f"unexpected token: {group}")
    matches = _matcher(term)
    records = (record for wish in wishes for record in _of_object(ask, wish, chosen, matches))
    wanted = _limit(limit)
    most = FOUND_MAX if wanted is None else min(wanted, FOUND_MAX)
    return Reply(200, {"searchRecords": list(islice(records, most))})


def _of_object(
    ask: Ask, wish: Wish, chosen: Callable[[Field], bool], matches: Callable[[str], bool]
) -> Iterable[dict[str, Any]]:
    """The records of one object in the order that its query asks for."""
    text = f"SELECT {wish.fields} FROM {wish.name}{wish.tail}"  # noqa: S608 - SOQL, read by the emulator alone
    context = Context(ask.seen, ask.tx.now, text, ask.version, ask.tx.caller.user_id)
    runner = Runner(context)
    selection = runner.select()
    reads = [reader(ask.world, each) for each in visible_fields(ask.world, runner.sobject) if chosen(each)]
    table = ask.seen.rows.get(runner.sobject.name, {})
    rows = (table[each] for each in selection.ids)
    return (selection.record(row) for row in islice((row for row in rows if matches(_text(reads, row))), wish.limit))


def _text(reads: Sequence[Callable[[Row], Any]], row: Row) -> str:
    return " \n ".join(str(value).lower() for read in reads if (value := read(row)) is not None)


def _matcher(term: str) -> Callable[[str], bool]:
    """Whether a text holds what a search term asks for: words and "phrases" with wildcards, AND, OR and NOT."""
    bare = re.sub(r"\\(.)", r"\1", term).lower().strip()
    if len(bare.strip('*?"')) < TERM_CHARS_MIN:
        raise _malformed(f"search term must be longer than one character: {term}")
    groups: list[list[tuple[bool, list[str]]]] = [[]]
    wanted = True
    for quoted, word in re.findall(r'"([^"]*)"|(\S+)', bare):
        if word == "or":
            groups.append([])
        elif word in {"not", "and"}:
            wanted = word == "and"
        else:
            groups[-1].append((wanted, re.findall(r"[\w*?]+", quoted or word)))
            wanted = True
    return lambda text: _any_of(groups, re.findall(r"\w+", text))


def _any_of(groups: Sequence[Sequence[tuple[bool, list[str]]]], words: Sequence[str]) -> bool:
    return any(group and all(_stands(phrase, words) is wanted for wanted, phrase in group) for group in groups)


def _stands(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the words of a phrase stand side by side somewhere."""
    starts = range(len(words) - len(phrase) + 1)
    return any(all(fnmatchcase(words[at + i], each) for i, each in enumerate(phrase)) for at in starts)

"""Where the foreign parser and the emulator disagree about a text, by name, and which fact decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Disagreement:
    """``accepted`` is what the emulator does. ``sign`` is a pattern by which a text of this kind is known.

    It is searched for in the emulator's complaint, a bar, and the text.
    """

    name: str
    accepted: bool
    example: str
    sign: str
    why: str


def _only_we_accept(name: str, example: str, sign: str, why: str) -> Disagreement:
    return Disagreement(name, True, f"SELECT {example}", sign, why)


def _only_they_accept(name: str, example: str, sign: str, why: str) -> Disagreement:
    return Disagreement(name, False, f"SELECT {example}", sign, why)


DISAGREEMENTS = (
    _only_we_accept(
        "date functions in ROLLUP and CUBE",
        "COUNT(Id) FROM Opportunity GROUP BY ROLLUP(CALENDAR_YEAR(CloseDate))",
        r"(?i)(ROLLUP|CUBE) ?\([^)]*\(",
        "SF 3.2: what can be grouped can be rolled up",
    ),
    _only_we_accept(
        "OFFSET without LIMIT",
        "Id FROM Account WHERE Name = 'a' OFFSET 5",
        r"^(?!.*\bLIMIT\b).*\bOFFSET\b",
        "SF 3.2: each of the two clauses may be left out; the parser itself takes it without WHERE",
    ),
    _only_we_accept(
        "aliases of relationships",
        "COUNT() FROM Contact c, c.Account a WHERE a.Name = 'x'",
        r"FROM \w+ \w+, \w+\.\w+ \w+",
        "SF 3.2: FROM names relationships after the object",
    ),
    _only_we_accept("ALL ROWS", "Id FROM Account ALL ROWS", r"ALL ROWS", "SF 3.2: the last clause of a statement"),
    _only_we_accept(
        "more than one space in a clause's name",
        "Id FROM Account ORDER  BY Name",
        r"(ORDER|GROUP)  BY",
        "SF 3.2: space separates words, however much of it",
    ),
    _only_they_accept(
        "AND beside OR",
        "Id FROM Account WHERE Name = 'a' AND Site = 'b' OR Phone = 'c'",
        r"^unexpected token: '\w+' \(AND and OR need parentheses\)",
        "SF 3.2: the two do not mix at one level",
    ),
    _only_they_accept(
        "conditions with nothing between them",
        "Id FROM Account WHERE ((Name = 'a') Site = 'b')",
        r"^unexpected token: '[\w(]+' \(expecting '\)'\)",
        "SF 3.2: AND or OR joins conditions",
    ),
    _only_they_accept(
        "a path as alias",
        "Name Account.Name FROM Contact",
        r"^unexpected token: '\.'",
        "SF 3.2: an alias is one name",
    ),
    _only_they_accept(
        "a function of nothing",
        "SUM() FROM Opportunity",
        r"^unexpected token: '\)'.*\w ?\( ?\)",
        "SF 3.2: COUNT alone may be empty",
    ),
    _only_they_accept(
        "a function of a text",
        "COUNT('x') FROM Account",
        r"^unexpected token: ''.*\w ?\( ?'",
        "SF 3.2: functions are of fields",
    ),
    _only_they_accept(
        "OFFSET of nothing", "Id FROM Account OFFSET", r"^unexpected token: '<EOF>'.*OFFSET$", "SF 3.2: OFFSET n"
    ),
    _only_they_accept(
        "the word of a clause as alias",
        "Id FROM Account ORDER ORDER BY Name",
        r"(?i)^unexpected token: '(ORDER|GROUP|FOR|OFFSET)'",
        "SF 3.2: the word begins its clause",
    ),
    _only_they_accept(
        "more beside ROLLUP or CUBE",
        "Name FROM Account GROUP BY CUBE(Name), Site",
        r"^unexpected token: ','.*(ROLLUP|CUBE)",
        "SF 3.2: they stand alone in GROUP BY",
    ),
    _only_they_accept(
        "a list without parentheses",
        "Id FROM Account WHERE Name IN 'a'",
        r"^unexpected token: ''.*expecting '\('",
        "SF 3.2: IN, INCLUDES and EXCLUDES take lists",
    ),
    _only_they_accept(
        "a path that ends with a dot",
        "Account.Name. FROM Contact",
        r"^unexpected token: .*\w\. ",
        "SF 3.2: names stand on both sides of a dot",
    ),
    _only_they_accept(
        "a date that is none",
        "Id FROM Account WHERE CreatedDate > 2026-13-21",
        r"^Invalid date",
        "SF 3.2: there are twelve months",
    ),
    _only_they_accept(
        "an escape that is none",
        "Id FROM Account WHERE Name = 'a\\qb'",
        r"^Invalid string literal",
        "SF 3.2: a backslash stands before what it escapes",
    ),
    _only_they_accept(
        "a negative amount with a currency",
        "Id FROM Opportunity WHERE Amount > USD-500",
        r"^unexpected token: 'USD'",
        "SF 3.2: the currency stands before digits",
    ),
    _only_they_accept(
        "data categories",
        "Title FROM Article__kav WITH DATA CATEGORY Geography__c ABOVE usa__c",
        r"^unexpected token: 'DATA'",
        "only knowledge articles have them, which the emulator does not",
    ),
    _only_they_accept(
        "UPDATE TRACKING and VIEWSTAT",
        "Title FROM Article__kav UPDATE VIEWSTAT",
        r"^unexpected token: '(TRACKING|VIEWSTAT)'",
        "only knowledge articles are tracked, which the emulator does not have",
    ),
)

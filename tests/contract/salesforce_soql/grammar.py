"""SOQL texts from a seed: queries of the grammar of SF 3.2, and mutants of them with a token or two changed."""

from __future__ import annotations

import random
import re

FIELDS = ("Id", "Name", "Amount", "CloseDate", "Account.Name", "Account.Owner.Email", "Region__c", "Parent__r.Key__c")
OBJECTS = ("Account", "Opportunity", "Xero_Invoice__c", "Order", "Case")
CHILDREN = ("Contacts", "OpportunityLineItems", "Lines__r")
AGGREGATES = ("COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "max")
DATE_PARTS = ("CALENDAR_YEAR", "FISCAL_QUARTER", "DAY_ONLY", "HOUR_IN_DAY", "WEEK_IN_MONTH", "DAY_IN_WEEK")
LITERALS = (
    "'a'",
    "''",
    "'it\\'s'",
    "'\\u00e9'",
    "5",
    "-5.25",
    "+1",
    "0.5",
    "TRUE",
    "false",
    "NULL",
    "2026-11-21",
    "2026-11-21T00:00:00Z",
    "2026-11-21T09:30:00.000+01:00",
    "TODAY",
    "last_week",
    "NEXT_FISCAL_QUARTER",
    "LAST_90_DAYS",
    "LAST_N_DAYS:3",
    "NEXT_N_FISCAL_YEARS:2",
    "N_MONTHS_AGO:4",
    "USD500",
    "AUD12.50",
)
TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[\w.:+-]+|!=|<>|<=|>=|\S")
NOISE = (
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    ",",
    "FROM",
    "WHERE",
    "SELECT",
    "=",
    "LIKE",
    "IN",
    "5",
    "'x'",
    "Name",
    "NULLS",
    ".",
)


class Grammar:
    """Draws queries; the same seed draws the same texts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _one(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _maybe(self, text: str, chance: float = 0.3) -> str:
        return text if self._random.random() < chance else ""

    def _some(self, most: int = 3) -> range:
        return range(self._random.randint(1, most))

    def query(self, depth: int = 0) -> str:
        return self._grouped() if self._random.random() < 0.3 else self._rows(depth)

    def _rows(self, depth: int) -> str:
        items = [self._item(depth) for _ in self._some()]
        source = self._one(*OBJECTS) + self._maybe(self._one(" o", " acc"), 0.15)
        text = f"SELECT {', '.join(items)} FROM {source}"
        text += self._maybe(f" USING SCOPE {self._one('mine', 'Everything', 'team')}", 0.1)
        text += self._maybe(f" WHERE {self.condition()}", 0.7)
        text += self._maybe(f" WITH {self._one('SECURITY_ENFORCED', 'USER_MODE', 'SYSTEM_MODE')}", 0.1)
        return text + self._tail()

    def _tail(self) -> str:
        keys = ", ".join(f"{self._one(*FIELDS)}{self._direction()}" for _ in self._some(2))
        text = self._maybe(f" ORDER BY {keys}", 0.4)
        text += self._maybe(f" LIMIT {self._random.randint(0, 3000)}")
        text += self._maybe(f" OFFSET {self._random.randint(0, 3000)}", 0.2)
        return text + self._maybe(f" FOR {self._one('VIEW', 'REFERENCE', 'UPDATE')}", 0.1)

    def _direction(self) -> str:
        return self._maybe(self._one(" ASC", " desc")) + self._maybe(self._one(" NULLS FIRST", " nulls last"))

    def _item(self, depth: int) -> str:
        field = self._one(*FIELDS)
        kind = self._random.random()
        if kind < 0.7:
            return field
        if kind < 0.8 and depth < 2:
            keys = ", ".join(self._item(depth + 1) for _ in self._some(2))
            return f"(SELECT {keys} FROM {self._one(*CHILDREN)}{self._maybe(f' WHERE {self.condition()}')})"
        return self._one(
            f"toLabel({field}) label",
            f"FORMAT({field}) shown",
            f"convertCurrency({field})",
            f"FORMAT(convertCurrency({field})) c",
            f"FIELDS({self._one('ALL', 'CUSTOM', 'STANDARD')})",
            f"TYPEOF What WHEN Account THEN {field}, Name{self._maybe(' ELSE Name', 0.5)} END",
            "DISTANCE(Loc__c, GEOLOCATION(-33.86, 151.21), 'km') d",
        )

    def _grouped(self) -> str:
        keys = [self._group_key() for _ in self._some(2)]
        if self._random.random() < 0.2:
            return f"SELECT COUNT() FROM {self._one(*OBJECTS)}{self._maybe(f' WHERE {self.condition()}')}"
        values = ", ".join([*keys, f"{self._aggregate()}{self._maybe(' total')}"])
        by = ", ".join(keys)
        by = self._one(by, by, f"ROLLUP({by})", f"CUBE({by})")
        text = f"SELECT {values} FROM {self._one(*OBJECTS)}{self._maybe(f' WHERE {self.condition()}')} GROUP BY {by}"
        text += self._maybe(f" HAVING {self._aggregate()} {self._sign()} 5")
        return text + self._maybe(f" ORDER BY {self._aggregate()}{self._direction()}") + self._maybe(" LIMIT 10")

    def _group_key(self) -> str:
        part = f"{self._one(*DATE_PARTS)}({self._one('CloseDate', 'convertTimezone(CreatedDate)')})"
        return self._one(*FIELDS) if self._random.random() < 0.7 else part

    def _aggregate(self) -> str:
        return f"{self._one(*AGGREGATES)}({self._one(*FIELDS)})"

    def _sign(self) -> str:
        return self._one("=", "!=", "<>", "<", "<=", ">", ">=")

    def condition(self, depth: int = 0) -> str:
        kind = self._random.random()
        if depth < 3 and kind < 0.35:
            word = self._one(" AND ", " OR ")
            parts = [self.condition(depth + 1) for _ in range(self._random.randint(2, 3))]
            return "(" + word.join(parts) + ")"
        if kind < 0.45:
            return f"(NOT {self._predicate()})"
        return self._predicate()

    def _predicate(self) -> str:
        field = self._one(*FIELDS)
        kind = self._random.random()
        if kind < 0.5:
            return f"{field} {self._sign()} {self._one(*LITERALS)}"
        if kind < 0.6:
            pattern = self._one("a%", "_b", "100\\%")
            return f"{field} LIKE '{pattern}'"
        if kind < 0.75:
            values = ", ".join(self._one(*LITERALS) for _ in self._some())
            return f"{field} {self._one('IN', 'NOT IN', 'not in')} ({values})"
        if kind < 0.85:
            inner = f"SELECT AccountId FROM Contact{self._maybe(f' WHERE {self._predicate()}')}"
            return f"Id {self._one('IN', 'NOT IN')} ({inner})"
        return self._one(
            f"Topics__c {self._one('INCLUDES', 'excludes')} ('a;b', 'c')",
            f"{self._one(*DATE_PARTS)}(CreatedDate) {self._sign()} 3",
            "toLabel(StageName) = 'Won'",
            "DISTANCE(Loc__c, GEOLOCATION(1.5, -2), 'mi') < 20",
        )

    def mutant(self, text: str) -> str:
        """The text with a token or two deleted, doubled, swapped or strewn in."""
        tokens = TOKEN.findall(text)
        for _ in range(self._random.choice((1, 1, 1, 2))):
            place = self._random.randrange(len(tokens))
            kind = self._random.randrange(4)
            if kind == 0 and len(tokens) > 1:
                del tokens[place]
            elif kind == 1:
                tokens.insert(place, tokens[place])
            elif kind == 2:
                other = self._random.randrange(len(tokens))
                tokens[place], tokens[other] = tokens[other], tokens[place]
            else:
                tokens.insert(place, self._one(*NOISE))
        return " ".join(tokens)


def texts(seed: int, count: int) -> list[str]:
    """Queries and their mutants by turns."""
    grammar = Grammar(seed)
    drawn = [grammar.query() for _ in range(count)]
    return [each for query in drawn for each in (query, grammar.mutant(query))]

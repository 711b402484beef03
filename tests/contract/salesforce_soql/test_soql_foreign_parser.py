"""A foreign SOQL parser and the emulator's agree about generated queries and mutants, or disagree by name (SF 3.2).

Both accept a text and read the same of it, or both refuse it. Each kind of disagreement is listed and judged in
``disagreements``; a new one fails here, and so does one that is no more.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.soql.parser import parse_query
from crossfoot.emulators.salesforce.soql.syntax import Condition, Junction, Not

from .disagreements import DISAGREEMENTS, Disagreement
from .grammar import texts

NODE = Path(__file__).parent / "node"
SEEDS = (1, 2, 3)
QUERIES_PER_SEED = 300
Verdict = str | dict[str, Any]
Judge = Callable[[list[str]], list[Verdict]]

HAND_WRITTEN = """\
SELECT Id FROM Account
select id from account
SELECT Id FROM Account a
SELECT Id FROM Account USING SCOPE foo
SELECT Id FROM Account LIMIT 5 OFFSET 3
SELECT Id FROM Account OFFSET 3 LIMIT 5
SELECT Id FROM Account LIMIT -1
SELECT Id FROM Account LIMIT 1.5
SELECT Id FROM Account LIMIT 1 LIMIT 2
SELECT Id FROM Account WHERE NOT Name LIKE 'a%'
SELECT Id FROM Account WHERE Name NOT LIKE 'a%'
SELECT Id FROM Account WHERE NOT (Name LIKE 'a%' OR Name = 'b')
SELECT Id FROM Account WHERE ((Name = 'a'))
SELECT Id FROM Account WHERE Name = "a"
SELECT Id FROM Account WHERE Name = 'a
SELECT Id FROM Account WHERE Name = :name
SELECT Id FROM Account WHERE Name IN ()
SELECT Id FROM Account WHERE Name IN ('a',)
SELECT Id FROM Account WHERE Name == 'a'
SELECT Id FROM Account WHERE 'a' = Name
SELECT Id FROM Account WHERE Name = Site
SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS
SELECT Id FROM Account WHERE CreatedDate = TODAY:3
SELECT Id FROM Account WHERE CreatedDate = SOMEDAY
SELECT Id FROM Account WHERE CreatedDate > 2026-11-21T00:00:00
SELECT Id FROM Account WHERE CreatedDate > 2026-11-21T00:00:00+0100
SELECT Id FROM Account WHERE Amount = .5
SELECT Id FROM Account WHERE Amount = 5.
SELECT Id FROM Account WHERE Amount = 5e3
SELECT Id FROM Account WHERE A__c ='a'AND B__c=5
SELECT Name FROM Opportunity HAVING Name = 'a'
SELECT convertTimezone(CreatedDate) FROM Opportunity
SELECT FOO(CreatedDate) FROM Opportunity
SELECT FIELDS(Name) FROM Account
SELECT TYPEOF What ELSE Name END FROM Event
SELECT TYPEOF What WHEN Account THEN Phone FROM Event
SELECT Id FROM Account WHERE DISTANCE(Loc__c, GEOLOCATION(10,10), 'ft') < 20
SELECT Id, (SELECT Id, (SELECT Id FROM Cases) FROM Contacts) FROM Account
SELECT (SELECT Id FROM Contacts) c FROM Account
SELECT Id FROM Account ORDER BY Name NULLS
SELECT Id FROM Account ORDER BY Name NULLS LAST ASC
SELECT Id FROM Account ORDER BY Id GROUP BY Name
SELECT * FROM Account
SELECT Id FROM Account;
SELECT Id FROM Account -- all of them
SELECT Id FROM Account, Contact
SELECT Account..Name FROM Contact
SELECT Order.Name FROM OrderItem
SELECT Group.Name FROM GroupMember
SELECT today FROM Account
SELECT Id FROM Account WHERE format = 'x'
SELECT COUNT(Id) sum1 FROM Account
SELECT COUNT(Id) first FROM Account""".splitlines()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The foreign parser at its locked version; one process judges any number of texts."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed, so the foreign SOQL parser cannot be asked.")
    folder = tmp_path_factory.mktemp("soql_node")
    shutil.copytree(NODE, folder, dirs_exist_ok=True)
    _run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], folder)

    def judged(queries: list[str]) -> list[Verdict]:
        verdicts: list[Verdict] = json.loads(_run(["node", "judge.js"], folder, json.dumps(queries)))
        return verdicts

    return judged


def _run(command: list[str], folder: Path, told: str = "") -> str:
    ran = subprocess.run(command, cwd=folder, input=told, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def ours(text: str) -> Verdict:
    """The emulator's complaint about a text, or the same summary as the foreign parser's."""
    try:
        query = parse_query(text)
    except ApiError as error:
        return error.message.rsplit("\n", 1)[-1]
    return {
        "source": query.source,
        "items": len(query.items),
        "conditions": _conditions(query.where),
        "orders": len(query.order_by),
        "limit": query.limit,
        "offset": query.offset or None,
    }


def _conditions(where: Condition | None) -> int:
    if isinstance(where, Junction):
        return sum(_conditions(each) for each in where.conditions)
    if isinstance(where, Not):
        return _conditions(where.condition)
    return int(where is not None)


def known(text: str, verdict: Verdict) -> list[Disagreement]:
    """The listed kinds of disagreement to which a text belongs."""
    accepted = not isinstance(verdict, str)
    shown = f"{'' if accepted else verdict} | {text}"
    return [each for each in DISAGREEMENTS if each.accepted == accepted and re.search(each.sign, shown)]


def compare(queries: list[str], theirs: list[Verdict]) -> list[str]:
    """The texts about which the two disagree in a way that is not listed."""
    found = []
    for text, other in zip(queries, theirs, strict=True):
        own = ours(text)
        both_refuse = isinstance(own, str) and isinstance(other, str)
        if isinstance(other, dict) and other["offset"] == 0:
            other["offset"] = None
        if not both_refuse and own != other and not known(text, own):
            found.append(f"{text}\n    ours: {own}\n    theirs: {other}")
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_both_read_the_same_of_generated_queries_and_mutants(judge: Judge, seed: int) -> None:
    queries = texts(seed, QUERIES_PER_SEED)
    verdicts = judge(queries)
    assert compare(queries, verdicts) == []
    whole, mutants = verdicts[::2], verdicts[1::2]
    assert sum(isinstance(each, dict) for each in whole) > 0.8 * QUERIES_PER_SEED
    assert sum(isinstance(each, str) for each in mutants) > 0.5 * QUERIES_PER_SEED


@pytest.mark.parametrize("seed", SEEDS)
def test_the_emulator_accepts_every_query_of_the_grammar(seed: int) -> None:
    complaints = [(each, ours(each)) for each in texts(seed, QUERIES_PER_SEED)[::2]]
    assert [pair for pair in complaints if isinstance(pair[1], str)] == []


def test_both_read_the_same_of_hand_written_queries(judge: Judge) -> None:
    assert compare(HAND_WRITTEN, judge(HAND_WRITTEN)) == []


def test_each_listed_disagreement_is_still_there(judge: Judge) -> None:
    theirs = judge([each.example for each in DISAGREEMENTS])
    for each, other in zip(DISAGREEMENTS, theirs, strict=True):
        own = ours(each.example)
        assert (isinstance(own, dict), isinstance(other, dict)) == (each.accepted, not each.accepted), each.name
        assert known(each.example, own) == [each], each.name


def test_a_wrong_reading_would_be_noticed(judge: Judge) -> None:
    (verdict,) = judge(["SELECT Id FROM Account LIMIT 5"])
    assert compare(["SELECT Id FROM Account LIMIT 6"], [verdict]) != []
    assert compare(["SELECT Id FROM Account LIMIT 6"], ["no"]) != []

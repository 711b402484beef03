"""Composite graphs: many small transactions in one request, each of which is done whole or not at all (SF 2.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crossfoot.emulators.salesforce.composite import HALTED, REFERENCE, path_of, perform_in_order, subrequests
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.values import to_json

VERSION_MIN = 50
GRAPHS_MAX = 75
NODES_MAX = 500
DEPTH_MAX = 15
KINDS_MAX = 15
FAILED_GRAPHS_MAX = 14
# A node creates a row, or reads, changes or deletes the row of an id or an external id.
_NODE = re.compile(r"sobjects/(?P<object>\w+)(?P<row>/[^/]+(/[^/]+)?)?/?\Z")
_ROW_METHODS = frozenset({"GET", "PATCH", "DELETE"})


def graph(ask: Ask) -> Reply:
    """Every graph alone: one that fails is undone, and after fourteen failures the rest is not done."""
    if ask.version < VERSION_MIN:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
    told: list[dict[str, Any]] = []
    failures = 0
    for name, nodes in _graphs(ask):
        if failures >= FAILED_GRAPHS_MAX:
            answers, done = _halted(nodes), False
        else:
            answers, done = perform_in_order(ask, nodes, atomic=True)
        failures += not done
        told.append({"graphId": name, "graphResponse": {"compositeResponse": answers}, "isSuccessful": done})
    return Reply(200, {"graphs": told})


def _graphs(ask: Ask) -> list[tuple[str, list[dict[str, Any]]]]:
    """The graphs of the envelope, which is refused as a whole when one of them cannot be right."""
    graphs = ask.fields().get("graphs")
    if not isinstance(graphs, list) or not graphs or not all(isinstance(each, dict) for each in graphs):
        raise ApiError("BAD_REQUEST", "graphs: an array of graphs is required")
    found = [
        (str(each.get("graphId") or ""), subrequests(each, "compositeRequest", most=NODES_MAX))
        for each in graphs[: GRAPHS_MAX + 1]
    ]
    names = [name for name, _ in found]
    if "" in names or len(set(names)) < len(names):
        raise ApiError("BAD_REQUEST", "each graphId has to be given and unique")
    if len(found) > GRAPHS_MAX or sum(len(nodes) for _, nodes in found) > NODES_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"at most {GRAPHS_MAX} graphs with {NODES_MAX} nodes in all")
    for name, nodes in found:
        _check_nodes(name, nodes)
    return found


def _check_nodes(name: str, nodes: Sequence[Mapping[str, Any]]) -> None:
    kinds: set[tuple[str, str]] = set()
    depths: dict[str, int] = {}
    for node in nodes:
        method, match = str(node["method"]).upper(), _NODE.match(path_of(node)[1])
        if match is None or (method not in _ROW_METHODS if match["row"] else method != "POST"):
            raise ApiError("BAD_REQUEST", f"graph {name}: {method} {node['url']} cannot be a node of a graph")
        kinds.add((method, match["object"].lower()))
        parents = REFERENCE.findall(to_json(node).decode())
        depths[str(node["referenceId"])] = 1 + max((depths.get(parent, 0) for parent, _ in parents), default=0)
    if len(kinds) > KINDS_MAX or max(depths.values()) > DEPTH_MAX:
        raise ApiError("LIMIT_EXCEEDED", f"graph {name}: at most {KINDS_MAX} kinds of nodes, {DEPTH_MAX} deep")


def _halted(nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "body": HALTED.payload,
            "httpHeaders": {},
            "httpStatusCode": HALTED.status,
            "referenceId": str(node["referenceId"]),
        }
        for node in nodes
    ]

"""Lists with cursors, and searches by metadata. Stripe: "Pagination", "Search"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from .account import Call
from .failures import Json, missing, refused
from .validation import Check, Params, at_least, identifier, moment, text, texts

PAGE: dict[str, Check] = {
    "limit": at_least(1, 100),
    "starting_after": identifier,
    "ending_before": identifier,
    "expand": texts,
}
TIMED_PAGE: dict[str, Check] = {**PAGE, "created": moment}
SEARCH = Params(
    {"query": identifier, "limit": at_least(1, 100), "page": text, "expand": texts},
    required=("query",),
)
# The default size of a page. Stripe: "Pagination".
_DEFAULT_LIMIT = 10

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda left, right: left == right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}
_CLAUSE = re.compile(
    r"""\s*(?P<field>metadata\[(?P<quote>["'])(?P<key>.+?)(?P=quote)\]|[a-z_]+)\s*
        (?P<operator>:|>=|<=|>|<|=)\s*
        (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\d+|null)\s*""",
    re.VERBOSE,
)


def page_of(
    call: Call, kind: str, matches: Callable[[Json], bool] | None = None, *same: str
) -> Json:
    """Return one page of a kind, newest first.

    Args:
        matches: an object is listed only if it matches.
        same: parameters whose value an object must share.
    """
    params = call.params
    wanted = {name: params[name] for name in same if name in params}
    times = params.get("created", {})
    listed = (
        item
        for item in reversed(call.account.objects[kind].values())
        if not item.get("deleted")
        and all(item.get(name) == value for name, value in wanted.items())
        and all(_COMPARE[how](item["created"], value) for how, value in times.items())
        and (matches is None or matches(item))
    )
    return cut(call, kind, listed)


def cut(call: Call, kind: str, listed: Iterable[Json]) -> Json:
    """Return the page at the cursors, of objects that are in order."""
    params = call.params
    limit = params.get("limit", _DEFAULT_LIMIT)
    for cursor in ("starting_after", "ending_before"):
        call.account.named(kind, params, cursor)
    items = list(listed)
    more = False
    ids = [item["id"] for item in items]
    if "ending_before" in params:
        end = _position(ids, params["ending_before"], kind, "ending_before")
        start = max(0, end - limit)
        more = start > 0
    else:
        start = 0
        if "starting_after" in params:
            start = _position(ids, params["starting_after"], kind, "starting_after") + 1
        end = start + limit
        more = len(items) > end
    return {"object": "list", "data": items[start:end], "has_more": more, "url": call.path}


def _position(ids: list[str], cursor: str, kind: str, param: str) -> int:
    if cursor not in ids:
        raise missing(kind, cursor, param=param, status=400)
    return ids.index(cursor)


def search(call: Call, kind: str) -> Json:
    """Return the objects that match a query. New ones match only after the search lag."""
    params = call.params
    clauses = _clauses(params["query"])
    newest = call.now - call.search_lag_s
    found = [
        item
        for item in reversed(call.account.objects[kind].values())
        if not item.get("deleted")
        and (call.search_lag_s == 0 or item["created"] <= newest)
        and all(_holds(item, *clause) for clause in clauses)
    ]
    start = int(params.get("page") or 0)
    end = start + params.get("limit", _DEFAULT_LIMIT)
    more = len(found) > end
    return {
        "object": "search_result",
        "data": found[start:end],
        "has_more": more,
        "next_page": str(end) if more else None,
        "url": call.path,
    }


def _clauses(query: str) -> list[tuple[str, str | None, str, str | None]]:
    clauses = []
    for part in re.split(r"\s+AND\s+", query):
        found = _CLAUSE.fullmatch(part)
        if found is None:
            raise refused(
                f"We were unable to parse your search query: {query}. The sandbox knows clauses "
                "like metadata['key']:'value', status:'open' and created>1, joined by AND.",
                param="query",
            )
        value = None if found["value"] == "null" else found["value"].strip("\"'")
        clauses.append((found["field"], found["key"], found["operator"], value))
    return clauses


def _holds(item: Json, name: str, key: str | None, operator: str, value: str | None) -> bool:
    actual: Any = item.get("metadata", {}).get(key) if key is not None else item.get(name)
    if operator in (":", "="):
        return actual is None if value is None else str(actual) == value
    how = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[operator]
    return value is not None and isinstance(actual, int) and _COMPARE[how](actual, int(value))

"""Stripe's form encoding: `a[b][0][c]=1` as nested dictionaries and lists."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl


def decode(text: str) -> dict[str, Any]:
    """Return the parameters of a query or a form body. All leaves are text."""
    if not text:
        return {}
    tree: dict[str, Any] = {}
    nested = False
    for name, value in parse_qsl(text, keep_blank_values=True):
        bracket = name.find("[")
        if bracket < 0:
            tree[name] = value
        else:
            nested = True
            _put(tree, [name[:bracket], *name[bracket + 1 :].rstrip("]").split("][")], value)
    if nested:
        return {name: _lists(value) for name, value in tree.items()}
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    node = tree
    for name in path[:-1]:
        inner = node.setdefault(name, {})
        if not isinstance(inner, dict):  # `a=1&a[b]=2`: the later one wins.
            inner = node[name] = {}
        node = inner
    last = path[-1]
    node[last or str(len(node))] = value


def _lists(value: Any) -> Any:
    """Turn `{"0": …, "1": …}` into a list, at every level."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}

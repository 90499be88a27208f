"""The routing file: YAML `domain -> region -> business_category -> bot_name -> route`.

The file is read from the parser's events. Only they carry the line of every value and show
duplicate keys, which a loader would drop in silence; and no value can become an object of any kind,
so no tag, anchor or alias can do harm. With libyaml 100,000 routes take a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from ..core.identifiers import check_name, refuse_stripe_keys, shown
from ..errors import (
    InvalidBotIdError,
    LimitsConfigError,
    RouteKeyOverrideError,
    RoutingConfigError,
)
from .route import Route, build_route

# As in `Settings.limits_config`: used if it exists.
LIMITS_FILE: Final = Path("config/spend_limits.yaml")

# libyaml's parser is about thirty times as fast; some platforms' wheels of PyYAML come without it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# How YAML 1.1 distinguishes text from numbers, booleans, nulls and dates, by the first character.
_NOT_TEXT: Final[dict[str, list[tuple[str, Any]]]] = yaml.SafeLoader.yaml_implicit_resolvers

_LEVELS: Final = ("domain", "region", "business category", "bot")
_FIELDS: Final = frozenset(Route.model_fields)
_DEEPEST: Final = len(_LEVELS) + 2  # the route's fields, and its metadata
_LARGEST_BYTES: Final = 256 * 1024 * 1024
_MOST_PROBLEMS: Final = 20
_NESTING: Final = "Nest it as domain -> region -> business_category -> bot_name -> route."

# A mapping as it is in the file: each name with its line, and a text or another mapping.
_Node = dict[str, tuple[int, "str | _Node"]]
_Path = tuple[str, ...]


def load_routes(path: str | Path) -> dict[tuple[str, str, str, str], Route]:
    """Return the routes of a file by `(domain, region, business category, bot name)`.

    Raises RoutingConfigError that names file, line and path for each problem (at most 20), and
    RouteKeyOverrideError for a Stripe key in the file.
    """
    file = Path(path)
    tree = _Reader(file, _read(file)).document()
    routes: dict[tuple[str, str, str, str], Route] = {}
    problems: list[str] = []
    for key, line, fields in _routes_of(tree, problems):
        try:
            routes[key] = build_route(_plain(fields), ".".join(key))
        except RoutingConfigError as error:
            for field, text in error.details["problems"]:
                at = fields[field][0] if field in fields else line
                problems.append(f"line {at}: {'.'.join(key)}.{field} {text}")
        except RouteKeyOverrideError as error:
            raise RouteKeyOverrideError(
                f"{_name(file)}, line {line}: {error.problem}", error.remedy
            ) from None
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        problems[_MOST_PROBLEMS:] = [f"and {more} more"] if more > 0 else []
        raise RoutingConfigError(
            f"{_name(file)}: {'; '.join(problems)}", "Correct these lines.", problems=problems
        )
    return routes


def _name(file: Path) -> str:
    return f"Routing file {file}"


def _read(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            raw = handle.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise RoutingConfigError(
            f"{_name(file)} does not exist",
            "Create it, or name another by STRIPE_ROUTING_CONFIG.",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RoutingConfigError(
            f"{_name(file)} cannot be read: {reason}",
            "Let this user read it, or name another by STRIPE_ROUTING_CONFIG.",
        ) from None
    if len(raw) > _LARGEST_BYTES:
        raise RoutingConfigError(
            f"{_name(file)} is larger than {_LARGEST_BYTES} bytes",
            "Remove routes that are not in use, or name another file by STRIPE_ROUTING_CONFIG.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RoutingConfigError(
            f"{_name(file)}, line {line}: not UTF-8 text", "Save the file as UTF-8."
        ) from None


class _Reader:
    """Turn the events of one YAML document into nested names, or stop at what has no place here."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        try:
            self._next_event: Callable[[], Any] = _LOADER(text).get_event
        except yaml.YAMLError as error:
            self._malformed(error)

    def document(self) -> _Node:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise RoutingConfigError(f"{_name(self._file)} is empty", _NESTING)
        root = self._value((), self._next())
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(after, (), "begins a second document", "Put all routes into one document.")
        if isinstance(root, str):
            raise RoutingConfigError(f"{_name(self._file)} is not a mapping", _NESTING)
        return root

    def _value(self, path: _Path, event: Any) -> str | _Node:
        self._refuse_decorated(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            if len(path) >= _DEEPEST:
                self._refuse(event, path, "is nested too deep", _NESTING)
            return self._mapping(path)
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event, path)
        return self._refuse(event, path, "is a list", _NESTING)

    def _mapping(self, path: _Path) -> _Node:
        node: _Node = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._refuse_decorated(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, path, "has a name that is not a text", "Write a plain name.")
            name = self._text(event, path)
            line = _line(event)
            if name in node:
                problem = f"is defined twice, first in line {node[name][0]}"
                self._refuse(event, (*path, name), problem, "Remove one of the two.")
            value = self._next()
            if len(path) >= len(_LEVELS) or isinstance(value, yaml.ScalarEvent):
                self._refuse_key(name, line, path)
            node[name] = (line, self._value((*path, name), value))
        return node

    def _refuse_key(self, name: str, line: int, path: _Path) -> None:
        # A bot or a category may be called `api_key_rotation`; a field may not, whatever it holds.
        if name in _FIELDS:
            return
        try:
            refuse_stripe_keys({name: None}, ".".join(path) or "the file")
        except RouteKeyOverrideError as error:
            raise RouteKeyOverrideError(
                f"{_name(self._file)}, line {line}: {error.problem}", error.remedy
            ) from None

    def _text(self, event: Any, path: _Path) -> str:
        value: str = event.value
        # Plain: neither quoted nor in a block. Only such a scalar can be read as something else.
        if event.implicit[0]:
            for tag, pattern in _NOT_TEXT.get(value[:1], ()):
                if pattern.match(value):
                    self._refuse(event, path, *_not_text(tag.rpartition(":")[2], value))
        return value

    def _refuse_decorated(self, event: Any, path: _Path) -> None:
        # `<<` and friends could write a thousand routes in a line, and a bomb just as well.
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(event, path, "uses an anchor or alias", "Write every route out.")
        if event.tag is not None:
            self._refuse(event, path, "has a YAML tag", "Remove the tag.")

    def _next(self) -> Any:
        try:
            return self._next_event()
        except yaml.YAMLError as error:
            self._malformed(error)

    def _malformed(self, error: yaml.YAMLError) -> NoReturn:
        raise RoutingConfigError(
            f"{_name(self._file)}{_not_yaml(error)}", "Correct this line."
        ) from None

    def _refuse(self, event: Any, path: _Path, problem: str, remedy: str) -> NoReturn:
        what = ".".join(path) or "the file"
        raise RoutingConfigError(
            f"{_name(self._file)}, line {_line(event)}: {what} {problem}", remedy
        )


def _not_yaml(error: yaml.YAMLError) -> str:
    # Never `str(error)`: it quotes the lines around, and one may hold a key by mistake.
    mark: Any = getattr(error, "problem_mark", None)
    at = "" if mark is None else f", line {mark.line + 1}"
    problem = getattr(error, "problem", None) or getattr(error, "reason", "unreadable")
    return f"{at}: not valid YAML: {problem}"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _not_text(kind: str, value: str) -> tuple[str, str]:
    """Return what is wrong with a value that YAML does not read as a text, and the remedy."""
    if kind == "null":
        return "is empty", "Give it a value, or remove it."
    if kind == "merge":
        return "uses a merge key", "Write every route out."
    meant = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date"}
    problem = f"has {shown(value)}, which YAML reads as {meant.get(kind, kind)}"
    return problem, "Put quotes around it."


def _routes_of(
    tree: _Node, problems: list[str]
) -> Iterator[tuple[tuple[str, str, str, str], int, _Node]]:
    """Walk down to the routes, and note each level that is empty, misnamed or not a mapping."""
    waiting: list[tuple[_Path, int, str | _Node]] = [((), 1, tree)]
    while waiting:
        path, line, node = waiting.pop()
        what = ".".join(path)
        if isinstance(node, str):
            problems.append(f"line {line}: {what} is a text, not a mapping")
        elif not node:
            problems.append(f"line {line}: {what or 'the file'} is empty")
        elif len(path) == len(_LEVELS):
            domain, region, category, bot = path
            yield (domain, region, category, bot), line, node
        else:
            for name, (at, inner) in reversed(node.items()):
                try:
                    check_name(_LEVELS[len(path)], name)
                except InvalidBotIdError as error:
                    problems.append(f"line {at}: {what or 'the file'}: {error.problem}")
                waiting.append(((*path, name), at, inner))


def _plain(node: _Node) -> dict[str, Any]:
    return {
        name: inner if isinstance(inner, str) else _plain(inner)
        for name, (_, inner) in node.items()
    }


def check_limits_file(file: Path) -> None:
    """Parse the limits file without building anything from it; its rules are not read yet.

    Raises LimitsConfigError if it cannot be read or is not YAML; names the line, quotes nothing.
    """
    problem = ""
    try:
        with file.open("rb") as handle:
            for _ in yaml.parse(handle, Loader=_LOADER):
                pass
    except OSError as error:
        problem = f" cannot be read: {error.strerror}"
    except yaml.YAMLError as error:
        problem = _not_yaml(error)
    if problem:
        raise LimitsConfigError(
            f"Limits file {file}{problem}", "Correct it, or name another by STRIPE_LIMITS_CONFIG."
        )

"""Show a value in every way that a program, a logger or a debugger would, as one text."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

TESTS = Path(__file__).resolve().parent.parent

# What is tried on any value. One that refuses says why, and that is looked at as well.
WAYS: tuple[Callable[[Any], object], ...] = (
    str,
    repr,
    ascii,
    "{}".format,
    "{!r:>200}".format,
    "{!s:.5}".format,
    lambda value: f"{value:>200}",
    lambda value: "%s %r" % (value, value),  # noqa: UP031 - One of the ways.
    lambda value: f"{[value]} {({'it': value},)}",
    pprint.pformat,
    pretty_repr,
    lambda value: json.dumps(value, default=str),
    lambda value: json.dumps([value], default=repr),
    lambda value: json.dumps(value, default=vars),
    vars,
    lambda value: vars(copy.copy(value)),
    lambda value: repr(copy.copy(value)),
    lambda value: repr(copy.deepcopy(value)),
    lambda value: value.__getstate__(),
    *(
        (lambda value, protocol=protocol: pickle.dumps(value, protocol).decode("latin-1"))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ),
)


def shown(value: Any) -> str:
    """Return all that `WAYS`, a log record and the dumps of its kind show of `value`."""
    texts = [_tried(way, value) for way in WAYS]
    texts.append(_logged(lambda log: log.error("%s %r %(it)s", {"it": value})))
    texts.append(_logged(lambda log: log.error("it", extra={"it": value}, stack_info=True)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        texts.append(_tried(dataclasses.asdict, value))
        texts.append(_tried(dataclasses.astuple, value))
    if isinstance(value, BaseModel):
        texts += [_tried(way, value) for way in (_dumped, _dumped_as_json, dict)]
        texts.append(_tried(lambda model: model.model_copy(), value))
    if isinstance(value, BaseException):
        texts += list(_exception(value))
    return "\n".join(texts)


def _dumped(model: BaseModel) -> object:
    return model.model_dump()


def _dumped_as_json(model: BaseModel) -> object:
    return model.model_dump_json(), model.model_dump(mode="json")


def _tried(way: Callable[[Any], object], value: Any) -> str:
    try:
        return repr(way(value))
    except Exception as error:  # noqa: BLE001 - A refusal must not show anything either.
        return f"{error!r} {error}"


def _logged(write: Callable[[logging.Logger], None]) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(args)s %(exc_text)s"))
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    log = logging.getLogger("shown")
    log.propagate = False
    log.handlers.clear()
    log.addHandler(handler)
    write(log)
    return stream.getvalue()


def _exception(error: BaseException) -> Iterator[str]:
    """Yield what an exception shows with all that hangs on it.

    The frames of tests are left out: there the secrets stand on purpose.
    """
    for one in _chain(error):
        one.__traceback__ = _without_tests(one.__traceback__)
        yield f"{one.args!r} {getattr(one, '__notes__', '')!r}"
        yield _tried(vars, one)
        # As OpenTelemetry's `record_exception` puts them into attributes of a span.
        yield f"{type(one).__qualname__} {one}"
        yield "".join(traceback.format_exception(one))
        yield "".join(
            traceback.TracebackException.from_exception(one, capture_locals=True).format()
        )
        yield "".join(_locals(one.__traceback__))
        yield _logged(lambda log, one=one: log.error("failed", exc_info=one))  # type: ignore[misc]
        console = Console(file=io.StringIO(), width=500)
        told = Traceback.from_exception(
            type(one), one, one.__traceback__, show_locals=True, locals_max_string=9999
        )
        console.print(told)
        assert isinstance(console.file, io.StringIO)
        yield console.file.getvalue()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it is chained to, suppressed ones included."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def _without_tests(frames: TracebackType | None) -> TracebackType | None:
    kept = None
    for frame in reversed(list(_each(frames))):
        if not Path(frame.tb_frame.f_code.co_filename).is_relative_to(TESTS):
            kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def _each(frames: TracebackType | None) -> Iterator[TracebackType]:
    while frames is not None:
        yield frames
        frames = frames.tb_next


def _locals(frames: TracebackType | None) -> Iterator[str]:
    """Yield each local of each frame, and what it holds, whole: others cut long values short."""
    for frame in _each(frames):
        for name, value in frame.tb_frame.f_locals.items():
            held = _tried(vars, value) if hasattr(value, "__dict__") else ""
            yield f"{name} = {_tried(repr, value)} {held}\n"

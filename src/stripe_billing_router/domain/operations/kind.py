"""What the engine has to know of one kind of operation: the shape of a row in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.operation import Instruction, Operation
from ..flows import FlowFactory
from ..objects.tagged import Listing, Search


def _is_made_whole(_: Instruction, __: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationKind:
    """One kind of operation; `kind` is what its instructions say.

    `search` finds and judges what an operation created of which no reply is known, and removes
    what is only partially created; `earlier` lists what was ever created for its business key.
    Both are None where nothing is created. `is_partial` says of an object whether its flow has yet
    to pay or remove it.
    """

    kind: str
    flow: FlowFactory
    search: Callable[[Operation], Search] | None = None
    earlier: Callable[[Operation], Listing] | None = None
    is_partial: Callable[[Instruction, Mapping[str, Any]], bool] = _is_made_whole

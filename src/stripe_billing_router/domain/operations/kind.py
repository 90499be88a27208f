"""What the engine needs to know about one kind of operation: a row of the table."""

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
    """One kind of operation; `kind` is the name in its instructions.

    `search` finds and judges what an operation created whose reply is not known, and removes what
    is only partially created; `earlier` lists what was ever created for its business key. Both are
    None where nothing is created. `is_partial` says whether an object's flow has yet to pay or
    remove it.
    """

    kind: str
    flow: FlowFactory
    search: Callable[[Operation], Search] | None = None
    earlier: Callable[[Operation], Listing] | None = None
    is_partial: Callable[[Instruction, Mapping[str, Any]], bool] = _is_made_whole

"""What a business key means while the journal is unavailable, judged by Stripe's objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.calls import Reply
from ..core.clean_json import CleanJson
from ..core.operation import Instruction, Operation, State
from .flows import Outcome
from .objects.table import judged
from .objects.tagged import attempt_of
from .operations.table import is_partial
from .resend import RESEND_WINDOW_MS


@dataclass(frozen=True, slots=True)
class Accept:
    """The key has had its effect; this is the operation that had it, and its outcome."""

    operation: Operation
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """The key continues with this attempt, the same as before or the next."""

    number: int


@dataclass(frozen=True, slots=True)
class GoOn:
    """Stripe has nothing that this host does not know."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Neither the journal nor Stripe shows whether continuing would pay twice."""


def decide(
    here: Operation,
    wanted: Instruction,
    found: Sequence[CleanJson],
    *,
    is_new: bool,
    now_ms: int,
) -> Accept | Attempt | GoOn | Refuse:
    """Decide how a key continues, by the objects that carry its operation's tag.

    `here` is the operation as this host knows it; `is_new` says that this call has just begun it.
    """
    for item in found:
        outcome = judged(here, Reply(item))
        if outcome.state is not State.FAILED and not is_partial(wanted, item):
            return Accept(replace(here, attempt=attempt_of(item)), outcome)
    partial = next((item for item in found if is_partial(wanted, item)), None)
    if partial is not None:
        # The same attempt continues while Stripe still knows its keys.
        if now_ms - 1000 * int(partial["created"]) > RESEND_WINDOW_MS:
            return Refuse()
        if is_new or here.state is State.FAILED or here.attempt != attempt_of(partial):
            return Attempt(attempt_of(partial))
        return GoOn()
    latest = max(map(attempt_of, found), default=0)
    if latest > here.attempt or (is_new and latest == here.attempt):
        return Attempt(latest + 1)
    return GoOn()

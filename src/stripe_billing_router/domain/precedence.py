"""Which of two records of one operation wins: the database's, or another host's from the spool."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ..core.operation import Operation, State
from .ledger_rows import REVERSED
from .outcomes import is_spent

# Within one attempt, which state is further along. An observed effect outranks an observed
# failure: believing the failure would allow a second payment.
_RANK: Final = {
    State.PENDING: 0,
    State.UNKNOWN: 0,
    State.AWAITING_APPROVAL: 0,
    State.OPEN: 1,
    State.DENIED: 2,
    State.FAILED: 2,
    State.SUCCEEDED: 3,
    State.ROLLING_BACK: 4,
    State.ROLLED_BACK: 5,
}


@dataclass(frozen=True, slots=True)
class Merge:
    """What happens to the stored record: `record` replaces it, or it stays if that is None.

    `takes_over` says that the spooled state replaces it; `is_conflict` that the two contradict
    each other, so that an operator must check Stripe.
    """

    record: Operation | None
    takes_over: bool
    is_conflict: bool


def merge(spooled: Operation, stored: Operation) -> Merge:
    """Merge a record from the spool into the database's record of the same operation."""
    reversal = _reversal_of_success(spooled, stored)
    if is_further(spooled, stored):
        contradicted = stored.state is State.FAILED and not _left_nothing(stored)
        return Merge(
            replace(
                spooled,
                version=max(spooled.version, stored.version + 1),
                result=spooled.result if reversal is None else stored.result,
            ),
            takes_over=True,
            is_conflict=reversal is not None
            or (contradicted and spooled.attempt == stored.attempt),
        )
    outranks = _RANK[stored.state] < _RANK[spooled.state]
    noted = None
    if reversal is not None:
        # What the stored reversal reversed: its ledger rows balance with that.
        noted = replace(stored, result=spooled.result, version=stored.version + 1)
    return Merge(
        noted,
        takes_over=False,
        is_conflict=reversal is not None or (spooled.state is State.SUCCEEDED and outranks),
    )


def is_further(spooled: Operation, stored: Operation) -> bool:
    """Return whether the spooled state replaces the one in the database."""
    same_run = spooled.created_ms == stored.created_ms
    if spooled.attempt == stored.attempt and not same_run and _left_nothing(spooled, stored):
        return not _left_nothing(spooled)
    return _progress(spooled) > _progress(stored)


def _left_nothing(*operations: Operation) -> bool:
    """Return whether one of them failed before Stripe began to execute it.

    That proves nothing about another run of the same attempt, with the same step keys.
    """
    return any(one.state is State.FAILED and not is_spent(one) for one in operations)


def _reversal_of_success(one: Operation, other: Operation) -> Operation | None:
    """Return the reversed one of two outcomes of one attempt, where the other is a success.

    Two hosts did not see each other: one reversed what it had created, and Stripe repeated its
    first answer to the other, which accepted it.
    """
    if one.attempt != other.attempt:
        return None
    if one.state in REVERSED and other.state is State.SUCCEEDED:
        return one
    if other.state in REVERSED and one.state is State.SUCCEEDED:
        return other
    return None


def _progress(operation: Operation) -> tuple[int, int, int]:
    return operation.attempt, _RANK[operation.state], operation.version

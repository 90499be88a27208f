"""Recorded steps: the outcome of each, and which are still undecided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, writes
from ..core.clean_json import CleanJson, as_stored
from ..core.operation import Operation, StepRecord

# What names a recorded object once the ledger has it: its page, too, where it has one.
NAMING: Final = ("id", "object", "status", "url")


def undecided(operation: Operation) -> list[StepRecord]:
    """Return the writes whose outcome is unknown: sent, or about to be."""
    return [
        record
        for record in operation.steps
        if record.reply is None and record.failure is None and writes(record.method)
    ]


def has_unknown_send(operation: Operation) -> bool:
    """Return whether any write may have been sent whose outcome is unknown."""
    return any(record.unknown_sends > 0 for record in undecided(operation))


def created_something(operation: Operation) -> bool:
    """Return whether any write created an object, if only what a decline leaves."""
    return any(
        record.reply is not None or (record.failure or {}).get("objects")
        for record in operation.steps
        if writes(record.method)
    )


def recorded_outcome(record: StepRecord) -> Reply | CallFailedError | None:
    """Return the outcome of a recorded step, or None while it is unknown."""
    if record.reply is not None:
        return Reply(as_stored(record.reply))
    if record.failure is not None:
        facts: dict[str, Any] = dict(record.failure)
        facts["kind"] = FailureKind(facts["kind"])
        return CallFailedError(Failure(**facts))
    return None


def replied(record: StepRecord, reply: Reply) -> StepRecord:
    """Return the record with Stripe's answer."""
    return replace(record, reply=reply.body)


def with_brief_replies(steps: tuple[StepRecord, ...]) -> tuple[StepRecord, ...]:
    """Keep only what names the object of each reply: a finished operation resends nothing.

    The ledger has the object that decided.
    """
    return tuple(
        step if step.reply is None else replace(step, reply=brief(step.reply)) for step in steps
    )


def brief(body: Mapping[str, Any]) -> CleanJson:
    """Return the id, kind and status of a recorded object, with the metadata that marks it."""
    kept = {name: body[name] for name in NAMING if name in body}
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {k: v for k, v in metadata.items() if k.startswith("sbr_")}
    return as_stored(kept)


def failed(record: StepRecord, failure: Failure) -> StepRecord:
    """Return the record with a definite failure."""
    return replace(record, failure=asdict(failure))


def without_removal(steps: tuple[StepRecord, ...]) -> tuple[StepRecord, ...]:
    """Drop the records of a failed removal, so that it is tried again next time.

    Likewise the last step if it was a read that failed: no step follows it.
    """
    kept = [record for record in steps if not record.step.startswith("remove.")]
    if kept and kept[-1].failure is not None and not writes(kept[-1].method):
        kept.pop()
    return tuple(kept)


def with_step(operation: Operation, record: StepRecord) -> Operation:
    """Return the operation with this step's record, replacing an earlier one of the same name."""
    others = tuple(step for step in operation.steps if step.step != record.step)
    return replace(operation, steps=(*others, record))

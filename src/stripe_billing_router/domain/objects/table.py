"""The table of Stripe's objects, one row per kind, and its look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.operation import Operation, StepRecord
from ..flows import Outcome, Tags
from . import checkout_session, customer, invoice, payment_intent, refund, subscription
from .kind import ObjectKind, ReversalFlow
from .tagged import carries_tag

OBJECTS: Final[dict[str, ObjectKind]] = {
    kind.object: kind
    for kind in (
        payment_intent.KIND,
        invoice.KIND,
        subscription.KIND,
        refund.KIND,
        checkout_session.KIND,
        customer.KIND,
    )
}


def refresh_call(operation: Operation) -> StripeCall | None:
    """Return the read that shows the current state of the operation's object, if it has one."""
    body: Any = operation.result.body if operation.result else {}
    kind = OBJECTS.get(str(body.get("object")))
    if kind is None or kind.retrieve is None:
        return None
    params = {"expand": list(kind.expand)} if kind.expand else {}
    return StripeCall("refresh", kind.retrieve, params, str(body["id"]))


def judged(operation: Operation, reply: Reply) -> Outcome:
    """Judge the object as it is now."""
    kind = OBJECTS.get(str(reply.body.get("object")), payment_intent.KIND)
    return kind.judge(reply, operation.instruction.user_email)


def reversible(steps: Iterable[StepRecord], operation_id: str) -> list[tuple[str, str]]:
    """Return the kind and id of each object that this operation created, in order, once each."""
    found: dict[str, str] = {}
    for record in steps:
        body = record.reply or {}
        kind = OBJECTS.get(str(body.get("object")))
        if kind is not None and kind.reverse is not None and carries_tag(body, operation_id):
            found.setdefault(str(body["id"]), kind.object)
    return [(kind, target) for target, kind in found.items()]


def reverse(kind: str, target: str, tags: Tags) -> ReversalFlow:
    """Reverse one object; its id is part of the step names, so each object has its own keys."""
    flow = OBJECTS[kind].reverse
    assert flow is not None, f"a {kind} is never reversed"
    return flow(target, tags)

"""A Refund: judged by its status. It is never reversed: that would be a payment."""

from __future__ import annotations

from typing import Final

from ...core.calls import Reply
from ...core.operation import State
from ..flows import Outcome
from .kind import ObjectKind


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge a refund by its status: `succeeded` is final, `failed` and `canceled` moved nothing."""
    body = reply.body
    status = body.get("status")
    done = status == "succeeded"
    dead = status in ("failed", "canceled")
    state = State.SUCCEEDED if done else State.FAILED if dead else State.OPEN
    return Outcome(
        state=state,
        reply=reply,
        action_type="refund_open" if state is State.OPEN else "refund",
        paid=done,
        amount_minor=body.get("amount"),
        currency=body.get("currency"),
        user_email=email,
    )


KIND: Final = ObjectKind(object="refund", judge=judge, retrieve="refunds.retrieve")

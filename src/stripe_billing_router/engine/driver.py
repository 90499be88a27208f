"""The one loop over a flow: for calls, for look-ups, and for reversals.

A flow yields calls and receives answers. The policy decides how a call is recorded and what its
failure means: `Run` for a bot's call, `LookupSteps`, `ReversalSteps`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..core.calls import CallFailedError, Failure, Reply, StripeCall
from ..core.events import Events, Replied
from ..core.operation import Operation, StepRecord
from ..core.ports import Gateway
from .sender import Sender

T = TypeVar("T")
Answer = Reply | CallFailedError


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call to send: its record, and the way to Stripe."""

    record: StepRecord
    gateway: Gateway


class Policy(Protocol):
    """How the steps of one flow are recorded and judged."""

    operation: Operation

    def prepare(self, call: StripeCall) -> Answer | Prepared:
        """Return a recorded answer, or the record to send and the way to Stripe.

        Commits everything that must be durable before the send.
        """
        ...

    def replied(self, call: StripeCall, record: StepRecord, reply: Reply, gateway: Gateway) -> None:
        """Note an answer and verify its account; raise if it must not be used."""

    def failed(self, call: StripeCall, record: StepRecord, failure: Failure) -> CallFailedError:
        """Note a failure; return what the flow receives, or raise if it is not definite."""
        ...


class Driver:
    """Carries a flow through: record, send, verify, feed back."""

    def __init__(self, sender: Sender, events: Events) -> None:
        self._sender = sender
        self._events = events

    def drive(
        self, flow: Generator[StripeCall, Reply, T], policy: Policy, call: StripeCall | None = None
    ) -> T:
        """Return what the flow returns; `call` is its first call, if it was started already."""
        try:
            call = next(flow) if call is None else call
            while True:
                answer = self._perform(call, policy)
                call = flow.send(answer) if isinstance(answer, Reply) else flow.throw(answer)
        except StopIteration as done:
            returned: T = done.value
            return returned

    def _perform(self, call: StripeCall, policy: Policy) -> Answer:
        ready = policy.prepare(call)
        if not isinstance(ready, Prepared):
            return ready
        record, answer = self._sender.send(policy.operation, ready.record, ready.gateway)
        if not isinstance(answer, Reply):
            return policy.failed(call, record, answer)
        policy.replied(call, record, answer, ready.gateway)
        self._events.publish(Replied(call, answer.body))
        return answer

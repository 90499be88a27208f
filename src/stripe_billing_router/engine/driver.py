"""The one loop over a flow: for calls, for look-ups, and for reversals.

A flow yields calls and receives answers. What is recorded of a call, and what its failure means,
is for the policy to say: `Run` for a call of a bot, `LookupSteps`, `ReversalSteps`.
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
    """A call that is to be sent: its record, and the way to Stripe."""

    record: StepRecord
    gateway: Gateway


class Policy(Protocol):
    """How the steps of one flow are recorded and judged."""

    operation: Operation

    def prepare(self, call: StripeCall) -> Answer | Prepared:
        """Return an answer from before, or the record to send by and the way to Stripe.

        What has to be durable before the send is durable by then.
        """
        ...

    def replied(self, call: StripeCall, record: StepRecord, reply: Reply, gateway: Gateway) -> None:
        """Note an answer and check whose it is; raise where it must not be used."""

    def failed(self, call: StripeCall, record: StepRecord, failure: Failure) -> CallFailedError:
        """Note a failure; return what the flow receives, or raise where that is not definite."""
        ...


class Driver:
    """Carries a flow through: record, send, verify, feed back."""

    def __init__(self, sender: Sender, events: Events) -> None:
        self._sender = sender
        self._events = events

    def drive(
        self, flow: Generator[StripeCall, Reply, T], policy: Policy, call: StripeCall | None = None
    ) -> T:
        """Return what the flow returns; `call` is its first one, if it was begun already."""
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
        self._events.publish(Replied(call, answer))
        return answer

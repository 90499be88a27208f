"""The one loop over a flow: for calls, for look-ups, and for reversals.

A flow yields calls and receives answers. The policy decides how a call is recorded and what its
failure means: `Run` for a bot's call, `LookupSteps`, `ReversalSteps`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar

from ..core.calls import CallFailedError, Failure, Reply, StripeCall
from ..core.events import Events, Replied
from ..core.operation import Operation, StepRecord
from ..core.ports import Gateway
from .sender import Sender

T = TypeVar("T")
Answer = Reply | CallFailedError


class Policy(Protocol):
    """How the steps of one flow are recorded and judged."""

    operation: Operation

    def known(self, call: StripeCall) -> Answer | None:
        """Return a recorded answer, so that nothing is sent; None if there is none."""

    def gateway(self) -> Gateway:
        """Return the way to Stripe."""
        ...

    def record(self, call: StripeCall) -> StepRecord:
        """Return the record to send, after committing what must be durable before it."""
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
        known = policy.known(call)
        if known is not None:
            return known
        gateway = policy.gateway()
        record = policy.record(call)
        record, answer = self._sender.send(policy.operation, record, gateway)
        if not isinstance(answer, Reply):
            return policy.failed(call, record, answer)
        policy.replied(call, record, answer, gateway)
        self._events.publish(Replied(call, answer))
        return answer

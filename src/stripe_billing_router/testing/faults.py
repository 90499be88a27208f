"""Faults injected into requests, scripted in order or drawn from a seed.

Each scripted fault matches requests by method and path, and is used up after `times` of them. A
request meets at most one fault: the first of the script that matches, else one of the random
ones.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

FaultKind = Literal[
    "lose_reply",
    "refuse",
    "delay",
    "server_error",
    "conflict",
    "rate_limit",
    "truncate",
    "not_json",
    "foreign_account",
    "livemode",
    "decline",
    "refund_status",
]

# These happen on the way to or from Stripe; the endpoint decides the others.
_IN_ENDPOINT = ("decline", "refund_status")
RANDOM_KINDS: tuple[FaultKind, ...] = (
    "lose_reply",
    "refuse",
    "server_error",
    "conflict",
    "rate_limit",
    "truncate",
    "not_json",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault.

    Args:
        kind: what goes wrong; the methods of `FaultPlan` describe each kind.
        method: which requests, such as `POST`; `*` for all.
        path: which requests, a pattern as in fnmatch, such as `/v1/payment_intents*`.
        times: how many requests it affects; None for all from now on.
        skip: how many matching requests pass before the first.
        delay_s: how long the answer takes, in seconds of real time; until then the key is in use.
        options: what the kind needs, by name.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    skip: int = 0
    delay_s: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, method: str, path: str) -> bool:
        """Return whether it may affect the request."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


@dataclass(slots=True)
class _Scripted:
    fault: Fault
    skip: int
    left: int | None


class FaultPlan:
    """The script of a sandbox. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[_Scripted] = []
        self._cleared = threading.Event()
        self._random: random.Random | None = None
        self._rate = 0.0
        self._kinds: tuple[FaultKind, ...] = RANDOM_KINDS
        self._path = "*"

    def add(self, fault: Fault) -> None:
        """Append a fault to the script."""
        with self._lock:
            self._script.append(_Scripted(fault, fault.skip, fault.times))

    def clear(self) -> None:
        """Drop the script and the random faults; delayed requests continue at once."""
        with self._lock:
            self._script.clear()
            self._random = None
            waiting, self._cleared = self._cleared, threading.Event()
        waiting.set()

    @property
    def pending(self) -> int:
        """How many scripted faults are not used up."""
        return len(self._script)

    def random(
        self,
        seed: int,
        rate: float,
        kinds: Sequence[FaultKind] = RANDOM_KINDS,
        path: str = "*",
    ) -> None:
        """Let a share of all matching requests fail at random.

        Args:
            seed: the same seed and the same requests meet the same faults.
            rate: the share of requests, from 0 to 1.
            kinds: what may go wrong.
            path: which requests, a pattern as in fnmatch.
        """
        with self._lock:
            self._random = random.Random(seed)  # noqa: S311 - Faults are no secrets.
            self._rate, self._kinds, self._path = rate, tuple(kinds), path

    def lose_reply(self, **where: Any) -> None:
        """Execute the request, then drop the connection instead of answering."""
        self.add(Fault("lose_reply", **where))

    def refuse(self, **where: Any) -> None:
        """Refuse the connection: nothing is sent, nothing is executed.

        Over a socket the connection is reset before the request is executed, which a client
        cannot distinguish from a lost reply.
        """
        self.add(Fault("refuse", **where))

    def delay(self, seconds: float, **where: Any) -> None:
        """Execute the request after a while; until then its idempotency key is in use."""
        self.add(Fault("delay", delay_s=seconds, **where))

    def server_error(
        self, *, stored: bool = False, executed: bool = False, status: int = 500, **where: Any
    ) -> None:
        """Answer with a 5xx.

        Args:
            stored: whether the idempotency layer keeps this answer, so that the same key always
                gets it. Otherwise the same key gets the real result.
            executed: whether the request took effect.
            status: 500 to 504, or 424.
        """
        options = {"stored": stored, "executed": executed, "status": status}
        self.add(Fault("server_error", options=options, **where))

    def conflict(self, **where: Any) -> None:
        """Answer 409 `idempotency_key_in_use` without executing."""
        self.add(Fault("conflict", **where))

    def rate_limit(self, retry_after: int | None = None, **where: Any) -> None:
        """Answer 429 without executing, with `Retry-After` in seconds if it is given."""
        self.add(Fault("rate_limit", options={"retry_after": retry_after}, **where))

    def truncate(self, **where: Any) -> None:
        """Execute, and break the connection in the middle of the answer's body."""
        self.add(Fault("truncate", **where))

    def not_json(self, **where: Any) -> None:
        """Execute, and answer 200 with an HTML page."""
        self.add(Fault("not_json", **where))

    def foreign_account(
        self,
        account_id: str,
        where: str = "header",
        *,
        expanded: bool = False,
        stored: bool = False,
        **which: Any,
    ) -> None:
        """Execute, and have the answer name another account.

        Args:
            account_id: the foreign account, `acct_…`, or anything else for a malformed one.
            where: `header`, `on_behalf_of`, `transfer_data.destination`, `issuer.account` or
                `account`.
            expanded: give the account as an object instead of its id.
            stored: also change the object at Stripe, so that reading it again shows the same.
        """
        options = {"account_id": account_id, "where": where, "expanded": expanded, "stored": stored}
        self.add(Fault("foreign_account", options=options, **which))

    def livemode(self, value: bool = False, **where: Any) -> None:
        """Execute, and mark the answer's objects as not live."""
        self.add(Fault("livemode", options={"value": value}, **where))

    def decline(self, code: str = "generic_decline", **where: Any) -> None:
        """Decline the next payment attempt, with any card.

        Args:
            code: a decline code such as `insufficient_funds`, or `authentication_required`.
        """
        self.add(Fault("decline", options={"code": code}, **where))

    def refund_status(self, status: str, failure_reason: str | None = None, **where: Any) -> None:
        """Let the next refund begin as `pending`, `failed` or `requires_action`."""
        options = {"status": status, "failure_reason": failure_reason}
        self.add(Fault("refund_status", options=options, **where))

    @property
    def cleared(self) -> threading.Event:
        """Set by the next `clear`; delayed requests wait for it."""
        return self._cleared

    def on_request(self, method: str, path: str) -> Fault | None:
        """Return the fault of this request, and use it up."""
        if not self._script and self._random is None:
            return None
        with self._lock:
            return self._take(method, path, None) or self._draw(path)

    def in_endpoint(self, kind: FaultKind, method: str, path: str) -> Fault | None:
        """Return the fault that changes an endpoint's decision, and use it up."""
        if not self._script:
            return None
        with self._lock:
            return self._take(method, path, kind)

    def _take(self, method: str, path: str, kind: FaultKind | None) -> Fault | None:
        for index, scripted in enumerate(self._script):
            fault = scripted.fault
            if kind is None and fault.kind in _IN_ENDPOINT:
                continue
            if (kind is not None and fault.kind != kind) or not fault.matches(method, path):
                continue
            if scripted.skip > 0:
                scripted.skip -= 1
                continue
            if scripted.left is not None:
                scripted.left -= 1
                if scripted.left <= 0:
                    del self._script[index]
            return fault
        return None

    def _draw(self, path: str) -> Fault | None:
        if self._random is None or not fnmatchcase(path, self._path):
            return None
        if self._random.random() >= self._rate:
            return None
        kind = self._random.choice(self._kinds)
        options: dict[str, Any] = {}
        if kind == "server_error":
            stored, executed = self._random.random() < 0.3, self._random.random() < 0.5
            options = {"stored": stored, "executed": executed, "status": 500}
        elif kind == "livemode":
            options = {"value": False}
        delay_s = self._random.uniform(0.001, 0.02) if kind == "delay" else 0.0
        return Fault(kind, delay_s=delay_s, options=options)

"""From a request to an answer: authentication, idempotency, validation, execution, faults."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from .account import AccountState, Call
from .endpoints import Endpoint, find_endpoint
from .expansion import check_expansions, expand
from .failures import Json, StripeFailure
from .faults import Fault, FaultPlan
from .forms import decode
from .idempotency import SavedAnswer, key_in_use
from .keys import Keys
from .records import RequestRecord, SandboxResponse
from .tampering import tamper
from .world import World

API_VERSION = "2026-10-28.endive"
_HARMLESS = Fault("delay")
# How many requests are kept; a long benchmark must not fill the memory with them.
_REMEMBERED = 200_000


@dataclass(slots=True)
class _Request:
    """A request in the service."""

    method: str
    path: str
    headers: dict[str, str]
    params: dict[str, Any]
    fault: Fault
    cleared: threading.Event
    record: RequestRecord
    extra_headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        """The idempotency key; used on POST only."""
        return self.record.idempotency_key if self.method == "POST" else None


@dataclass(slots=True)
class _Admitted:
    """A request that may be executed, or was executed before."""

    endpoint: Endpoint
    call: Call
    saved: SavedAnswer | None


class Service:
    """Stripe's side of the wire. `handle` may be called from any number of threads."""

    def __init__(self, world: World, account_id: str, search_lag_s: float) -> None:
        self.world = world
        self.faults = FaultPlan()
        self.lock = threading.RLock()
        self.main = AccountState(account_id)
        self.accounts: dict[str, AccountState] = {account_id: self.main}
        self.keys = Keys()
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED)
        self.search_lag_s = search_lag_s

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None
    ) -> SandboxResponse:
        """Answer one request; see `StripeSandbox.handle`."""
        method = method.upper()
        path, _, query = path.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        params = decode(body or "" if method == "POST" else query)
        # Read before the fault is taken, so that no `clear` in between is missed.
        cleared = self.faults.cleared
        fault = self.faults.on_request(method, path) or _HARMLESS
        with self.lock:
            record = RequestRecord(
                method,
                path,
                params,
                lowered.get("idempotency-key") or None,
                f"req_{self.world.text(14)}",
            )
            self.requests.append(record)
        if fault is not _HARMLESS:
            record.fault = fault.kind
            if fault.kind == "refuse":
                return SandboxResponse(0, {}, b"", "refused")
        request = _Request(method, path, lowered, params, fault, cleared, record)
        request.extra_headers["Date"] = formatdate(self.world.now(), usegmt=True)
        record.status, answer = self._answer(request)
        response = SandboxResponse(record.status, _headers(request), answer)
        if fault is not _HARMLESS:
            with self.lock:
                tamper(response, fault, self.accounts.get(record.account or ""))
        return response

    def _answer(self, request: _Request) -> tuple[int, bytes]:
        try:
            if not request.fault.delay_s:
                with self.lock:
                    return self._execute(request, self._admit(request))
            with self.lock:
                admitted = self._admit(request)
            # The key is in use until then, and the sandbox is free for other requests.
            request.cleared.wait(request.fault.delay_s)
            with self.lock:
                return self._execute(request, admitted)
        except StripeFailure as failure:
            request.extra_headers |= failure.headers
            return failure.status, _encode(failure.body)

    def _admit(self, request: _Request) -> _Admitted:
        """Run all checks before the execution; from here on the key is in use."""
        record, fault = request.record, request.fault
        if fault.kind == "rate_limit":
            raise _rate_limited(fault)
        account = self._account(request)
        record.account = account.id
        endpoint, target = find_endpoint(request.method, request.path)
        if fault.kind == "conflict":
            raise key_in_use(request.key or "")
        saved = None
        if request.key is not None:
            saved = account.saved.begin(
                request.key, request.path, request.params, self.world.now(), record.request_id
            )
            request.extra_headers |= {
                "Idempotency-Key": request.key,
                "Original-Request": saved.request_id if saved else record.request_id,
            }
        try:
            params = {} if saved else endpoint.params.check(request.params)
            check_expansions(endpoint.kind, params.get("expand", []), listed=endpoint.listed)
        except StripeFailure:
            if request.key is not None:
                account.saved.abandon(request.key)
            raise
        call = Call(
            world=self.world,
            account=account,
            faults=self.faults,
            method=request.method,
            path=request.path,
            params=params,
            target=target,
            search_lag_s=self.search_lag_s,
            api_version=request.headers.get("stripe-version", API_VERSION),
        )
        return _Admitted(endpoint, call, saved)

    def _account(self, request: _Request) -> AccountState:
        """Return the account that the request acts on, or raise 401 or 403."""
        key = self.keys.proven(request.headers.get("authorization", ""))
        self.keys.permit(key, request.method, request.path)
        account = self.accounts[self.keys.account_of.get(key, self.main.id)]
        named = request.headers.get("stripe-account")
        if not named:
            return account
        if named != account.id and (account is not self.main or named not in self.accounts):
            raise StripeFailure(
                403,
                f"The provided key does not have access to account '{named}' (or that account "
                "does not exist). Application access may have been revoked.",
                code="account_invalid",
                saved=False,
            )
        request.extra_headers["Stripe-Account"] = named
        return self.accounts[named]

    def _execute(self, request: _Request, admitted: _Admitted) -> tuple[int, bytes]:
        """Execute, or replay; save the result under the key."""
        fault, key, account = request.fault, request.key, admitted.call.account
        options = fault.options if fault.kind == "server_error" else {}
        if admitted.saved is not None:
            request.record.replayed = True
            request.extra_headers["Idempotent-Replayed"] = "true"
            saved = admitted.saved.status or 500, admitted.saved.body
            return _server_error(request) if options else saved
        if options and not options["executed"]:
            answer, keep = _server_error(request), bool(options["stored"])
            truth = answer
        else:
            truth, keep = _run(request, admitted)
            answer = _server_error(request) if options else truth
            truth = answer if options.get("stored") else truth
        if key is not None:
            if keep:
                account.saved.finish(key, *truth)
            else:
                account.saved.abandon(key)
        return answer


def _run(request: _Request, admitted: _Admitted) -> tuple[tuple[int, bytes], bool]:
    """Return the endpoint's answer, and whether the idempotency layer keeps it."""
    call = admitted.call
    try:
        result = admitted.endpoint.handler(call)
        if "expand" in call.params:
            result = expand(call.account, result, call.params["expand"])
        return (200, _encode(result)), True
    except StripeFailure as failure:
        request.extra_headers |= failure.headers
        return (failure.status, _encode(failure.body)), failure.saved


def _server_error(request: _Request) -> tuple[int, bytes]:
    options = request.fault.options
    if options["stored"]:
        request.extra_headers["Stripe-Should-Retry"] = "false"
    body = {
        "error": {
            "type": "api_error",
            "message": "An unexpected error occurred (a scripted fault of the sandbox).",
        }
    }
    return int(options["status"]), _encode(body)


def _rate_limited(fault: Fault) -> StripeFailure:
    wait = fault.options.get("retry_after")
    return StripeFailure(
        429,
        "Request rate limit exceeded.",
        code="rate_limit",
        saved=False,
        headers={} if wait is None else {"Retry-After": str(wait)},
    )


def _headers(request: _Request) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Request-Id": request.record.request_id,
        "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        **request.extra_headers,
    }


def _encode(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()

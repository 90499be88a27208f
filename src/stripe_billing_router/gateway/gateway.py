"""The only place that talks to Stripe: plain calls in, plain replies or failures out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import stripe

from ..core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall
from ..core.clean_json import clean
from ..core.secret import Secret
from ..redaction import redact
from .errors import failure_of
from .methods import METHODS, RESERVED_PARAMS, Method
from .transport import PooledTransport

# The version of Stripe's API that the flows are written for, sent with every request whatever the
# installed SDK's default is: an SDK update must not change what a charge means.
API_VERSION: Final = "2026-10-28.endive"

# What the SDK gets for a key. The real one is added below it, so that no object, exception,
# frame or log record of the SDK ever holds it.
_PLACEHOLDER_KEY: Final = "withheld"

# The only response headers that anything above the gateway may depend on.
_KEPT_HEADERS: Final = frozenset(
    {
        "request-id", "stripe-account", "stripe-version", "idempotency-key", "idempotent-replayed",
        "original-request", "retry-after", "stripe-should-retry", "date",
    }
)  # fmt: skip

_log = logging.getLogger("stripe_billing_router.stripe")


class StripeGateway:
    """Send calls with one key; safe to share between threads, and after a fork.

    Args:
        secret: the live key. It is kept masked and passed only to the HTTP client.
        api_base: Stripe's own address, or a loopback address.
        http_client: a `stripe.HTTPClient` to send with; by default a `PooledTransport`.
    """

    def __init__(
        self,
        secret: Secret,
        *,
        api_base: str = "https://api.stripe.com",
        http_client: stripe.HTTPClient | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        call_timeout_s: float = 40.0,
    ) -> None:
        # Process-global in the SDK, with no setting per client: left on, the first request writes
        # a file below ~/.config and each request reports on the previous one.
        stripe.enable_telemetry = False
        self._own_transport = None
        if http_client is None:
            http_client = self._own_transport = PooledTransport(
                connect_timeout_s=connect_timeout_s,
                read_timeout_s=read_timeout_s,
                call_timeout_s=call_timeout_s,
            )
        self._client = stripe.StripeClient(
            _PLACEHOLDER_KEY,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=0,
            http_client=_Seam(http_client, secret),
        )

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        """Send `call` once and return Stripe's answer as plain data.

        `idempotency_key` is required where Stripe honours one (POST) and not sent elsewhere.

        Raises:
            CallFailedError: with a `Failure` that says what was seen; never chained to its cause.
        """
        failure: Failure
        method = METHODS.get(call.method)
        refusal = _refusal(call, method, idempotency_key)
        if method is None or refusal:
            # A fault of ours, found before anything was sent.
            raise CallFailedError(Failure(FailureKind.INVALID, refusal))
        url = method.url(call.target) if call.target else method.path
        options = {"idempotency_key": idempotency_key} if method.verb == "post" else {}
        try:
            # The SDK's public way to send a request without building its objects around the
            # answer: those hold the key and can pay, and they are two thirds of a call's cost.
            response = self._client.raw_request(method.verb, url, **call.params, **options)
            return _reply(response, method, call.target)
        except CallFailedError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - Whatever it is, it ends here as plain data.
            failure = failure_of(error)
        except BaseException as error:  # noqa: BLE001 - Raised again.
            # An interrupt passes, but without the frames below, whose variables hold the key.
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None) from None
        # Outside the `except`, so that the SDK's exception is not chained to this one.
        raise CallFailedError(failure)

    def close(self) -> None:
        """Close idle connections, unless the caller provided the HTTP client."""
        if self._own_transport is not None:
            self._own_transport.close()

    def __repr__(self) -> str:
        return "StripeGateway(…)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a gateway holds a key and cannot be pickled or copied")


class _Seam(stripe.HTTPClient):
    """Between the SDK and the HTTP client: adds the key, and keeps secrets below the SDK.

    - The real key replaces the placeholder.
    - Only the headers that we use go up. `Stripe-Notice` does not: under `-W error` the SDK would
      turn it into an exception after the payment succeeded.
    - The answer's text goes up as `_Unprintable`, and an error's text masked as well, because the
      SDK's own logging, which `STRIPE_LOG=debug` turns on, writes the one and quotes the other.
    """

    name = "stripe_billing_router"

    def __init__(self, inner: stripe.HTTPClient, secret: Secret) -> None:
        super().__init__()
        self._inner = inner
        self._secret = secret

    def request_with_retries(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,
        max_network_retries: int | None = None,  # noqa: ARG002 - The SDK's signature.
        **_sdk_internal: Any,
    ) -> tuple[str, int, Mapping[str, str]]:
        # Retries are the engine's decision, and the SDK's metrics are telemetry.
        return self.request(method, url, headers, post_data)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_sdk_internal: Any,
    ) -> tuple[str, int, Mapping[str, str]]:
        with_key = {**(headers or {}), "Authorization": f"Bearer {self._secret.reveal()}"}
        body, status, answered = self._inner.request(method, url, with_key, post_data)
        kept = _Headers()
        for name, value in answered.items():
            lowered = name.lower()
            if lowered in _KEPT_HEADERS:
                kept[lowered] = value
            elif lowered == "stripe-notice":
                _log.warning("Stripe notice: %s", value)
        text = _decoded(body)
        if status >= 300:
            text = redact(text)
        return _Unprintable(text), status, kept


class _Headers(dict[str, str]):
    """Headers by lower-case name, found by any spelling, as the SDK expects them."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


class _Unprintable(str):
    """A text that can be parsed but not printed."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"[{len(self)} characters withheld]"

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, format_spec: str) -> str:
        return str(self)


def _decoded(body: Any) -> str:
    if isinstance(body, str):
        return body
    try:
        return bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        # Not JSON from Stripe. Nor is an empty text, which the SDK rejects by its own rules.
        return ""


def _refusal(call: StripeCall, method: Method | None, idempotency_key: str | None) -> str:
    """Return why `call` must not be sent; empty if it may."""
    if method is None:
        return f"The gateway has no method {call.method!r}."
    if method.verb == "post" and not idempotency_key:
        # The SDK would invent a key, and a retry would then pay again.
        return f"{call.method} needs an idempotency key."
    takes_target = "{}" in method.path
    if takes_target != bool(call.target):
        return f"{call.method} {'needs' if takes_target else 'takes no'} id."
    if call.target in {".", ".."}:
        # It would count as a step in the path.
        return f"{call.method}: {call.target!r} is not an id."
    reserved = RESERVED_PARAMS.intersection(call.params)
    if reserved:
        return f"{call.method}: {', '.join(sorted(reserved))} cannot be a parameter."
    return ""


def _reply(response: Any, method: Method, target: str | None) -> Reply:
    headers: Mapping[str, str] = response.headers
    # Parsed again from the text: plain dictionaries, and numbers as Stripe wrote them.
    body = _parsed(response.body)
    wrong = _wrong(body, method, target)
    if wrong:
        raise CallFailedError(
            Failure(
                FailureKind.MALFORMED,
                f"Stripe's answer {wrong}.",
                http_status=response.code,
                request_id=headers.get("request-id"),
            )
        )
    return Reply(clean(body), dict(headers), body)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_such_number, parse_float=_finite)
    except ValueError:
        return None


def _wrong(body: Any, method: Method, target: str | None) -> str:
    """Return how `body` differs from what was asked for; empty if it does not."""
    if not isinstance(body, dict):
        return "is not a JSON object"
    if body.get("object") != method.object:
        return f"is not a {method.object}"
    identifier = body.get("id")
    if target is not None:
        # An answer about another object would belong to another request.
        return "" if identifier == target else "is about another object"
    if method.object == "list":
        return "" if isinstance(body.get("data"), list) else "has no data"
    if method.object == "balance":
        return ""
    proper = isinstance(identifier, str) and identifier.startswith(method.id_prefix)
    return "" if proper and identifier else "has no proper id"


def _finite(text: str) -> float | str:
    """Keep as text what is a number in JSON and infinite in Python: no database accepts it."""
    number = float(text)
    return number if math.isfinite(number) else text


def _no_such_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")

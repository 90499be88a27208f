"""Every way in which a call can fail, as plain data."""

import pickle
from typing import Any

import pytest
import stripe

from stripe_billing_router.core.calls import CallFailedError, Failure, FailureKind
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.gateway.errors import failure_of
from stripe_billing_router.gateway.gateway import StripeGateway
from support.loopback import Answer, LoopbackServer
from support.payments import CREATE, PLANTED_KEY

DECLINED: dict[str, Any] = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
    "param": "payment_method",
    "charge": "ch_1",
    "payment_intent": {
        "id": "pi_1",
        "object": "payment_intent",
        "client_secret": "pi_1_secret_fakePlanted",
        "status": "requires_payment_method",
    },
    "payment_method": {"id": "pm_1", "object": "payment_method"},
}


def answered(gateway: StripeGateway, server: LoopbackServer, answer: Answer) -> Failure:
    server.respond = lambda _request: answer
    with pytest.raises(CallFailedError) as caught:
        gateway.send(CREATE, idempotency_key="key-1")
    # Nothing of the SDK is attached to it, so nothing can be followed or pickled back to it.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert pickle.loads(pickle.dumps(caught.value.failure)) == caught.value.failure  # noqa: S301
    return caught.value.failure


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.INVALID),
        (401, FailureKind.AUTHENTICATION),
        (402, FailureKind.DECLINED),
        (403, FailureKind.PERMISSION),
        (404, FailureKind.NOT_FOUND),
        (409, FailureKind.CONFLICT),
        (424, FailureKind.SERVER),
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.SERVER),
        (503, FailureKind.SERVER),
        (599, FailureKind.SERVER),
        (302, FailureKind.OTHER),
        (405, FailureKind.OTHER),
        (418, FailureKind.OTHER),
    ],
)
def test_the_status_decides(
    gateway: StripeGateway, server: LoopbackServer, status: int, kind: FailureKind
) -> None:
    error = {"type": "some_error", "code": "some_code", "message": "Some words."}
    seen = answered(gateway, server, Answer.json({"error": error}, status))
    assert (seen.kind, seen.http_status) == (kind, status)
    assert (seen.stripe_code, seen.message) == ("some_code", "Some words.")
    assert seen.request_id == "req_1"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
@pytest.mark.parametrize("body", [b"<html>blocked</html>", b"{}", b'{"error": "no"}', b""])
def test_a_page_of_somebody_in_between_is_not_stripes_word(
    gateway: StripeGateway, server: LoopbackServer, status: int, body: bytes
) -> None:
    """Only Stripe's own error object shows that nothing was done."""
    assert answered(gateway, server, Answer(status, body)).kind is FailureKind.OTHER


def test_limiting_is_believed_from_anyone(gateway: StripeGateway, server: LoopbackServer) -> None:
    assert answered(gateway, server, Answer(429)).kind is FailureKind.RATE_LIMITED


def test_an_idempotency_error_is_not_an_invalid_request(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    error = {"type": "idempotency_error", "message": "Keys for idempotent requests …"}
    seen = answered(gateway, server, Answer.json({"error": error}, 400))
    assert seen.kind is FailureKind.IDEMPOTENCY


def test_the_old_form_of_a_rate_limit_is_one(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    seen = answered(gateway, server, Answer.json({"error": {"code": "rate_limit"}}, 400))
    assert seen.kind is FailureKind.RATE_LIMITED


def test_a_decline_names_its_objects_and_shows_no_client_secret(
    gateway: StripeGateway, server: LoopbackServer
) -> None:
    seen = answered(gateway, server, Answer.json({"error": DECLINED}, 402))
    assert seen.objects == {"payment_intent": "pi_1", "payment_method": "pm_1", "charge": "ch_1"}
    assert (seen.stripe_code, seen.decline_code) == ("card_declined", "insufficient_funds")
    assert seen.param == "payment_method"
    assert "fakePlanted" not in repr(seen)


@pytest.mark.parametrize(
    ("headers", "wait", "advice"),
    [
        ({}, None, None),
        ({"Retry-After": "2", "Stripe-Should-Retry": "true"}, 2.0, True),
        ({"Retry-After": "0.5", "Stripe-Should-Retry": "false"}, 0.5, False),
        ({"Retry-After": "86400", "Stripe-Should-Retry": "maybe"}, 60.0, None),
        ({"Retry-After": "-1"}, None, None),
        ({"Retry-After": "nan"}, None, None),
        ({"Retry-After": "inf"}, None, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None, None),
    ],
)
def test_stripes_advice_on_retrying_is_kept_within_reason(
    gateway: StripeGateway,
    server: LoopbackServer,
    headers: dict[str, str],
    wait: float | None,
    advice: bool | None,
) -> None:
    seen = answered(gateway, server, Answer(429, b'{"error": {}}', headers))
    assert (seen.retry_after_s, seen.should_retry) == (wait, advice)


@pytest.mark.parametrize(
    "message",
    ["Invalid API Key provided: sk_live_****aySe", f"No such key: {PLANTED_KEY}", "x" * 100_000, 7],
)
def test_what_stripe_says_is_masked_and_short(
    gateway: StripeGateway, server: LoopbackServer, message: object
) -> None:
    seen = answered(gateway, server, Answer.json({"error": {"message": message}}, 401))
    assert "sk_live_" not in seen.message
    assert "aySe" not in seen.message
    assert len(seen.message) <= 500


def test_hostile_fields_are_dropped(gateway: StripeGateway, server: LoopbackServer) -> None:
    error = {
        "code": ["x"],
        "decline_code": "a b\nc",
        "param": {"a": 1},
        "payment_intent": {"id": "pi_1\nforged log line"},
        "charge": 7,
        "message": None,
    }
    seen = answered(gateway, server, Answer.json({"error": error}, 400))
    assert (seen.stripe_code, seen.decline_code, seen.param) == (None, None, None)
    assert seen.objects == {}
    assert "400" in seen.message


def test_a_refused_connection_is_known_not_to_have_been_sent(server: LoopbackServer) -> None:
    server.close()
    gateway = StripeGateway(Secret(PLANTED_KEY), api_base=server.url)
    with pytest.raises(CallFailedError) as caught:
        gateway.send(CREATE, idempotency_key="key-1")
    assert caught.value.failure.kind is FailureKind.NOT_SENT


@pytest.mark.parametrize("then", ["hang", "close", "reset"])
def test_a_lost_answer_is_not(gateway: StripeGateway, server: LoopbackServer, then: str) -> None:
    seen = answered(gateway, server, Answer(raw=b"", then=then))
    assert seen.kind is FailureKind.CONNECTION


def every_stripe_error() -> list[type[stripe.StripeError]]:
    found: list[type[stripe.StripeError]] = []
    waiting = [stripe.StripeError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


def made(kind: type[stripe.StripeError], status: int | None) -> stripe.StripeError:
    """Build an error of any class: their constructors differ, what the SDK sets does not."""
    error = kind.__new__(kind)
    body = {"error": {"message": f"{PLANTED_KEY} pi_1_secret_fakePlanted", "code": "some_code"}}
    stripe.StripeError.__init__(
        error, f"{PLANTED_KEY}", b"{}", status, body, {"request-id": "req_1"}
    )
    return error


class Raising(stripe.HTTPClient):
    name = "raising"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def request(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("kind", every_stripe_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_installed_sdk_is_mapped_and_none_leaves_the_gateway(
    kind: type[stripe.StripeError],
) -> None:
    seen = failure_of(made(kind, 500))
    assert isinstance(seen.kind, FailureKind)
    assert PLANTED_KEY not in repr(seen)
    assert "fakePlanted" not in repr(seen)
    gateway = StripeGateway(Secret(PLANTED_KEY), http_client=Raising(made(kind, 500)))
    with pytest.raises(CallFailedError) as caught:
        gateway.send(CREATE, idempotency_key="key-1")
    assert caught.value.failure == seen


# Of the class only these matter; of any other, the status decides.
@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (stripe.APIError, None, FailureKind.OTHER),
        (stripe.APIError, 200, FailureKind.MALFORMED),
        (stripe.APIError, 400, FailureKind.INVALID),
        (stripe.APIError, 401, FailureKind.AUTHENTICATION),
        (stripe.APIError, 402, FailureKind.DECLINED),
        (stripe.APIError, 403, FailureKind.PERMISSION),
        (stripe.APIError, 404, FailureKind.NOT_FOUND),
        (stripe.APIError, 409, FailureKind.CONFLICT),
        (stripe.APIError, 429, FailureKind.RATE_LIMITED),
        (stripe.APIError, 500, FailureKind.SERVER),
        (stripe.CardError, None, FailureKind.OTHER),
        (stripe.CardError, 200, FailureKind.MALFORMED),
        (stripe.InvalidRequestError, 500, FailureKind.SERVER),
        (stripe.AuthenticationError, 402, FailureKind.DECLINED),
        (stripe.IdempotencyError, None, FailureKind.IDEMPOTENCY),
        (stripe.IdempotencyError, 400, FailureKind.IDEMPOTENCY),
        (stripe.IdempotencyError, 500, FailureKind.IDEMPOTENCY),
        (stripe.RateLimitError, None, FailureKind.RATE_LIMITED),
        (stripe.RateLimitError, 400, FailureKind.RATE_LIMITED),
        (stripe.APIConnectionError, None, FailureKind.CONNECTION),
        (stripe.APIConnectionError, 500, FailureKind.CONNECTION),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_class_and_status_say_what_kind_of_failure_it_was(
    error: type[stripe.StripeError], status: int | None, kind: FailureKind
) -> None:
    assert failure_of(made(error, status)).kind is kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (True, FailureKind.NOT_SENT),
        (False, FailureKind.CONNECTION),
        (None, FailureKind.CONNECTION),
        ("yes", FailureKind.CONNECTION),
    ],
)
def test_only_a_client_that_says_so_has_not_sent(said: object, kind: FailureKind) -> None:
    error = made(stripe.APIConnectionError, None)
    if said is not None:
        vars(error)["not_sent"] = said
    assert failure_of(error).kind is kind


def test_the_clients_of_the_sdk_are_not_believed_in_what_they_say(server: LoopbackServer) -> None:
    """`RequestsClient` puts the whole key into its message when it ends in a newline."""
    gateway = StripeGateway(
        Secret(PLANTED_KEY + "\n"), api_base=server.url, http_client=stripe.RequestsClient()
    )
    with pytest.raises(CallFailedError) as caught:
        gateway.send(CREATE, idempotency_key="key-1")
    assert PLANTED_KEY not in repr(caught.value.failure)

"""What goes over the wire: forms, headers, ids, the clock, and the transport's own manners."""

import asyncio
import inspect
import json
import pickle
import string
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from stripe_billing_router import testing
from stripe_billing_router.testing import StripeSandbox
from stripe_billing_router.testing.forms import decode
from stripe_billing_router.testing.http_client import Headers

# Until stripe 16 the function had to be told the kind of API.
OLDER: Any = ["V1"] if "api_mode" in inspect.signature(_api_encode).parameters else []
HEADERS = {"Authorization": "Bearer sk_live_fake"}
NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8)
# Stripe has no lists of lists.
VALUES = st.recursive(
    st.text(max_size=8) | st.lists(st.text(max_size=8), min_size=1, max_size=3),
    lambda inner: (
        st.dictionaries(NAMES, inner, min_size=1, max_size=3)
        | st.lists(st.dictionaries(NAMES, inner, min_size=1, max_size=2), min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_the_sdk_encodes_is_decoded_to_the_same(params: dict[str, Any]) -> None:
    assert decode(urlencode(list(_api_encode(params, *OLDER)))) == params


def test_other_clients_encode_lists_without_numbers() -> None:
    assert decode("expand[]=a&expand[]=b&x=1&x=2") == {"expand": ["a", "b"], "x": "2"}
    assert decode("a=1&a[b]=2") == {"a": {"b": "2"}}
    assert decode("") == {}


def test_the_same_seed_gives_the_same_ids_and_the_clock_is_given() -> None:
    def first(seed: int) -> dict[str, Any]:
        sandbox = StripeSandbox(seed=seed, clock=lambda: 1_800_000_000.9)
        sandbox.advance(days=1)
        body = sandbox.handle("POST", "/v1/customers", HEADERS, "email=a").body
        answer: dict[str, Any] = json.loads(body)
        assert answer["created"] == 1_800_000_000 + 86400 == int(sandbox.now)
        return answer

    assert first(1)["id"] == first(1)["id"] != first(2)["id"]


def test_every_answer_has_a_request_id_of_its_own(client: stripe.StripeClient) -> None:
    seen = set()
    for _ in range(3):
        response = client.v1.balance.retrieve().last_response
        assert response is not None
        assert response.headers["stripe-version"] == "2026-10-28.endive"
        seen.add(response.request_id)
    assert len(seen) == 3


def test_headers_can_be_read_in_any_case() -> None:
    headers = Headers({"Request-Id": "req_1", "Retry-After": "3"})
    assert headers["REQUEST-ID"] == headers.get("request-id") == "req_1"
    assert "retry-after" in headers
    assert "5" not in headers
    assert dict(headers) == {"request-id": "req_1", "retry-after": "3"}
    assert (len(headers), "req_1" in repr(headers)) == (2, True)
    with pytest.raises(KeyError):
        headers["none"]


def test_the_asynchronous_sdk_works_too(
    sandbox: StripeSandbox, client: stripe.StripeClient
) -> None:
    async def run() -> str:
        intent = await client.v1.payment_intents.create_async({"amount": 5, "currency": "usd"})
        return intent.id

    assert asyncio.run(run()) in sandbox.payment_intents


def test_a_transport_outlives_its_closing(sandbox: StripeSandbox) -> None:
    transport: Any = sandbox.http_client()
    transport.close()
    asyncio.run(transport.close_async())
    stripe.StripeClient("sk_live_fake", http_client=transport).v1.balance.retrieve()


def test_the_sdk_may_retry_where_the_answer_lets_it(
    sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    client = stripe.StripeClient(
        "sk_live_fake", http_client=sandbox.http_client(), max_network_retries=1
    )
    sandbox.faults.conflict()
    assert client.v1.customers.create({"email": "a"}).id
    sandbox.faults.server_error(stored=True)
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"email": "b"})
    assert sandbox.count("POST /v1/customers") == 3


def test_records_and_effects_are_plain_data(pay: Any, sandbox: StripeSandbox) -> None:
    pay("k", metadata={"order": "7"})
    (record,) = sandbox.requests
    assert (record.method, record.path, record.status) == ("POST", "/v1/payment_intents", 200)
    assert (record.idempotency_key, record.account) == ("k", sandbox.account_id)
    assert record.params["metadata"] == {"order": "7"}
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - Made in the line itself.
    assert "client_secret" not in repr(sandbox.handle("GET", "/v1/payment_intents", HEADERS))


def test_every_public_name_is_there() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'Sandbox'"):
        _ = testing.Sandbox  # type: ignore[attr-defined]


def test_a_payment_may_have_been_there_before(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.add_payment("pi_test", customer="cus_x", amount_minor=700, currency="eur")
    assert client.v1.payment_intents.retrieve("pi_test").status == "succeeded"
    assert client.v1.refunds.create({"payment_intent": "pi_test"}).amount == 700
    assert (sandbox.captured_minor("eur"), sandbox.refunded_minor("eur")) == (700, 700)
    assert sandbox.requests[0].method == "GET"


def test_unknown_ids_cannot_be_decided(sandbox: StripeSandbox) -> None:
    with pytest.raises(KeyError, match="pi_none"):
        sandbox.settle_payment("pi_none")

"""Lists page with cursors, and searches find by metadata once the index has caught up."""

from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


@pytest.fixture
def ids(client: stripe.StripeClient, sandbox: StripeSandbox) -> list[str]:
    """Seven PaymentIntents, a minute apart, newest first as Stripe lists them."""
    made = []
    for number in range(7):
        intent = client.v1.payment_intents.create(
            {"amount": 5, "currency": "usd", "metadata": {"n": str(number), "it's": "odd"}}
        )
        made.append(intent.id)
        sandbox.advance(seconds=60)
    return made[::-1]


def test_pages_follow_each_other_to_the_end(client: stripe.StripeClient, ids: list[str]) -> None:
    page = client.v1.payment_intents.list({"limit": 3})
    assert ([one.id for one in page.data], page.has_more) == (ids[:3], True)
    assert [one.id for one in page.auto_paging_iter()] == ids
    last = client.v1.payment_intents.list({"limit": 3, "starting_after": ids[3]})
    assert ([one.id for one in last.data], last.has_more) == (ids[4:], False)
    before = client.v1.payment_intents.list({"limit": 2, "ending_before": ids[3]})
    assert ([one.id for one in before.data], before.has_more) == (ids[1:3], True)


def test_times_filter(client: stripe.StripeClient, ids: list[str]) -> None:
    third = client.v1.payment_intents.retrieve(ids[2]).created
    for filters, expected in (
        ({"gte": third}, ids[:3]),
        ({"gt": third}, ids[:2]),
        ({"lte": third}, ids[2:]),
        ({"lt": third, "gte": third - 60}, ids[3:4]),
    ):
        params: Any = {"created": filters}
        assert [one.id for one in client.v1.payment_intents.list(params).data] == expected
    assert client.v1.payment_intents.list({"created": third}).data[0].id == ids[2]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"starting_after": "pi_none"},
        {"created": {"since": 5}},
        {"created": "yesterday"},
        {"custmer": "cus_x"},
        {"expand": ["latest_charge"]},
        {"expand": ["data.a.b.c.d"]},
    ],
)
def test_what_stripe_would_refuse_is_refused(client: stripe.StripeClient, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.list(params)


def test_lists_expand_what_is_in_them(client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create({"amount": 5, "currency": "usd", "customer": "cus_x"})
    listed = client.v1.payment_intents.list({"expand": ["data.customer", "data.latest_charge"]})
    customer: Any = listed.data[0].customer
    assert (customer.id, listed.data[0].latest_charge) == ("cus_x", None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("metadata['n']:'3'", [3]),
        ('metadata["n"]:"3"', [3]),
        ('metadata["it\'s"]:"odd" AND amount>4 AND status:"requires_payment_method"', range(7)),
        ("metadata['n']:'9'", []),
        ("metadata['none']:null AND metadata['n']:'1'", [1]),
        ("amount<5", []),
        ("amount<=5", range(7)),
        ("amount>=6", []),
    ],
)
def test_searches_find_by_metadata(
    client: stripe.StripeClient, ids: list[str], query: str, found: Any
) -> None:
    result = client.v1.payment_intents.search({"query": query})
    assert sorted(one.metadata["n"] for one in result.data) == [str(number) for number in found]


def test_searches_page(client: stripe.StripeClient, ids: list[str]) -> None:
    first = client.v1.payment_intents.search({"query": "amount:'5'", "limit": 5})
    assert (len(first.data), first.has_more) == (5, True)
    assert [one.id for one in first.auto_paging_iter()] == ids


def test_a_query_that_cannot_be_read_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="unable to parse"):
        client.v1.payment_intents.search({"query": "metadata.n=3"})


def test_new_objects_are_found_only_after_the_lag() -> None:
    """Why a search never proves that something is not there."""
    sandbox = StripeSandbox(search_lag_s=60)
    client = stripe.StripeClient("sk_live_sandboxfake", http_client=sandbox.http_client())
    client.v1.payment_intents.create({"amount": 5, "currency": "usd", "metadata": {"a": "1"}})
    query: Any = {"query": "metadata['a']:'1'"}
    assert client.v1.payment_intents.search(query).data == []
    assert len(client.v1.payment_intents.list().data) == 1
    sandbox.advance(seconds=61)
    assert len(client.v1.payment_intents.search(query).data) == 1

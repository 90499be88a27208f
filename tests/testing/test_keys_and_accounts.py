"""Which key may do what, and whose objects it sees."""

import base64
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox


def client_with(sandbox: StripeSandbox, key: str, **options: Any) -> stripe.StripeClient:
    return stripe.StripeClient(key, http_client=sandbox.http_client(), **options)


@pytest.mark.parametrize("key", ["sk_live_fake", "rk_live_fake_with_parts"])
def test_any_live_key_belongs_to_the_main_account(sandbox: StripeSandbox, key: str) -> None:
    account = client_with(sandbox, key).v1.accounts.retrieve_current()
    assert account.id == sandbox.account_id == "acct_sandboxmaster"


@pytest.mark.parametrize(
    "key", ["sk_test_fake", "rk_test_fake", "pk_live_fake", "sk_org_live_fake", "sk_live_-", "x"]
)
def test_every_other_key_is_401_and_not_repeated_in_full(sandbox: StripeSandbox, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        client_with(sandbox, key).v1.balance.retrieve()
    assert caught.value.http_status == 401
    assert len(key) < 3 or key not in str(caught.value)


def test_a_request_without_a_key_is_401(sandbox: StripeSandbox) -> None:
    for headers in ({}, {"Authorization": "Digest x"}, {"Authorization": "Basic %%"}):
        assert sandbox.handle("GET", "/v1/balance", headers).status == 401


def test_basic_authentication_works_as_with_curl(sandbox: StripeSandbox) -> None:
    word = base64.b64encode(b"sk_live_fake:").decode()
    assert sandbox.handle("GET", "/v1/balance", {"authorization": f"Basic {word}"}).status == 200


def test_a_revoked_key_is_401_from_now_on(sandbox: StripeSandbox) -> None:
    client = client_with(sandbox, "sk_live_fake")
    client.v1.balance.retrieve()
    sandbox.revoke("sk_live_fake")
    with pytest.raises(stripe.AuthenticationError, match="Expired"):
        client.v1.balance.retrieve()
    client_with(sandbox, "sk_live_rotatedfake").v1.balance.retrieve()


def test_a_restricted_key_may_lack_a_permission(sandbox: StripeSandbox) -> None:
    sandbox.deny("rk_live_fake", "/v1/account")
    sandbox.deny("rk_live_fake", "/v1/refunds*", "POST")
    client = client_with(sandbox, "rk_live_fake")
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve_current()
    with pytest.raises(stripe.PermissionError):
        client.v1.refunds.create({"payment_intent": "pi_x"})
    assert client.v1.refunds.list().data == []


def test_an_account_sees_its_own_objects_only(sandbox: StripeSandbox) -> None:
    sandbox.add_account("acct_other", key="sk_live_otherfake", balance={"eur": 70})
    other = client_with(sandbox, "sk_live_otherfake")
    assert other.v1.accounts.retrieve_current().id == "acct_other"
    assert other.v1.balance.retrieve().available[0].amount == 70
    with pytest.raises(stripe.InvalidRequestError) as caught:
        other.v1.customers.retrieve("cus_x")
    assert caught.value.http_status == 404
    other.v1.customers.create({"email": "o@example.com"})
    assert len(sandbox.objects("customer", "acct_other")) == 1
    assert len(sandbox.customers) == 2


def test_a_platform_may_act_for_another_account_and_is_told_so(sandbox: StripeSandbox) -> None:
    sandbox.add_account("acct_other", key="sk_live_otherfake")
    platform = client_with(sandbox, "sk_live_fake", stripe_account="acct_other")
    made = platform.v1.customers.create({"email": "o@example.com"})
    assert made.last_response is not None
    assert made.last_response.headers["Stripe-Account"] == "acct_other"
    assert made.id in sandbox.objects("customer", "acct_other")
    own = client_with(sandbox, "sk_live_otherfake", stripe_account="acct_other")
    own.v1.customers.retrieve(made.id)
    for client in (
        client_with(sandbox, "sk_live_fake", stripe_account="acct_none"),
        client_with(sandbox, "sk_live_otherfake", stripe_account="acct_sandboxmaster"),
    ):
        with pytest.raises(stripe.PermissionError):
            client.v1.balance.retrieve()


def test_an_unknown_url_is_404(sandbox: StripeSandbox) -> None:
    headers = {"Authorization": "Bearer sk_live_fake"}
    for method, path in (
        ("GET", "/v1/nothing"),
        ("DELETE", "/v1/payment_intents/pi_x"),
        ("GET", "/v1/payment_intents/"),
        ("GET", "/v2/core/accounts"),
        ("POST", "/v1/charges"),
    ):
        assert sandbox.handle(method, path, headers).status == 404, path

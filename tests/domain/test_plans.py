"""From a helper's arguments and a route to a plan: all validation, and no request."""

from decimal import Decimal
from typing import Any, ClassVar

import pytest

from stripe_billing_router.core.operation import Instruction
from stripe_billing_router.domain.operations.balance import intent_to_read_balance
from stripe_billing_router.domain.operations.charge import intent_to_charge
from stripe_billing_router.domain.operations.checkout import intent_to_check_out
from stripe_billing_router.domain.operations.customer import intent_to_create_customer
from stripe_billing_router.domain.operations.refund import intent_to_refund
from stripe_billing_router.domain.operations.subscription import intent_to_subscribe
from stripe_billing_router.errors import (
    InputError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidIdentifierError,
    RouteKeyOverrideError,
)
from stripe_billing_router.routing.table import Resolution
from support.routes import BOT, FULL, LEAST, NO_ARGUMENTS, resolved


def charge(route: dict[str, Any] | Resolution, **given: Any) -> Instruction:
    found = route if isinstance(route, Resolution) else resolved(route)
    return intent_to_charge(found, **{**NO_ARGUMENTS, **given}).instruction


class TestChargeByAmount:
    def test_what_the_call_does_not_say_comes_from_the_route(self) -> None:
        assert charge(FULL, amount="19.99") == Instruction(
            action="charge",
            kind="amount",
            bot_id=BOT,
            amount_minor=1999,
            currency="eur",
            customer_id="cus_route",
            payment_method_id="pm_route",
            description="by the route",
            user_email="route@example.com",
            customer_known=True,
            metadata={"team": "a", "source": "route"},
        )

    def test_what_the_call_says_wins(self) -> None:
        instruction = charge(
            FULL, amount=5, description="Order 17", currency="JPY", customer_id="cus_call",
            payment_method="pm_call", metadata={"source": "call", "order": 17},
        )  # fmt: skip
        assert instruction == Instruction(
            action="charge",
            kind="amount",
            bot_id=BOT,
            amount_minor=5,
            currency="jpy",
            customer_id="cus_call",
            payment_method_id="pm_call",
            description="Order 17",
            user_email="route@example.com",
            customer_known=True,
            metadata={"team": "a", "source": "call", "order": "17"},
        )

    def test_the_least_route_pays_in_dollars(self) -> None:
        assert charge(LEAST, amount=10.0) == Instruction(
            action="charge", kind="amount", bot_id=BOT, amount_minor=1000, currency="usd",
            customer_id="cus_route",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("route", "known"),
        [
            (LEAST, False),
            ({**LEAST, "payment_method_id": "pm_1"}, False),
            ({**LEAST, "user_email": "x@example.com"}, False),
            ({**LEAST, "user_email": "x@example.com", "payment_method_id": "pm_1"}, True),
        ],
    )
    def test_the_customer_is_known_when_method_and_email_are(
        self, route: dict[str, Any], known: bool
    ) -> None:
        assert charge(route, amount=1).customer_known is known

    def test_a_region_without_a_currency_needs_one(self) -> None:
        elsewhere = resolved(LEAST, region="eu")
        with pytest.raises(InvalidCurrencyError):
            charge(elsewhere, amount=1)
        assert charge(elsewhere, amount=1, currency="eur").currency == "eur"

    @pytest.mark.parametrize("amount", [0, -1, True, float("nan"), "0.001", "1e3", "", Decimal(0)])
    def test_what_is_no_amount_is_refused(self, amount: Any) -> None:
        with pytest.raises(InvalidAmountError):
            charge(FULL, amount=amount)

    def test_more_decimals_than_the_currency_has_are_refused(self) -> None:
        with pytest.raises(InvalidAmountError):
            charge(FULL, amount="1.50", currency="jpy")

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({"price_id": "price_1"}, InputError),
            ({"currency": ""}, InvalidCurrencyError),
            ({"currency": "xyz"}, InvalidCurrencyError),
            ({"customer_id": ""}, InvalidIdentifierError),
            ({"customer_id": "prod_1"}, InvalidIdentifierError),
            ({"payment_method": ""}, InvalidIdentifierError),
            ({"payment_method": "cus_1"}, InvalidIdentifierError),
            ({"description": ""}, InputError),
            ({"description": "x" * 1001}, InputError),
            ({"metadata": {"sbr_bot": "x"}}, InputError),
            ({"metadata": {"secret_key": "x"}}, RouteKeyOverrideError),
        ],
    )
    def test_every_argument_is_checked(self, given: dict[str, Any], error: type) -> None:
        with pytest.raises(error):
            charge(FULL, amount=1, **given)

    def test_what_is_wrong_is_named_after_its_argument(self) -> None:
        with pytest.raises(InputError, match=r"^description "):
            charge(FULL, amount=1, description=7)

    def test_a_description_may_be_long(self) -> None:
        text = "x" * 1000
        assert charge(FULL, amount=1, description=text).description == text


class TestChargeByPrice:
    def test_without_amount_and_price_the_routes_price_is_charged(self) -> None:
        assert charge(FULL) == Instruction(
            action="charge",
            kind="price",
            bot_id=BOT,
            currency="eur",
            price_id="price_route",
            customer_id="cus_route",
            payment_method_id="pm_route",
            description="by the route",
            user_email="route@example.com",
            customer_known=True,
            metadata={"team": "a", "source": "route"},
        )

    def test_a_price_that_is_named_wins(self) -> None:
        instruction = charge(LEAST, price_id="price_call", currency="GBP")
        assert (instruction.kind, instruction.price_id, instruction.currency) == (
            "price",
            "price_call",
            "gbp",
        )
        assert (instruction.amount_minor, instruction.customer_known) == (None, False)

    def test_no_currency_is_made_up_for_a_price(self) -> None:
        assert charge(LEAST).currency is None
        assert charge(resolved(LEAST, region="eu")).currency is None

    def test_an_override_changes_the_price(self) -> None:
        assert charge(resolved(LEAST, {"plan": "gold"})).price_id == "price_gold"

    @pytest.mark.parametrize("price_id", ["", "prod_1", 7])
    def test_what_is_no_price_is_refused(self, price_id: Any) -> None:
        with pytest.raises(InvalidIdentifierError):
            charge(LEAST, price_id=price_id)


class TestSubscription:
    def instruction(self, route: dict[str, Any], **given: Any) -> Instruction:
        arguments = {"price_id": None, "customer_id": None, "overrides": None, **given}
        params = arguments.pop("params", {})
        return intent_to_subscribe(resolved(route), params=params, **arguments).instruction

    def test_the_routes_subscription_price_is_the_default(self) -> None:
        assert self.instruction(FULL) == Instruction(
            action="subscription",
            kind="subscription",
            bot_id=BOT,
            price_id="price_route_monthly",
            customer_id="cus_route",
            payment_method_id="pm_route",
            description="by the route",
            user_email="route@example.com",
            metadata={"team": "a", "source": "route"},
        )
        assert self.instruction(LEAST).price_id == "price_route"

    def test_what_the_call_says_wins(self) -> None:
        params = {
            "default_payment_method": "pm_call", "description": "Pro",
            "metadata": {"source": "call"}, "trial_period_days": 7,
        }  # fmt: skip
        assert self.instruction(
            FULL, price_id="price_call", customer_id="cus_call", params=params
        ) == Instruction(
            action="subscription",
            kind="subscription",
            bot_id=BOT,
            price_id="price_call",
            customer_id="cus_call",
            payment_method_id="pm_call",
            description="Pro",
            user_email="route@example.com",
            metadata={"team": "a", "source": "call"},
            params={"trial_period_days": 7},
        )
        assert params["description"] == "Pro", "the caller's own mapping stays as it was"

    @pytest.mark.parametrize(
        "given",
        [
            {"price_id": ""},
            {"price_id": "prod_1"},
            {"customer_id": "sub_1"},
            {"params": {"default_payment_method": "cus_1"}},
            {"params": {"description": "x" * 501}},
            {"params": {"description": ""}},
            {"params": {"metadata": {"sbr_bot": "x"}}},
            {"params": {"items": [{"price": "price_1"}]}},
            {"params": {"trial_settings": {"on_behalf_of": "acct_1"}}},
            {"params": {"payment_behavior": "allow_incomplete"}},
        ],
    )
    def test_every_argument_is_checked(self, given: dict[str, Any]) -> None:
        with pytest.raises(InputError):
            self.instruction(FULL, **given)

    def test_stripes_bound_on_a_description_is_500(self) -> None:
        instruction = self.instruction(FULL, params={"description": "x" * 500})
        assert instruction.description == "x" * 500
        with pytest.raises(InputError, match=r"^description "):
            self.instruction(FULL, params={"description": 7})

    def test_a_key_is_refused(self) -> None:
        with pytest.raises(RouteKeyOverrideError):
            self.instruction(FULL, params={"secret_key": "x"})


class TestRefund:
    def instruction(self, payment_id: Any, **given: Any) -> Instruction:
        arguments = {"amount": None, "reason": None, "params": {}, "overrides": None, **given}
        return intent_to_refund(resolved(FULL), payment_id, **arguments).instruction

    @pytest.mark.parametrize("payment_id", ["pi_1", "in_1"])
    def test_an_intent_or_an_invoice_is_refunded_in_its_own_currency(self, payment_id: str) -> None:
        assert self.instruction(payment_id) == Instruction(
            action="refund", kind="refund", bot_id=BOT, payment_id=payment_id,
            user_email="route@example.com",
        )  # fmt: skip

    def test_reason_parameters_and_metadata_go_along(self) -> None:
        params = {"reverse_transfer": True, "metadata": {"case": 5}}
        instruction = self.instruction("pi_1", amount="7.50", reason="duplicate", params=params)
        assert instruction == Instruction(
            action="refund",
            kind="refund",
            bot_id=BOT,
            amount="7.5",
            payment_id="pi_1",
            user_email="route@example.com",
            metadata={"case": "5"},
            params={"reverse_transfer": True, "reason": "duplicate"},
        )

    @pytest.mark.parametrize(
        ("payment_id", "given"),
        [
            ("", {}),
            ("ch_1", {}),
            (None, {}),
            ("pi_1_secret_2", {}),
            ("pi_1", {"amount": 0}),
            ("pi_1", {"amount": True}),
            ("pi_1", {"reason": "because"}),
            ("pi_1", {"params": {"charge": "ch_1"}}),
            ("pi_1", {"params": {"metadata": {"sbr_bot": "x"}}}),
        ],
    )
    def test_every_argument_is_checked(self, payment_id: Any, given: dict[str, Any]) -> None:
        with pytest.raises(InputError):
            self.instruction(payment_id, **given)


class TestCheckoutSession:
    url: ClassVar[dict[str, Any]] = {"success_url": "https://x.example"}

    def instruction(self, params: Any, found: Resolution | None = None) -> Instruction:
        return intent_to_check_out(found or resolved(FULL), params, overrides=None).instruction

    def test_price_customer_and_metadata_come_from_the_route(self) -> None:
        params = {**self.url, "metadata": {"source": "call"}}
        assert self.instruction(params) == Instruction(
            action="checkout_session",
            kind="checkout",
            bot_id=BOT,
            customer_id="cus_route",
            user_email="route@example.com",
            metadata={"team": "a", "source": "call"},
            params={
                **self.url,
                "mode": "payment",
                "customer": "cus_route",
                "line_items": [{"price": "price_route", "quantity": 1}],
            },
        )

    def test_a_setup_names_the_currency_as_stripe_requires(self) -> None:
        instruction = self.instruction({**self.url, "mode": "setup"})
        assert instruction.params == {
            **self.url, "mode": "setup", "customer": "cus_route", "currency": "eur",
        }  # fmt: skip
        with pytest.raises(InvalidCurrencyError):
            self.instruction({**self.url, "mode": "setup"}, resolved(LEAST, region="eu"))

    @pytest.mark.parametrize(
        "params",
        [
            None, {}, {"customer": "cus_1"}, {"currency": "usd"}, {"mode": "other"},
            {"line_items": [{"price_data": {}}]}, {"metadata": {"sbr_bot": "x"}},
            {"payment_intent_data": {}}, {"subscription_data": {}},
        ],
    )  # fmt: skip
    def test_every_parameter_is_checked(self, params: Any) -> None:
        with pytest.raises(InputError):
            self.instruction(params if not params else {**self.url, **params})

    def test_the_callers_own_mapping_stays_as_it_was(self) -> None:
        items = [{"price": "price_1"}]
        self.instruction({**self.url, "line_items": items})
        assert items == [{"price": "price_1"}]


class TestCustomer:
    def instruction(self, info: Any) -> Instruction:
        return intent_to_create_customer(resolved(FULL), info, overrides=None).instruction

    def test_it_is_who_the_caller_says_and_nothing_of_the_route(self) -> None:
        info = {"email": "new@example.com", "metadata": {"order": 17}}
        assert self.instruction(info) == Instruction(
            action="customer", kind="customer", bot_id=BOT,
            metadata={"order": "17"}, params={"email": "new@example.com"},
        )  # fmt: skip

    @pytest.mark.parametrize(
        "info", [None, [], "x", {"customer": "cus_1"}, {"metadata": 7}, {"address": {"account": 1}}]
    )
    def test_it_is_checked(self, info: Any) -> None:
        with pytest.raises(InputError):
            self.instruction(info)


REFUSED = (InputError, RouteKeyOverrideError)


class TestSecrets:
    """They would be stored at Stripe and in the ledger, for everybody there to read."""

    @pytest.mark.parametrize("secret", ["sk_live_fake51abcdef", "pi_1_secret_abcdef"])
    def test_no_text_of_a_call_may_hold_one(self, secret: str) -> None:
        with pytest.raises(REFUSED) as caught:
            charge(FULL, amount=1, description=f"see {secret}")
        assert secret not in str(caught.value)
        with pytest.raises(REFUSED):
            charge(FULL, amount=1, metadata={"note": secret})
        with pytest.raises(REFUSED):
            intent_to_create_customer(resolved(FULL), {"name": secret}, overrides=None)
        with pytest.raises(REFUSED):
            TestSubscription().instruction(FULL, params={"description": secret})


class TestBalance:
    def test_the_currency_is_the_one_asked_for_or_the_routes(self) -> None:
        expected = Instruction(
            action="balance", kind="balance", bot_id=BOT, currency="eur",
            user_email="route@example.com",
        )  # fmt: skip
        assert intent_to_read_balance(resolved(FULL), None).instruction == expected
        assert intent_to_read_balance(resolved(FULL), "JPY").instruction.currency == "jpy"
        assert intent_to_read_balance(resolved(LEAST), None).instruction.currency == "usd"

    @pytest.mark.parametrize("currency", ["", "xyz", 7])
    def test_what_is_no_currency_is_refused(self, currency: Any) -> None:
        with pytest.raises(InvalidCurrencyError):
            intent_to_read_balance(resolved(FULL), currency)

    def test_a_region_without_a_currency_needs_one(self) -> None:
        with pytest.raises(InvalidCurrencyError):
            intent_to_read_balance(resolved(LEAST, region="eu"), None)

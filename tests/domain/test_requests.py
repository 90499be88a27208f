"""Which extra parameters a helper takes, and what they may hold."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.domain.requests import (
    ALLOWED,
    check_params,
    check_reason,
    check_text,
    complete_checkout,
    merge_metadata,
    split_metadata,
)
from stripe_billing_router.errors import InputError, InvalidIdentifierError, RouteKeyOverrideError

every_helper = pytest.mark.parametrize("helper", sorted(ALLOWED))

# Accounts, options of the SDK, amounts that no limit sees, and the key that the engine makes.
FORBIDDEN = [
    "account", "application_fee", "application_fee_amount", "application_fee_percent",
    "connected_account", "destination", "headers", "idempotency_key", "issuer", "liability",
    "max_network_retries", "on_behalf_of", "price_data", "product_data", "stripe_account",
    "stripe_context", "stripe_version", "transfer_data", "transfer_group", "unit_amount",
    "unit_amount_decimal",
]  # fmt: skip
# Written out: a test that reads the lists that the code reads would pass with any lists.
TAKEN = {
    "create_customer": """
        address business_name description email individual_name invoice_settings metadata
        name payment_method phone preferred_locales shipping tax_exempt tax_id_data
    """,
    "create_subscription": """
        automatic_tax billing_cycle_anchor cancel_at cancel_at_period_end
        default_payment_method default_tax_rates description discounts metadata
        proration_behavior trial_end trial_period_days trial_settings
    """,
    "refund": """
        instructions_email metadata refund_application_fee reverse_transfer
    """,
    "create_checkout_session": """
        after_expiration allow_promotion_codes automatic_tax billing_address_collection
        cancel_url client_reference_id consent_collection custom_fields custom_text
        customer_update discounts expires_at invoice_creation line_items locale metadata
        mode name_collection payment_method_collection phone_number_collection
        redirect_on_completion return_url shipping_address_collection submit_type
        success_url tax_id_collection ui_mode
    """,
}
OWNED_BY_THE_ROUTE = ["customer", "customer_email", "price", "items", "amount", "currency"]
STRIPE_KEYS = ["secret_key", "public_key", "api_key", "stripe_secret_key", "publishableKey"]


class TestAllowList:
    @every_helper
    def test_it_is_as_long_as_this(self, helper: str) -> None:
        assert sorted(ALLOWED[helper]) == TAKEN[helper].split()

    @every_helper
    def test_what_is_on_it_is_taken(self, helper: str) -> None:
        params = dict.fromkeys(ALLOWED[helper], "x")
        assert check_params(helper, params) == params

    @every_helper
    @pytest.mark.parametrize("name", [*FORBIDDEN, *OWNED_BY_THE_ROUTE, "confirm", "expand", "", 7])
    def test_what_is_not_on_it_is_refused(self, helper: str, name: Any) -> None:
        with pytest.raises(InputError):
            check_params(helper, {name: "x"})

    @given(st.sampled_from(sorted(ALLOWED)), st.text())
    def test_nothing_else_is_on_it(self, helper: str, name: str) -> None:
        if name not in ALLOWED[helper]:
            with pytest.raises((InputError, RouteKeyOverrideError)):
                check_params(helper, {name: "x"})

    @every_helper
    def test_nothing_is_nothing(self, helper: str) -> None:
        assert check_params(helper, None) == check_params(helper, {}) == {}

    @every_helper
    @pytest.mark.parametrize("params", [[], "text", 7, [("metadata", {})]])
    def test_what_is_no_mapping_is_refused(self, helper: str, params: Any) -> None:
        with pytest.raises(InputError):
            check_params(helper, params)

    def test_the_nearest_names_are_told_or_else_all(self) -> None:
        with pytest.raises(InputError) as caught:
            check_params("refund", {"reverse_transfr": True})
        assert "'reverse_transfr'" in str(caught.value)
        assert "reverse_transfer" in str(caught.value)
        assert "instructions_email" not in str(caught.value)
        with pytest.raises(InputError) as caught:
            check_params("refund", {"zzz" * 100: 1})
        for name in ("instructions_email", "metadata", "refund_application_fee"):
            assert name in str(caught.value)
        assert "z" * 81 not in str(caught.value)
        with pytest.raises(InputError) as caught:
            check_params("create_subscription", {"trial_period_end": 1})
        for name in ("trial_period_days", "cancel_at_period_end", "trial_end"):
            assert name in str(caught.value)


class TestAnyDepth:
    @pytest.mark.parametrize("name", FORBIDDEN)
    @pytest.mark.parametrize("wrap", [
        lambda inner: inner,
        lambda inner: {"deeper": inner},
        lambda inner: [1, inner],
        lambda inner: {"a": [{"b": (inner,)}]},
    ])  # fmt: skip
    def test_forbidden_fields_are_refused(self, name: str, wrap: Any) -> None:
        with pytest.raises(InputError) as caught:
            check_params("create_checkout_session", {"invoice_creation": wrap({name: "x"})})
        assert name in caught.value.message

    @pytest.mark.parametrize("name", STRIPE_KEYS)
    def test_a_stripe_key_is_refused_by_name(self, name: str) -> None:
        for params in (
            {name: "x"}, {"address": {name: "x"}}, {"address": [[{"a": {name: "x"}}]]},
            {"metadata": {name: "x"}},
        ):  # fmt: skip
            with pytest.raises(RouteKeyOverrideError) as caught:
                check_params("create_customer", params)
            assert "create_customer" in caught.value.message

    @pytest.mark.parametrize("key", ["sk_live_fake51abc", "rk_test_fake51abc", "whsec_abc"])
    def test_a_stripe_key_is_refused_by_value_and_not_repeated(self, key: str) -> None:
        for params in {"name": key}, {"address": {"line1": f"see {key}"}}:
            with pytest.raises(RouteKeyOverrideError) as caught:
                check_params("create_customer", params)
            assert key not in str(caught.value)

    @pytest.mark.parametrize("name", [7, None, ("a",)])
    def test_a_name_that_is_no_text_is_refused(self, name: Any) -> None:
        with pytest.raises(InputError):
            check_params("create_customer", {"address": {name: "x"}})

    def test_the_place_is_told_but_a_long_name_is_cut(self) -> None:
        with pytest.raises(InputError) as caught:
            check_params("create_customer", {"shipping": [{"address": {"account": "x"}}]})
        assert "create_customer shipping[0].address.account" in caught.value.message
        with pytest.raises(InputError) as caught:
            check_params("create_customer", {"address": {("é" * 100,): "x"}})
        assert "é" * 78 in caught.value.message
        assert "é" * 79 not in caught.value.message

    def test_a_bottomless_value_is_refused_before_it_is_copied(self) -> None:
        value: Any = "x"
        for _ in range(10_000):
            value = [value]
        with pytest.raises(InputError):
            check_params("create_customer", {"address": value})


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [None, True, False, 0, -1, 2**63, "", "ünïcode", 1.5, [], {}, [{"a": [None]}],
         {"a": {"b": "c"}}],
    )  # fmt: skip
    def test_json_stays_as_it_is(self, value: Any) -> None:
        assert check_params("create_customer", {"address": value}) == {"address": value}

    def test_what_json_can_say_otherwise_is_said_so(self) -> None:
        given_ = {"address": (1, Decimal("1.50")), "shipping": {"x": Decimal("1E+3")}}
        assert check_params("create_customer", given_) == {
            "address": [1, "1.50"],
            "shipping": {"x": "1000"},
        }

    @pytest.mark.parametrize(
        "value",
        [
            float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+64"),
            Decimal("1E-64"), 2**64, -(2**64), b"bytes", {1, 2}, object(), "\ud800", "a\0b",
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_what_stripe_cannot_read_is_refused(self, value: Any) -> None:
        for params in {"address": value}, {"address": {"line1": [value]}}:
            with pytest.raises(InputError):
                check_params("create_customer", params)

    def test_the_place_of_what_cannot_be_read_is_told(self) -> None:
        for value in "a\0b", b"bytes":
            with pytest.raises(InputError) as caught:
                check_params("create_customer", {"address": {"line1": [value]}})
            assert "create_customer address.line1[0]" in caught.value.message

    def test_numbers_at_the_bound_are_taken(self) -> None:
        given_ = {"address": [2**64 - 1, Decimal("1E+63"), Decimal("1E-63")]}
        taken = check_params("create_customer", given_)["address"]
        assert taken == [2**64 - 1, "1" + "0" * 63, "0." + "0" * 62 + "1"]

    def test_the_result_is_a_copy_at_every_depth(self) -> None:
        inner = {"city": ["Graz"]}
        taken = check_params("create_customer", {"address": inner})
        inner["city"].append("Wien")
        assert taken == {"address": {"city": ["Graz"]}}

    def test_metadata_is_left_for_its_own_check(self) -> None:
        assert check_params("refund", {"metadata": {"account": "ours"}}) == {
            "metadata": {"account": "ours"}
        }


class TestMetadata:
    def test_the_calls_wins_over_the_routes(self) -> None:
        params: dict[str, Any] = {"metadata": {"order": 17}, "name": "x"}
        assert split_metadata(params, {"order": "1", "team": "a"}) == {"order": "17", "team": "a"}
        assert params == {"name": "x"}
        assert split_metadata(params, {"team": "a"}) == {"team": "a"}

    def test_it_is_checked(self) -> None:
        for metadata in {"sbr_operation": "op_1"}, {"a": None}, "text":
            with pytest.raises(InputError):
                merge_metadata({}, metadata)
        with pytest.raises(RouteKeyOverrideError):
            merge_metadata({}, {"secret_key": "x"})

    def test_the_bound_on_pairs_holds_for_both_together(self) -> None:
        """Stripe would refuse more than 50 with ours, but only after the intent is written."""
        route = {f"r{at}": "x" for at in range(30)}
        assert len(merge_metadata(route, {f"c{at}": "x" for at in range(10)})) == 40
        assert len(merge_metadata(route, {f"r{at}": "y" for at in range(30)})) == 30
        with pytest.raises(InputError):
            merge_metadata(route, {f"c{at}": "x" for at in range(11)})


class TestText:
    def test_text_within_the_bound_is_taken_as_it_is(self) -> None:
        assert check_text("description", " Ünïcode ", 9) == " Ünïcode "
        assert check_text("description", None, 9) is None

    @pytest.mark.parametrize("value", ["", " ", "\n\t", "x" * 10, 7, b"x", ["x"], "\ud800", "a\0"])
    def test_anything_else_is_refused_by_name(self, value: Any) -> None:
        with pytest.raises(InputError) as caught:
            check_text("description", value, 9)
        assert "description" in caught.value.message


class TestReason:
    @pytest.mark.parametrize("reason", [None, "duplicate", "fraudulent", "requested_by_customer"])
    def test_stripes_three_are_taken(self, reason: str | None) -> None:
        assert check_reason(reason) == reason

    @pytest.mark.parametrize("reason", ["", "Duplicate", "expired_uncaptured_charge", 7, [], {}])
    def test_others_are_refused(self, reason: Any) -> None:
        with pytest.raises(InputError) as caught:
            check_reason(reason)
        for allowed in ("duplicate", "fraudulent", "requested_by_customer"):
            assert allowed in str(caught.value)

    def test_a_long_one_is_not_repeated_whole(self) -> None:
        with pytest.raises(InputError) as caught:
            check_reason("x" * 1000)
        assert "x" * 80 in caught.value.message
        assert "x" * 81 not in caught.value.message


class TestCheckout:
    def complete(self, **params: Any) -> dict[str, Any]:
        return complete_checkout({"success_url": "https://x.example", **params}, "price_1", "cus_1")

    def test_mode_line_items_and_customer_come_from_the_route(self) -> None:
        assert self.complete() == {
            "success_url": "https://x.example",
            "mode": "payment",
            "customer": "cus_1",
            "line_items": [{"price": "price_1", "quantity": 1}],
        }

    def test_a_subscription_has_the_same_defaults(self) -> None:
        done = self.complete(mode="subscription")
        assert done["mode"] == "subscription"
        assert done["line_items"] == [{"price": "price_1", "quantity": 1}]

    def test_the_callers_line_items_are_taken_and_one_is_the_default_quantity(self) -> None:
        items = [{"price": "price_2", "quantity": 3}, {"price": "price_3", "tax_rates": ["txr_1"]}]
        assert self.complete(line_items=items)["line_items"] == [
            {"price": "price_2", "quantity": 3},
            {"price": "price_3", "tax_rates": ["txr_1"], "quantity": 1},
        ]

    def test_a_setup_buys_nothing(self) -> None:
        done = self.complete(mode="setup")
        assert done == {"success_url": "https://x.example", "mode": "setup", "customer": "cus_1"}
        with pytest.raises(InputError):
            self.complete(mode="setup", line_items=[{"price": "price_1"}])

    @pytest.mark.parametrize("mode", ["", "Payment", None, 7, [], {}, "x" * 100])
    def test_other_modes_are_refused(self, mode: Any) -> None:
        with pytest.raises(InputError) as caught:
            self.complete(mode=mode)
        assert "x" * 81 not in caught.value.message

    @pytest.mark.parametrize("ui_mode", ["custom", "embedded", "embedded_page", "elements", "form"])
    def test_what_is_shown_in_the_callers_page_needs_no_success_url(self, ui_mode: str) -> None:
        done = complete_checkout({"ui_mode": ui_mode}, "price_1", "cus_1")
        assert done["ui_mode"] == ui_mode

    @pytest.mark.parametrize("ui_mode", [None, "hosted", "hosted_page", "", [], {}])
    def test_everything_else_needs_one(self, ui_mode: Any) -> None:
        for url in {}, {"success_url": None}, {"success_url": ""}:
            with pytest.raises(InputError, match="success_url"):
                complete_checkout({"ui_mode": ui_mode, **url}, "price_1", "cus_1")
        with pytest.raises(InputError, match="success_url"):
            complete_checkout({}, "price_1", "cus_1")

    @pytest.mark.parametrize(
        "items", [[], {}, None, 7, "price_1", ["price_1"], [{"price": "price_1", "amount": 1}],
                  [{"price": "price_1", "price_data": {}}], [{"price": "price_1"}, None]],
    )  # fmt: skip
    def test_line_items_are_prices_and_quantities_and_nothing_else(self, items: Any) -> None:
        with pytest.raises(InputError):
            self.complete(line_items=items)

    @pytest.mark.parametrize("price", [None, "", "prod_1", 7])
    def test_a_line_item_names_a_price(self, price: Any) -> None:
        with pytest.raises(InvalidIdentifierError):
            self.complete(line_items=[{"price": price}])
        with pytest.raises(InvalidIdentifierError):
            self.complete(line_items=[{"quantity": 1}])

    @pytest.mark.parametrize("quantity", [0, -1, True, 1.0, "1", None])
    def test_a_quantity_is_a_whole_number_from_one(self, quantity: Any) -> None:
        with pytest.raises(InputError):
            self.complete(line_items=[{"price": "price_1", "quantity": quantity}])

"""Routes and override rules: what they hold, and what is refused in words that a person reads."""

import copy
import pickle
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import ValidationError

from stripe_billing_router.errors import (
    ConfigurationError,
    RouteKeyOverrideError,
    RoutingConfigError,
)
from stripe_billing_router.routing.route import (
    Metadata,
    OverrideRule,
    Route,
    RoutePatch,
    build_override,
    build_route,
)
from support.names import case

BASE = {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"}
FULL = {
    **BASE,
    "currency": "EUR",
    "subscription_price_id": "price_monthly",
    "description": "Router time",
    "payment_method_id": "pm_1",
    "user_email": "bot@example.com",
    "metadata": {"team": "a", "floor": 7},
}
RULE = {
    "business_category": "finance",
    "bot_name": "bot",
    "key": "business",
    "value": "enterprise",
    "route": {"price_id": "price_2"},
}


def refusal(fields: Any, where: str = "stripe.eu.finance.bot") -> str:
    with pytest.raises(RoutingConfigError) as caught:
        build_route(fields, where)
    assert isinstance(caught.value, ConfigurationError)
    return str(caught.value)


class TestRoute:
    def test_it_holds_what_was_given(self) -> None:
        route = build_route(FULL, "x")
        assert route.currency == "eur"
        assert route.metadata == {"team": "a", "floor": "7"}
        assert route.model_dump() == {**FULL, "currency": "eur",
                                      "metadata": {"team": "a", "floor": "7"}}  # fmt: skip
        assert Route(**route.model_dump()) == route

    def test_what_is_left_out_is_none(self) -> None:
        route = Route(**BASE)
        assert (route.currency, route.subscription_price_id, route.description) == (None,) * 3
        assert (route.payment_method_id, route.user_email) == (None,) * 2
        assert route.metadata == {}

    def test_nothing_about_it_can_change(self) -> None:
        given: dict[str, Any] = {**FULL, "metadata": {"team": "a"}}
        route: Any = Route(**given)
        given["metadata"]["team"] = "b"
        assert route.metadata["team"] == "a"
        with pytest.raises(ValidationError):
            route.price_id = "price_2"
        with pytest.raises(TypeError):
            route.metadata["team"] = "b"

    def test_it_hashes_copies_and_pickles(self) -> None:
        route = Route(**FULL)
        assert pickle.loads(pickle.dumps(route)) == route  # noqa: S301 - our own bytes
        assert copy.deepcopy(route) == route
        assert len({route, Route(**FULL), Route(**BASE)}) == 2
        assert repr(route.metadata) == "{'team': 'a', 'floor': '7'}"
        assert (len(Metadata()), len(route.metadata)) == (0, 2)

    def test_one_that_is_already_built_is_taken(self) -> None:
        route = Route(**BASE)
        assert build_route(route, "x") is route

    def test_any_mapping_will_do(self) -> None:
        assert build_route(MappingProxyType(BASE), "x") == Route(**BASE)

    def test_every_problem_is_listed_with_its_path(self) -> None:
        said = refusal({"price_id": "prod_1", "currency": "euro", "prise": "x", "customer_id": ""})
        for field in ("product_id", "price_id", "currency", "customer_id", "prise"):
            assert f"stripe.eu.finance.bot.{field}" in said
        for value in ("prod_1", "euro"):
            assert value in said

    @pytest.mark.parametrize(
        ("field", "value", "shown"),
        [
            ("price_id", 5, ""),
            ("price_id", None, ""),
            ("price_id", b"price_1", ""),
            ("customer_id", "acct_1", "acct_1"),
            ("subscription_price_id", "sub_1", "sub_1"),
            ("payment_method_id", "cus_1", "cus_1"),
            ("currency", "", ""),
            ("description", "", "1000"),
            ("description", " \n", "1000"),
            ("description", "x" * 1001, "1000"),
            ("description", "\0", "1000"),
            ("user_email", "", ""),
            ("user_email", "bot", "'bot'"),
            ("user_email", "@example.com", "'@example.com'"),
            ("user_email", "bot@", "'bot@'"),
            ("user_email", "a b@example.com", "'a b@example.com'"),
            ("user_email", "a@example.com\n", "a@example.com"),
            ("user_email", "x" * 250 + "@e.co", ""),
            ("metadata", {"sbr_x": "1"}, "sbr_x"),
            ("metadata", {"a": ""}, "'a'"),
            ("metadata", ["a"], ""),
            ("metadata", "a", ""),
        ],
        ids=case,
    )
    def test_a_value_that_cannot_be_used(self, field: str, value: Any, shown: str) -> None:
        said = refusal({**BASE, field: value})
        assert f"stripe.eu.finance.bot.{field}" in said
        assert shown in said

    @pytest.mark.parametrize(
        "email", ["a@b", "a.b+c@example.com", '"a@b"@example.com', "x" * 242 + "@example.com"]
    )
    def test_email_addresses_that_pass(self, email: str) -> None:
        assert Route(**{**BASE, "user_email": email}).user_email == email

    @pytest.mark.parametrize("fields", [None, "text", 5, ["product_id"], [("a", "b")]])
    def test_what_is_no_mapping(self, fields: Any) -> None:
        assert "stripe.eu.finance.bot" in refusal(fields)

    def test_field_names_are_texts(self) -> None:
        assert "an int" in refusal({**BASE, 1: "x"})

    def test_a_long_list_of_problems_is_cut(self) -> None:
        said = refusal({f"field_{number}": "x" for number in range(30)})
        assert said.count("stripe.eu.finance.bot.") == 20
        assert said.count("bot.field_") == 17  # Beside the three that are missing.
        assert "13" in said

    def test_built_directly_it_gives_the_same_errors(self) -> None:
        with pytest.raises(RoutingConfigError, match=r"route\.price_id.*'prod_1'"):
            Route(**{**BASE, "price_id": "prod_1"})
        wrong: Any = {"self": 1}
        with pytest.raises(RoutingConfigError, match=r"route\.self"):
            Route(**BASE, **wrong)

    @pytest.mark.parametrize("name", ["secret_key", "public_key", "Secret_Key", "stripe_api_key"])
    def test_it_brings_no_key(self, name: str) -> None:
        fields: Any
        for fields in ({**BASE, name: "sk_live_abc"}, {**BASE, name: ""}, {name: None},
                       {**BASE, "metadata": {name: "x"}}):  # fmt: skip
            with pytest.raises(RouteKeyOverrideError) as caught:
                build_route(fields, "stripe.eu.finance.bot")
            assert "stripe.eu.finance.bot." in str(caught.value)
            assert "sk_live_abc" not in str(caught.value)
            with pytest.raises(RouteKeyOverrideError, match=r"route\."):
                Route(**fields)

    @pytest.mark.parametrize("field", ["product_id", "description", "user_email"])
    def test_no_error_repeats_a_key(self, field: str) -> None:
        with pytest.raises(RouteKeyOverrideError) as caught:
            build_route({**BASE, field: "sk_live_abc"}, "x")
        assert "sk_live_abc" not in repr(caught.value)
        assert "sk_live_abc" not in str(caught.value.__cause__)
        assert caught.value.__cause__ is None


class TestOverrideRule:
    def test_it_knows_which_fields_it_changes(self) -> None:
        rule = build_override({**RULE, "route": {"price_id": "price_2", "currency": "EUR"}})
        assert (rule.domain, rule.region) == ("stripe", "default")
        assert rule.route.changes == {"currency": "eur", "price_id": "price_2"}
        assert build_override(rule) is rule
        assert isinstance(rule.route, RoutePatch)

    def test_any_mapping_will_do(self) -> None:
        rule = {**RULE, "route": MappingProxyType({"price_id": "price_2"})}
        assert build_override(MappingProxyType(rule)) == build_override(RULE)

    @pytest.mark.parametrize(
        ("changed", "shown"),
        [
            ({"route": {}}, "override.route"),
            ({"route": {"price_id": None}}, "override.route.price_id"),
            ({"route": {"prise": "x"}}, "override.route.prise"),
            ({"route": {"price_id": "prod_1"}}, "override.route.price_id"),
            ({"route": {1: "x"}}, "override.route"),
            ({"route": "price_2"}, "override.route"),
            ({"route": None}, "override.route"),
            ({"key": "region"}, "'region'"),
            ({"key": ""}, "override.key"),
            ({"key": "a b"}, "'a b'"),
            ({"key": 5}, "override.key"),
            ({"value": ""}, "override.value"),
            ({"value": True}, "override.value"),
            ({"domain": "a:b"}, "domain"),
            ({"region": ""}, "region"),
            ({"bot_name": "a b"}, "'a b'"),
            ({"business_category": None}, "override.business_category"),
            ({"rout": {}}, "override.rout"),
        ],
        ids=case,
    )
    def test_what_cannot_be_used(self, changed: dict[str, Any], shown: str) -> None:
        with pytest.raises(RoutingConfigError) as caught:
            build_override({**RULE, **changed})
        assert shown in str(caught.value)

    def test_what_is_missing(self) -> None:
        with pytest.raises(RoutingConfigError) as caught:
            build_override({})
        for name in RULE:
            assert f"override.{name}" in str(caught.value)
        wrong: Any = [RULE]
        with pytest.raises(RoutingConfigError, match="override"):
            build_override(wrong)

    @pytest.mark.parametrize(
        "changed",
        [{"secret_key": "x"}, {"route": {"secret_key": "x"}}, {"route": {"public_key": None}},
         {"key": "api_key"}, {"key": "secret_key"}, {"value": "sk_live_abc"},
         {"route": {"description": "sk_live_abc"}}, {"route": {"metadata": {"secret_key": "x"}}}],
        ids=str,
    )  # fmt: skip
    def test_it_brings_no_key(self, changed: dict[str, Any]) -> None:
        with pytest.raises(RouteKeyOverrideError, match=r"override\.") as caught:
            build_override({**RULE, **changed})
        assert "sk_live_abc" not in str(caught.value)

    def test_built_directly_it_is_held_to_the_same_fields(self) -> None:
        with pytest.raises(ValidationError):
            OverrideRule(**{**RULE, "rout": {}})

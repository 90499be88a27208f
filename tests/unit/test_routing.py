"""A bot id and a call's overrides lead to exactly one route, or to a clear error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.errors import (
    InvalidBotIdError,
    InvalidCurrencyError,
    RouteKeyOverrideError,
    RoutingConfigError,
    RoutingError,
    UnknownOverrideError,
    UnknownRouteError,
    UnsupportedCategoryError,
    UnsupportedDomainError,
)
from stripe_billing_router.routing.route import Route
from stripe_billing_router.routing.table import Resolution, RouteKey, RoutingTable

BASE = {
    "product_id": "prod_finance_router",
    "price_id": "price_finance_standard",
    "customer_id": "cus_finance_default",
}
EU = {**BASE, "price_id": "price_finance_eu"}
BOT = "finance:finance_router_bot"
NAMED = {
    "business_category": "business category",
    "bot_name": "bot",
    "domain": "domain",
    "region": "region",
}
ENTERPRISE = {
    "business_category": "finance",
    "bot_name": "finance_router_bot",
    "key": "business",
    "value": "enterprise",
    "route": {"price_id": "price_finance_enterprise"},
}


@pytest.fixture
def table() -> RoutingTable:
    table = RoutingTable()
    table.register("finance", "finance_router_bot", BASE)
    table.register("finance", "finance_router_bot", EU, region="eu")
    table.register("finance", "eu_only_bot", {**EU, "currency": "EUR"}, region="eu")
    table.register("support", "helper", BASE, domain="labs")
    table.register_override(ENTERPRISE)
    return table


def message_of(error: type[RoutingError], table: RoutingTable, *call: Any) -> str:
    with pytest.raises(RoutingError) as caught:
        table.resolve(*call)
    assert type(caught.value) is error
    assert caught.value.money_moved == "no"
    return str(caught.value)


class TestBase:
    def test_the_domain_and_the_region_have_defaults(self, table: RoutingTable) -> None:
        found = table.resolve(BOT)
        assert found.route == Route(**BASE)
        assert found.route == table.resolve("stripe:" + BOT).route
        assert (found.bot.canonical, found.region) == (BOT, "default")

    def test_another_domain_is_another_table(self, table: RoutingTable) -> None:
        assert table.resolve("labs:support:helper").route.price_id == "price_finance_standard"

    def test_a_region_picks_its_own_base_route(self, table: RoutingTable) -> None:
        found = table.resolve(BOT, {"region": "eu"})
        assert (found.route.price_id, found.region) == ("price_finance_eu", "eu")
        assert table.resolve(BOT, {"region": "default"}).route.price_id == BASE["price_id"]
        assert table.resolve(BOT, {}).route.price_id == BASE["price_id"]

    @pytest.mark.parametrize("bot_id", ["", "finance", "a:b:c:d", "finance: bot", None, 7])
    def test_what_is_no_bot_id(self, table: RoutingTable, bot_id: Any) -> None:
        message_of(InvalidBotIdError, table, bot_id)

    def test_each_unknown_part_has_its_own_error_with_its_neighbours(
        self, table: RoutingTable
    ) -> None:
        said = message_of(UnsupportedDomainError, table, "stirpe:finance:finance_router_bot")
        assert "stirpe" in said
        assert "stripe" in said
        said = message_of(UnsupportedCategoryError, table, "finanze:finance_router_bot")
        assert "finanze" in said
        assert "finance" in said
        said = message_of(UnknownRouteError, table, "finance:finance_ruter_bot")
        assert "finance_ruter_bot" in said
        assert "finance_router_bot" in said
        said = message_of(UnknownRouteError, table, "finance:finanse_ruter_bod")  # three errors
        assert "finance_router_bot" in said

    def test_of_many_neighbours_five_are_shown(self) -> None:
        table = RoutingTable()
        for number in range(7):
            table.register("finance", f"payments_bot_{number}{number}", BASE)
        said = message_of(UnknownRouteError, table, "finance:payments_bot")
        assert said.count("payments_bot_") == 5

    def test_without_neighbours_the_first_names_are_listed(self, table: RoutingTable) -> None:
        said = message_of(UnsupportedDomainError, table, "zz:a:b")
        assert 0 < said.index("stripe") < said.index("labs")
        assert "finance" in message_of(UnsupportedCategoryError, table, "zz:b")
        message_of(UnsupportedDomainError, RoutingTable(), BOT)
        names = [f"b{number}" * 9 for number in range(7)]
        for number, name in enumerate(names):
            table.register("many", name, BASE)
            if number < 6:
                table.register("six", name, BASE)
        for category in ("many", "six"):
            said = message_of(UnknownRouteError, table, f"{category}:qqqqqqqqqq")
            assert [name for name in names if name in said] == names[:5]

    def test_a_bot_of_other_regions_is_told_which(self, table: RoutingTable) -> None:
        said = message_of(UnknownRouteError, table, "finance:eu_only_bot")
        assert "default" in said
        assert "'eu'" in said
        said = message_of(UnknownOverrideError, table, BOT, {"region": "us"})
        for region in ("us", "default", "eu"):
            assert region in said
        message_of(UnknownOverrideError, table, "finance:eu_only_bot", {"region": "default"})
        message_of(UnknownRouteError, table, "finance:nobody", {"region": "us"})
        message_of(UnknownOverrideError, table, BOT, {"region": ""})
        message_of(UnknownOverrideError, table, BOT, {"region": "EU"})


class TestOverrides:
    def test_a_registered_override_changes_its_fields_only(self, table: RoutingTable) -> None:
        found = table.resolve(BOT, {"business": "enterprise"})
        assert found.route == Route(**{**BASE, "price_id": "price_finance_enterprise"})
        assert found.base == Route(**BASE)

    def test_the_stored_rule_never_changes(self, table: RoutingTable) -> None:
        before = dict(table.routes)
        table.resolve(BOT, {"business": "enterprise"})
        table.resolve(BOT, {"business": "enterprise", "region": "eu"})
        assert dict(table.routes) == before
        assert table.resolve(BOT).route.price_id == "price_finance_standard"

    def test_a_region_without_its_own_uses_the_default_regions(self, table: RoutingTable) -> None:
        eu = {"business": "enterprise", "region": "eu"}
        assert table.resolve(BOT, eu).route.price_id == "price_finance_enterprise"
        table.register_override(
            {**ENTERPRISE, "region": "eu", "route": {"price_id": "price_eu_enterprise"}}
        )
        assert table.resolve(BOT, eu).route.price_id == "price_eu_enterprise"
        assert (
            table.resolve(BOT, {"business": "enterprise"}).route.price_id
            == "price_finance_enterprise"
        )

    def test_a_regions_override_is_not_the_default_regions(self, table: RoutingTable) -> None:
        table.register_override({**ENTERPRISE, "region": "eu", "value": "startup"})
        eu = table.resolve(BOT, {"business": "startup", "region": "eu"})
        assert eu.route.price_id == "price_finance_enterprise"
        said = message_of(UnknownOverrideError, table, BOT, {"business": "startup"})
        assert "enterprise" in said

    def test_what_matches_nothing_is_an_error_and_not_the_base_price(
        self, table: RoutingTable
    ) -> None:
        said = message_of(UnknownOverrideError, table, BOT, {"business": "enterprize"})
        for name in ("business", "enterprize", "enterprise"):
            assert name in said
        said = message_of(UnknownOverrideError, table, BOT, {"busines": "enterprise"})
        assert "'busines'" in said
        assert "business" in said
        enterprise = {"business": "enterprise"}
        said = message_of(UnknownOverrideError, table, "labs:support:helper", enterprise)
        assert "business" in said
        both = {"business": "enterprise", "segment": "x"}
        message_of(UnknownOverrideError, table, BOT, both)

    def test_the_order_of_overrides_does_not_matter(self, table: RoutingTable) -> None:
        table.register_override(
            {**ENTERPRISE, "key": "a", "value": "1", "route": {"currency": "EUR"}}
        )
        one = table.resolve(BOT, {"business": "enterprise", "a": "1"})
        other = table.resolve(BOT, {"a": "1", "business": "enterprise"})
        assert one == other
        assert (one.route.price_id, one.route.currency) == ("price_finance_enterprise", "eur")
        assert [rule.key for rule in one.rules] == ["a", "business"]

    def test_two_that_disagree_are_refused(self, table: RoutingTable) -> None:
        vip = {**ENTERPRISE, "key": "segment", "value": "vip"}
        table.register_override({**vip, "route": {"price_id": "price_vip"}})
        both = {"business": "enterprise", "segment": "vip"}
        said = message_of(RoutingError, table, BOT, both)
        for name in ("business", "enterprise", "segment", "vip", "price_id"):
            assert name in said
        # Wanting the same is no disagreement.
        table.register_override(vip)
        assert table.resolve(BOT, both).route.price_id == "price_finance_enterprise"

    @pytest.mark.parametrize(
        "overrides",
        [{"business": True}, {"business": 1}, {"business": None}, {"business": ["enterprise"]},
         {1: "enterprise"}, {"region": None}, {"region": 1}, ["region"], "region", 5],
    )  # fmt: skip
    def test_overrides_are_text_to_text(self, table: RoutingTable, overrides: Any) -> None:
        message_of(UnknownOverrideError, table, BOT, overrides)

    @pytest.mark.parametrize("key", ["secret_key", "public_key", "api_key", "SECRET_KEY"])
    def test_a_call_brings_no_key(self, table: RoutingTable, key: str) -> None:
        said = message_of(RouteKeyOverrideError, table, BOT, {key: "sk_live_abc"})
        assert f"overrides.{key}" in said
        assert "sk_live_abc" not in said
        message_of(RouteKeyOverrideError, table, BOT, {"business": "sk_live_abc"})
        message_of(RouteKeyOverrideError, table, BOT, {"region": "sk_live_abc"})

    def test_registering_again_replaces_the_rule(self, table: RoutingTable) -> None:
        rule = table.register_override({**ENTERPRISE, "route": {"price_id": "price_new"}})
        assert rule.route.changes == {"price_id": "price_new"}
        assert table.resolve(BOT, {"business": "enterprise"}).route.price_id == "price_new"

    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"bot_name": "finance_ruter_bot"}, UnknownRouteError),
            ({"business_category": "finanze"}, UnsupportedCategoryError),
            ({"domain": "stirpe"}, UnsupportedDomainError),
            ({"region": "us"}, UnknownRouteError),
            ({"domain": "labs"}, UnsupportedCategoryError),
        ],
    )
    def test_an_override_needs_a_route_to_change(
        self, table: RoutingTable, changed: dict[str, str], error: type[RoutingError]
    ) -> None:
        with pytest.raises(RoutingError) as caught:
            table.register_override({**ENTERPRISE, **changed})
        assert type(caught.value) is error

    def test_a_bot_of_other_regions_may_have_a_default_override(self, table: RoutingTable) -> None:
        table.register_override({**ENTERPRISE, "bot_name": "eu_only_bot"})
        found = table.resolve("finance:eu_only_bot", {"region": "eu", "business": "enterprise"})
        assert found.route.price_id == "price_finance_enterprise"


class TestCurrency:
    def test_usd_is_assumed_in_the_default_region_only(self, table: RoutingTable) -> None:
        assert table.resolve(BOT).currency == "usd"
        assert table.resolve(BOT).require_currency() == "usd"
        assert table.resolve(BOT).route.currency is None
        eu = table.resolve(BOT, {"region": "eu"})
        assert eu.currency is None
        with pytest.raises(InvalidCurrencyError, match=BOT) as caught:
            eu.require_currency()
        assert "region eu" in str(caught.value)

    def test_a_named_one_is_used_everywhere(self, table: RoutingTable) -> None:
        assert table.resolve("finance:eu_only_bot", {"region": "eu"}).require_currency() == "eur"
        table.register("finance", "finance_router_bot", {**BASE, "currency": "gbp"})
        assert table.resolve(BOT).currency == "gbp"


class TestExplanation:
    def test_it_says_which_rule_gave_the_price(self, table: RoutingTable) -> None:
        assert table.resolve(BOT).explanation == (
            "base route stripe.default.finance.finance_router_bot: price_id price_finance_standard",
        )
        changes = {"metadata": {"team": "a"}, "currency": "eur"}
        table.register_override({**ENTERPRISE, "key": "team", "value": "a", "route": changes})
        found = table.resolve(BOT, {"team": "a", "region": "eu", "business": "enterprise"})
        assert found.explanation == (
            "base route stripe.eu.finance.finance_router_bot: price_id price_finance_eu",
            "override business=enterprise of the region default: price_id price_finance_enterprise",
            "override team=a of the region default: currency eur, metadata {'team': 'a'}",
        )


class TestTable:
    def test_the_view_is_live_and_cannot_be_written(self, table: RoutingTable) -> None:
        view: Any = table.routes
        key: RouteKey = ("stripe", "default", "analytics", "new_bot")
        assert key not in view
        assert len(view) == 4
        table.register("analytics", "new_bot", BASE)
        assert view[key] == Route(**BASE)
        assert len(view) == 5
        assert key in list(view)
        assert (key, Route(**BASE)) in view.items()
        assert "5 routes" in repr(view)
        for attempt in ("__setitem__", "__delitem__", "clear", "update", "pop"):
            assert not hasattr(view, attempt)

    def test_iterating_while_others_register(self, table: RoutingTable) -> None:
        seen = 0
        for number, _ in enumerate(table.routes.items()):
            table.register("analytics", f"bot{number}", BASE)
            seen += 1
        for number, _ in enumerate(table.routes):
            table.register("analytics", f"more{number}", BASE)
        assert seen == 4

    def test_registering_again_changes_the_route(self, table: RoutingTable) -> None:
        assert table.register("finance", "finance_router_bot", EU) == Route(**EU)
        assert table.resolve(BOT).route.price_id == "price_finance_eu"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"business_category": ""},
            {"business_category": "a:b"},
            {"bot_name": "b t"},
            {"bot_name": None},
            {"domain": ""},
            {"region": "e u"},
        ],
    )
    def test_names_that_no_bot_id_can_spell_are_refused(
        self, table: RoutingTable, wrong: dict[str, Any]
    ) -> None:
        (what,) = wrong
        with pytest.raises(InvalidBotIdError, match=NAMED[what]):
            table.register(**{"business_category": "a", "bot_name": "b", "route": BASE, **wrong})
        assert len(table.routes) == 4

    def test_a_bad_route_leaves_the_table_as_it_was(self, table: RoutingTable) -> None:
        with pytest.raises(RoutingConfigError, match=r"labs\.us\.finance\.bot\.price_id"):
            table.register(
                "finance", "bot", {**BASE, "price_id": "prod_1"}, domain="labs", region="us"
            )
        with pytest.raises(RouteKeyOverrideError, match=r"stripe\.default\.finance\.bot\.secret_k"):
            table.register("finance", "bot", {**BASE, "secret_key": "sk_live_abc"})
        assert len(table.routes) == 4

    def test_reading_the_file_again_replaces_its_routes_and_no_others(self) -> None:
        table = RoutingTable()
        view = table.routes
        key: RouteKey = ("stripe", "default", "finance", "finance_router_bot")
        other: RouteKey = ("stripe", "default", "old", "bot")
        table.replace_all({key: Route(**BASE), other: Route(**BASE)})
        table.register("finance", "by_code", BASE)
        table.register_override(ENTERPRISE)
        table.replace_all({key: Route(**EU)})
        assert view[key].price_id == "price_finance_eu"
        assert other not in view
        message_of(UnsupportedCategoryError, table, "old:bot")
        assert table.resolve("finance:by_code").route == Route(**BASE)
        enterprise = table.resolve(BOT, {"business": "enterprise"})
        assert enterprise.route.price_id == "price_finance_enterprise"
        table.register("finance", "finance_router_bot", BASE)
        table.replace_all({key: Route(**EU)})
        assert table.resolve(BOT).route.price_id == "price_finance_standard"


parts = st.sampled_from(["a", "b", "c"])
keys = st.tuples(parts, st.sampled_from(["default", "eu"]), parts, parts)


@given(
    registered=st.dictionaries(keys, st.integers(0, 99), max_size=12),
    asked=keys,
    names_region=st.booleans(),
)
def test_any_table_resolves_to_what_was_registered_or_to_an_error(
    registered: dict[RouteKey, int], asked: RouteKey, names_region: bool
) -> None:
    table = RoutingTable()
    for (domain, region, category, bot), number in registered.items():
        route = {**BASE, "price_id": f"price_{number}"}
        table.register(category, bot, route, domain=domain, region=region)
    domain, region, category, bot = asked
    overrides = {"region": region} if names_region else None
    wanted = (domain, region if names_region else "default", category, bot)
    try:
        found: Resolution | RoutingError = table.resolve(f"{domain}:{category}:{bot}", overrides)
    except RoutingError as error:
        found = error
    bots = {key[:1] + key[2:] for key in registered}
    if isinstance(found, Resolution):
        assert found.route.price_id == f"price_{registered[wanted]}"
    elif domain not in {name for name, _, _ in bots}:
        assert type(found) is UnsupportedDomainError
    elif (domain, category) not in {(name, group) for name, group, _ in bots}:
        assert type(found) is UnsupportedCategoryError
    elif (domain, category, bot) in bots and names_region:
        assert type(found) is UnknownOverrideError
    else:
        assert type(found) is UnknownRouteError
    assert isinstance(found, Resolution) == (wanted in registered)

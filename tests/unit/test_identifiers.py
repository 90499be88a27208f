"""Bot ids, Stripe ids, metadata and business keys: what passes, and what is refused and how."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.identifiers import (
    BotId,
    check_id,
    check_idempotency_key,
    check_metadata,
    check_name,
    id_pattern,
    parse_bot_id,
    refuse_stripe_keys,
    shown,
)
from stripe_billing_router.errors import (
    InputError,
    InvalidBotIdError,
    InvalidIdentifierError,
    RouteKeyOverrideError,
    RoutingError,
)
from support.names import case

names = st.text("abcXYZ019_.-", min_size=1, max_size=20)


class TestBotIds:
    def test_the_domain_defaults_to_stripe(self) -> None:
        short = parse_bot_id("finance:finance_router_bot")
        assert short == BotId("stripe", "finance", "finance_router_bot")
        assert parse_bot_id("stripe:finance:finance_router_bot") == short
        assert short.canonical == "finance:finance_router_bot"

    def test_another_domain_stays_in_the_canonical_form(self) -> None:
        assert parse_bot_id("adyen:finance:bot").canonical == "adyen:finance:bot"

    @given(names, names, names)
    def test_the_canonical_form_names_the_same_bot(
        self, domain: str, category: str, bot: str
    ) -> None:
        parsed = parse_bot_id(f"{domain}:{category}:{bot}")
        assert parsed == (domain, category, bot)
        assert parse_bot_id(parsed.canonical) == parsed

    @pytest.mark.parametrize(
        "text",
        ["", "bot", ":", "a:", ":b", "::", "a::b", ":a:b", "a:b:", "a:b:c:d", "a b:c", "a:b ",
         " a:b", "a:b\n", "a\t:b", "a:b\0", "ä:b", "a:*", "a:?", "a:[b]", "a/b:c", "a:b,c:d",
         "x" * 101 + ":b", "a:" + "x" * 101, "a:b" * 100_000, None, 5, b"a:b", ["a", "b"]],
        ids=case,
    )  # fmt: skip
    def test_anything_else_is_refused(self, text: Any) -> None:
        with pytest.raises(InvalidBotIdError, match="category:bot") as caught:
            parse_bot_id(text)
        assert isinstance(caught.value, RoutingError)
        assert len(str(caught.value)) < 300

    @given(st.text())
    def test_any_text_parses_to_its_parts_or_is_refused(self, text: str) -> None:
        try:
            parsed = parse_bot_id(text)
        except InvalidBotIdError:
            return
        assert text.split(":") == [*parsed][3 - len(text.split(":")) :]
        assert text.isascii()

    @pytest.mark.parametrize("name", ["eu", "a-b.c_D9", "x" * 100])
    def test_names_that_pass(self, name: str) -> None:
        assert check_name("region", name) == name

    @pytest.mark.parametrize("name", ["", "a:b", "a b", "é", "x" * 101, None, 1])
    def test_names_that_do_not(self, name: Any) -> None:
        with pytest.raises(InvalidBotIdError, match="region"):
            check_name("region", name)


class TestStripeIds:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("account", "acct_master"),
            ("product", "prod_finance_router"),
            ("price", "price_finance_standard"),
            ("price", "plan_E1"),
            ("customer", "cus_finance_default"),
            ("payment_intent", "pi_test"),
            ("payment_intent", "pi_3MtwBwLkdIwHu7ix28a3tqPa"),
            ("payment", "pi_test"),
            ("payment", "in_1"),
            ("invoice", "in_1MtHbELkdIwHu7ixl4OzzPMv"),
            ("payment_method", "pm_1"),
            ("payment_method", "card_1"),
            ("payment_method", "src_1"),
            ("payment_method", "ba_1"),
            ("charge", "ch_1"),
            ("charge", "py_1"),
            ("refund", "re_1"),
            ("refund", "pyr_1"),
            ("subscription", "sub_1"),
            ("checkout_session", "cs_live_a1"),
            ("product", "prod_top_secret_sauce"),
            ("price", "price_" + "x" * 249),
        ],
    )
    def test_ids_that_pass(self, kind: str, value: str) -> None:
        assert check_id(kind, value) == value

    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [
            ("price", "prod_1", ("price_", "plan_")),
            ("product", "price_1", ("prod_",)),
            ("customer", "acct_1", ("cus_",)),
            ("account", "cus_1", ("acct_",)),
            ("invoice", "pi_1", ("in_",)),
            ("payment", "ch_1", ("pi_", "in_")),
            ("payment_method", "cus_1", ("pm_", "card_")),
        ],
    )
    def test_an_id_of_another_kind_is_named_beside_what_is_expected(
        self, kind: str, value: str, expected: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidIdentifierError) as caught:
            check_id(kind, value)
        for part in (value, *expected):
            assert part in str(caught.value)

    @pytest.mark.parametrize(
        "value",
        ["", "price_", "price", "Price_1", " price_1", "price_1 ", "price_1\n", "price_1/../x",
         "price_é", "price_1-2", "xprice_1", "price_" + "x" * 250, "price-" + "x" * 249,
         None, 5, b"price_1"],
        ids=case,
    )  # fmt: skip
    def test_what_is_no_id_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidIdentifierError) as caught:
            check_id("price", value)
        assert "price_" in str(caught.value)
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("payment_intent", "pi_1_secret_2"),
            ("payment", "pi_1_secret_2"),
            ("checkout_session", "cs_1_secret_2"),
        ],
        ids=case,
    )
    def test_a_client_secret_is_no_id(self, kind: str, value: str) -> None:
        with pytest.raises(InvalidIdentifierError) as caught:
            check_id(kind, value)
        assert value not in str(caught.value)

    @pytest.mark.parametrize("kind", ["price", "payment_intent", "customer", "account"])
    def test_a_key_in_the_place_of_an_id_is_not_repeated(self, kind: str) -> None:
        for secret in ("sk_live_51Habc", "rk_live_abcdef", "pi_1_secret_abc", "whsec_abcdef"):
            with pytest.raises(InvalidIdentifierError) as caught:
                check_id(kind, secret)
            assert secret not in str(caught.value)

    def test_a_key_behind_a_prefix_is_none_either(self) -> None:
        with pytest.raises(InvalidIdentifierError) as caught:
            check_id("price", "price_sk_live_51Habc")
        assert "51Habc" not in str(caught.value)

    def test_the_pattern_is_the_one_that_editors_check(self) -> None:
        assert id_pattern("price") == "^(?:price|plan)_[A-Za-z0-9_]+$"


class TestIdempotencyKeys:
    @pytest.mark.parametrize("key", ["a", "order-1", "run 7 step 2", "~!@#", "x" * 255])
    def test_keys_that_pass(self, key: str) -> None:
        assert check_idempotency_key(key) == key

    @pytest.mark.parametrize(
        "key",
        ["", " ", " a", "a ", "a\n", "a\tb", "é", "x" * 256, "\x7f", "\0", None, 1, b"a"],
        ids=case,
    )
    def test_keys_that_do_not(self, key: Any) -> None:
        with pytest.raises(InputError):
            check_idempotency_key(key)

    @pytest.mark.parametrize(
        "secret",
        ["sk_live_51H", "run-rk_test_a", "pk_org_live_a", "whsec_abc", "pi_1_secret_2",
         "order pi_3Mt_secret_", "seti_1_secret_2", "cs_live_a1_secret_b", "src_1_secret_2",
         "pi_a_b_secret_2"],
    )  # fmt: skip
    def test_a_secret_would_be_stored_and_is_refused_unshown(self, secret: str) -> None:
        with pytest.raises(InputError) as caught:
            check_idempotency_key(secret)
        assert secret not in str(caught.value)

    @pytest.mark.parametrize("inside", "AMZamz059_-")
    def test_a_token_of_vault_or_kubernetes_is_refused_too(self, inside: str) -> None:
        tokens = [f"hv{kind}.{inside * 8}" for kind in "sbr"]
        tokens += [f"eyJ{inside * 4}.eyJ", f"eyJ{inside * 40}.eyJ"]
        for token in tokens:
            with pytest.raises(InputError) as caught:
                check_idempotency_key(f"run {token}")
            assert token not in str(caught.value)

    @pytest.mark.parametrize("before", "AMZamz059")
    def test_what_only_looks_like_a_token_passes(self, before: str) -> None:
        for text in ("hvs.abcdefgh", "eyJabcd.eyJ"):
            assert check_idempotency_key(before + text)

    @pytest.mark.parametrize(
        "key",
        ["hvs.abcdefg", "hvs.abc@efgh", "hvsxabcdefgh", "hva.abcdefgh", "vs.abcdefgh",
         "hvs.abcdefg@", "eyJabc.eyJ", "eyJabcdxeyJ", "eyJabcd.eyj", "yJabcd.eyJ", "eyJab@d.eyJ",
         "task_live_2", "ask_live_2", "pi_1", "api_1_secret_2", "pi__secret_1", "my_secret_1",
         "pi_1_secret", "pi_1_secret-2", "pi_1-secret_2", "pi-1_secret_2",
         "i_1_secret_2", "eti_1_secret_2", "s_1_secret_2", "rc_1_secret_2", "pi_-_secret_2",
         "pi_a@b_secret_2"],
    )  # fmt: skip
    def test_what_only_looks_like_a_secret_passes(self, key: str) -> None:
        assert check_idempotency_key(key) == key


class TestMetadata:
    def test_whole_numbers_become_text(self) -> None:
        assert check_metadata({"order": 7, "run": "a b"}) == {"order": "7", "run": "a b"}
        assert check_metadata({"order": (1 << 64) - 1}) == {"order": "18446744073709551615"}

    def test_none_is_none_and_any_mapping_will_do(self) -> None:
        assert check_metadata(None) == {}
        assert check_metadata(MappingProxyType({"a": "b"})) == {"a": "b"}

    def test_the_largest_that_pass(self) -> None:
        largest = {f"{'k' * 38}{number}": "v" * 500 for number in range(10, 50)}
        assert check_metadata(largest) == largest

    def test_a_bot_may_be_called_task_live(self) -> None:
        assert check_metadata({"run": "task_live_2", "monkey": "x", "keys": "1"})

    @pytest.mark.parametrize(
        ("metadata", "shown"),
        [
            ([("a", "b")], ""),
            ("text", ""),
            ({str(number): "x" for number in range(41)}, "41"),
            ({"": "x"}, ""),
            ({"k" * 41: "x"}, "40"),
            ({1: "x"}, ""),
            ({"a[b]": "x"}, "a[b]"),
            ({"a]": "x"}, "a]"),
            ({"a[": "x"}, "a["),
            ({"a\n": "x"}, ""),
            ({"sbr_operation": "x"}, "sbr_"),
            ({"SBR_x": "x"}, "SBR_x"),
            ({"a": ""}, "'a'"),
            ({"a": "v" * 501}, "501"),
            ({"a": True}, "bool"),
            ({"a": 1.5}, "float"),
            ({"a": None}, "NoneType"),
            ({"a": {"b": "c"}}, "dict"),
            ({"a": 1 << 64}, "'a'"),
            ({"a": "\0"}, "'a'"),
            ({"a": "\ud800"}, "'a'"),
        ],
        ids=case,
    )
    def test_what_stripe_or_the_router_cannot_keep_is_refused(
        self, metadata: Any, shown: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            check_metadata(metadata)
        assert shown in str(caught.value)


class TestStripeKeys:
    @pytest.mark.parametrize(
        "name",
        ["secret_key", "public_key", "SECRET_KEY", "secretKey", "Public-Key", "stripe_secret_key",
         "api_key", "apikey", "publishable_key", "private_key", "restricted_key", "stripe_key",
         "secret_keys", "stripe_secret", "stripeSecret", "stripe - secret", "secret key",
         "secret_key_id"],
    )  # fmt: skip
    @pytest.mark.parametrize("value", ["x", "", None, {}])
    def test_a_field_that_names_a_key_is_refused_whatever_it_holds(
        self, name: str, value: Any
    ) -> None:
        with pytest.raises(RouteKeyOverrideError, match="route"):
            refuse_stripe_keys({name: value}, "route")
        with pytest.raises(RouteKeyOverrideError):
            refuse_stripe_keys({"a": [{"b": {name: value}}]}, "route")
        with pytest.raises(RouteKeyOverrideError):
            check_metadata({name: "x"})

    @pytest.mark.parametrize(
        "secret",
        ["sk_live_51H", "rk_live_abc", "pk_live_x", "sk_test_x", "sk_org_live_x", "whsec_abc",
         "my key is sk_live_51H!"],
    )  # fmt: skip
    def test_a_key_as_a_value_is_refused_and_not_repeated(self, secret: str) -> None:
        for value in (secret, [secret], {"a": secret}, ({"b": {secret}},), frozenset({secret})):
            with pytest.raises(RouteKeyOverrideError) as caught:
                refuse_stripe_keys({"description": value}, "route")
            assert "route.description" in str(caught.value)
            assert secret not in str(caught.value)

    @pytest.mark.parametrize(
        "name",
        ["ecret_key", "ublic_key", "ublishable_key", "rivate_key", "estricted_key", "tripe_key",
         "pi_key", "tripe_secret", "key", "secret", "public", "api", "api_keyboard", "secret_ke",
         "stripe_secre"],
    )  # fmt: skip
    def test_a_field_of_another_name_passes(self, name: str) -> None:
        refuse_stripe_keys({name: "x"}, "route")

    @pytest.mark.parametrize("inside", "amz059")
    def test_words_that_are_joined_by_a_letter_or_digit_name_no_key(self, inside: str) -> None:
        for name in (f"secret{inside}key", f"stripe{inside}secret", f"stripe_{inside}_secret"):
            refuse_stripe_keys({name: "x"}, "route")

    @pytest.mark.parametrize("after", "amz")
    def test_a_longer_word_names_no_key(self, after: str) -> None:
        for name in (f"api_key{after}", f"api_keys{after}"):
            refuse_stripe_keys({name: "x"}, "route")

    @pytest.mark.parametrize("before", "AMZamz059")
    def test_a_key_inside_a_word_is_none(self, before: str) -> None:
        for text in ("sk_live_a", "whsec_a"):
            refuse_stripe_keys({"a": before + text}, "route")
        assert check_idempotency_key(f"{before}pi_1_secret_2")

    @pytest.mark.parametrize("after", "AMZamz059")
    def test_a_key_begins_with_any_letter_or_digit(self, after: str) -> None:
        for kind in ("sk", "pk", "rk", "sk_org", "pk_org", "rk_org"):
            for mode in ("live", "test"):
                with pytest.raises(RouteKeyOverrideError):
                    refuse_stripe_keys({"a": f"see {kind}_{mode}_{after}"}, "route")
        with pytest.raises(RouteKeyOverrideError):
            refuse_stripe_keys({"a": f"whsec_{after}"}, "route")
        with pytest.raises(InputError):
            check_idempotency_key(f"pi_{after}_secret_")

    @pytest.mark.parametrize(
        "text",
        ["sk_live_", "sk_live__", "sk_live_-", "whsec_", "whsec_-", "ak_live_a", "sklive_a",
         "sk_livea", "sk_orglive_a", "whseca", "k_live_a", "hsec_a"],
    )  # fmt: skip
    def test_what_is_cut_short_or_spelled_otherwise_is_no_key(self, text: str) -> None:
        refuse_stripe_keys({"a": text}, "route")

    @pytest.mark.parametrize(
        "value", ["plain", 5, None, {"key": "x"}, {"monkey": "sk_live"}, {"task": "ask_live_2"}, []]
    )
    def test_what_is_no_key_passes(self, value: Any) -> None:
        refuse_stripe_keys({"a": value}, "route")

    def test_a_call_is_told_where_the_key_stands(self) -> None:
        with pytest.raises(RouteKeyOverrideError, match=r"metadata\.run"):
            check_metadata({"run": "sk_live_abc"})

    def test_what_is_nested_without_end_is_refused(self) -> None:
        endless_list: list[Any] = []
        endless_list.append(endless_list)
        endless_mapping: dict[str, Any] = {}
        endless_mapping["a"] = endless_mapping
        for endless in (endless_list, endless_mapping):
            with pytest.raises(InputError, match="16"):
                refuse_stripe_keys(endless, "route")

    @pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
    def test_sixteen_levels_are_looked_through(self, wrap: Callable[[Any], Any]) -> None:
        nested: Any = "sk_live_abc"
        for _ in range(16):
            nested = wrap(nested)
        with pytest.raises(RouteKeyOverrideError):
            refuse_stripe_keys(nested, "route")
        with pytest.raises(InputError, match="16"):
            refuse_stripe_keys(wrap(nested), "route")


def test_a_long_value_is_cut_where_it_is_shown() -> None:
    assert shown("x" * 60) == repr("x" * 60)
    assert shown("x" * 61) == repr("x" * 60) + "…"
    assert shown(5) == "an int"

"""The routing file: each mistake stops the router with file, line and path; none is guessed at."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.errors import (
    ConfigurationError,
    RouteKeyOverrideError,
    RoutingConfigError,
)
from stripe_billing_router.routing import file as routing_file
from stripe_billing_router.routing.file import load_routes
from stripe_billing_router.routing.route import Route

SHIPPED = Path(__file__).parents[2] / "config" / "stripe_billing_router.yaml"
# Five levels down, so that a test adds its own lines as the fields of one route.
ROUTE = """\
stripe:
  default:
    finance:
      bot:
        product_id: prod_1
        price_id: price_1
        customer_id: cus_1
"""
IDS = {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_1"}
KEY = ("stripe", "default", "finance", "bot")


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with both parsers: a wheel without libyaml must refuse the same."""
    chosen = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(routing_file, "_LOADER", chosen)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "routes.yaml"


def refusal(file: Path, text: str | bytes) -> str:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(RoutingConfigError) as caught:
        load_routes(file)
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.__cause__ is None
    assert str(file) in str(caught.value)
    return str(caught.value).replace(str(file), "")


def says(said: str, line: int, *parts: str) -> bool:
    """Tell whether a refusal names this line and all these parts: a path, a value."""
    return f"line {line}" in said and all(part in said for part in parts)


def fields(text: str) -> str:
    """Return a file whose one route has these lines after its three ids, from line 8 on."""
    return ROUTE + textwrap.indent(text, " " * 8)


class TestWhatPasses:
    def test_the_shipped_file(self) -> None:
        routes = load_routes(SHIPPED)
        default = routes["stripe", "default", "finance", "finance_router_bot"]
        eu = routes["stripe", "eu", "finance", "finance_router_bot"]
        assert (default.product_id, default.price_id, default.customer_id, default.currency) == (
            "prod_finance_router",
            "price_finance_standard",
            "cus_finance_default",
            None,
        )
        assert (eu.price_id, eu.currency) == ("price_finance_eu", "eur")
        assert len(routes) == 2

    def test_the_path_may_be_text(self, file: Path) -> None:
        file.write_text(ROUTE)
        assert load_routes(str(file)) == {KEY: Route(**IDS)}

    def test_every_field(self, file: Path) -> None:
        file.write_text(
            fields(
                """\
currency: EUR
subscription_price_id: price_2
description: "yes: quoted, so it is text — with any letters"
payment_method_id: pm_1
user_email: bot@example.com
metadata: {team: a, "7": "8"}
"""
            ),
            encoding="utf-8",
        )
        route = load_routes(file)[KEY]
        assert route.currency == "eur"
        assert route.description == "yes: quoted, so it is text — with any letters"
        assert route.metadata == {"team": "a", "7": "8"}

    @pytest.mark.parametrize(
        "text",
        [
            ROUTE.replace("\n", "\r\n"),
            "\ufeff" + ROUTE,
            "%YAML 1.1\n---\n" + ROUTE + "...\n",
            "# only a comment before\n\n" + ROUTE,
            ROUTE.rstrip("\n"),
            "{stripe: {default: {finance: {bot: " + json.dumps(IDS) + "}}}}",
            ROUTE.replace("finance", '"finance"').replace("price_1", "'price_1'"),
            ROUTE.replace("price_1", ">-\n          price_1"),
        ],
        ids=["crlf", "bom", "directive", "comment", "no newline", "flow", "quoted", "folded"],
    )
    def test_the_same_route_in_other_spellings(self, file: Path, text: str) -> None:
        file.write_bytes(text.encode())
        assert load_routes(file) == {KEY: Route(**IDS)}

    def test_quoting_makes_names_of_what_yaml_reads_otherwise(self, file: Path) -> None:
        file.write_text(ROUTE.replace("default", '"no"').replace("finance", "'2026'"))
        assert list(load_routes(file)) == [("stripe", "no", "2026", "bot")]

    def test_a_bot_may_be_named_after_keys(self, file: Path) -> None:
        file.write_text(ROUTE.replace("bot:", "api_key_rotation:"))
        assert list(load_routes(file)) == [("stripe", "default", "finance", "api_key_rotation")]


class TestTheFile:
    def test_missing(self, file: Path) -> None:
        with pytest.raises(RoutingConfigError, match="STRIPE_ROUTING_CONFIG") as caught:
            load_routes(file)
        assert str(file) in str(caught.value)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RoutingConfigError) as caught:
            load_routes(tmp_path)
        assert str(tmp_path) in str(caught.value)

    def test_a_path_that_no_system_has(self) -> None:
        with pytest.raises(RoutingConfigError):
            load_routes("routes\0.yaml")

    def test_too_large(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routing_file, "_LARGEST_BYTES", len(ROUTE))
        file.write_text(ROUTE)
        assert load_routes(file)
        assert str(len(ROUTE)) in refusal(file, ROUTE + "#")

    @pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n...\n", "{}", "---\n{}\n"])
    def test_empty(self, file: Path, text: str) -> None:
        refusal(file, text)

    @pytest.mark.parametrize("text", ["stripe", "- stripe", "'stripe: {}'", "[]"])
    def test_no_mapping(self, file: Path, text: str) -> None:
        refusal(file, text)

    def test_not_utf_8(self, file: Path) -> None:
        assert says(refusal(file, ROUTE.encode() + b"\xff\n"), 8, "UTF-8")
        assert says(refusal(file, ROUTE.encode("utf-16")), 1, "UTF-8")

    def test_control_characters(self, file: Path) -> None:
        assert "YAML" in refusal(file, ROUTE + "\x00")

    def test_two_documents(self, file: Path) -> None:
        assert says(refusal(file, ROUTE + "---\na: b\n"), 8)

    def test_malformed_yaml_names_the_line_and_quotes_nothing(self, file: Path) -> None:
        said = refusal(file, ROUTE + "        currency: 'eur\n")
        assert "YAML" in said
        assert ", line " in said
        said = refusal(file, ROUTE + "        hidden: [hunter2\n      x: y: z\n")
        assert "hunter2" not in said


class TestTheTree:
    def test_a_name_that_is_there_twice(self, file: Path) -> None:
        said = refusal(file, fields("price_id: price_2\n"))
        assert says(said, 8, "stripe.default.finance.bot.price_id", "line 6")
        assert says(refusal(file, ROUTE + ROUTE), 8, "stripe", "line 1")
        assert says(refusal(file, ROUTE + '"stripe": {}\n'), 8, "stripe", "line 1")

    @pytest.mark.parametrize(
        ("text", "line", "shown"),
        [
            ("stripe:\n", 1, "stripe"),
            ("stripe: {}\n", 1, "stripe"),
            ("stripe:\n  default: ~\n", 2, "stripe.default"),
            ("stripe:\n  default:\n    fin: {}\n", 3, "stripe.default.fin"),
            ("stripe:\n  default:\n    fin:\n      bot: {}\n", 4, "stripe.default.fin.bot"),
            ("stripe:\n  default:\n    fin:\n      bot: null\n", 4, "stripe.default.fin.bot"),
            ("stripe: x\n", 1, "stripe"),
            ("stripe:\n  default:\n    fin:\n      bot: prod_1\n", 4, "stripe.default.fin.bot"),
            ("stripe:\n  default:\n    fin: [bot]\n", 3, "stripe.default.fin"),
            ("stripe:\n  default:\n    fin pay:\n      b: {}\n", 3, "'fin pay'"),
            ("str:ipe:\n  default: {a: {b: {}}}\n", 1, "'str:ipe'"),
            ("'':\n  default: {a: {b: {}}}\n", 1, "''"),
        ],
    )
    def test_a_level_that_is_empty_misnamed_or_no_mapping(
        self, file: Path, text: str, line: int, shown: str
    ) -> None:
        assert says(refusal(file, text), line, shown)

    @pytest.mark.parametrize("name", ["on", "no", "yes", "true", "1", "1.5", "2026-11-23", "0x1f"])
    def test_names_that_yaml_does_not_read_as_text(self, file: Path, name: str) -> None:
        said = refusal(file, ROUTE.replace("finance", name))
        assert says(said, 3, "stripe.default", f"'{name}'", "YAML")
        assert says(refusal(file, ROUTE.replace("finance", "~")), 3)

    @pytest.mark.parametrize("name", ["? {a: b}\n: c\n", "? [a]\n: c\n", "[a, b]: c\n"])
    def test_names_that_are_no_scalar(self, file: Path, name: str) -> None:
        assert says(refusal(file, name), 1)

    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [x]\nb: *a\n",
            "a: &a\n  b: c\n",
            "&a a: b\n",
            "a: &x b\n",
            ROUTE + "  eu: *x\n",
            ROUTE.replace("bot:", "bot: &base") + "      two:\n        <<: *base\n",
            'a: &a ["x","x"]\nb: &b [*a,*a]\nc: &c [*b,*b]\n',
        ],
    )
    def test_anchors_aliases_and_bombs(self, file: Path, text: str) -> None:
        line = text.count("\n", 0, text.index("&" if "&" in text else "*")) + 1
        assert says(refusal(file, text), line)

    def test_a_merge_key(self, file: Path) -> None:
        assert says(refusal(file, fields("<<: x\n")), 8, "stripe.default.finance.bot")

    @pytest.mark.parametrize(
        "text",
        [
            "!!python/object/apply:os.system ['true']\n",
            "a: !!python/name:os.system\n",
            "a: !!str b\n",
            "a: !custom b\n",
            "!!map {a: b}\n",
            "!x a: b\n",
            "a: ! b\n",
        ],
    )
    def test_tags(self, file: Path, text: str) -> None:
        assert says(refusal(file, text), 1)
        without = " ".join(word for word in text.split(" ") if not word.startswith("!"))
        assert refusal(file, text) != refusal(file, without)

    @pytest.mark.parametrize("opening", ["{a: ", "{", "["])
    def test_what_is_nested_without_end(self, file: Path, opening: str) -> None:
        # Some versions of libyaml refuse it themselves.
        assert says(refusal(file, "a: " + opening * 3000), 1)
        assert says(refusal(file, opening * 3000), 1)

    def test_what_is_nested_too_deep(self, file: Path) -> None:
        said = refusal(file, fields("metadata: {a: {b: {c: d}}}\n"))
        assert says(said, 8, "stripe.default.finance.bot.metadata.a")


class TestTheRoute:
    @pytest.mark.parametrize(
        ("text", "line", "shown"),
        [
            ("currency:\n", 8, "currency"),
            ("currency: ~\n", 8, "currency"),
            ("currency: null\n", 8, "currency"),
            ("currency: ''\n", 8, "currency"),
            ("currency: euro\n", 8, "currency 'euro'"),
            ("description: 2026\n", 8, "description '2026'"),
            ("description: yes\n", 8, "description 'yes'"),
            ("description: 1.5\n", 8, "description '1.5'"),
            ("description: 2026-11-23\n", 8, "description '2026-11-23'"),
            ("description: =\n", 8, "description '='"),
            ("description: [a]\n", 8, "description"),
            ("description: {a: b}\n", 8, "description"),
            ("metadata: text\n", 8, "metadata"),
            ("metadata: {sbr_x: a}\n", 8, "metadata"),
            ("\nprise: x\n", 9, "prise"),
            ("account_id: acct_1\n", 8, "account_id"),
        ],
    )
    def test_a_field_that_cannot_be_used(
        self, file: Path, text: str, line: int, shown: str
    ) -> None:
        field, _, value = shown.partition(" ")
        said = refusal(file, fields(text))
        assert says(said, line, f"stripe.default.finance.bot.{field}", value)

    def test_every_problem_of_every_route_is_listed(self, file: Path) -> None:
        said = refusal(
            file,
            ROUTE.replace("price_1", "prod_1").replace("cus_1", "price_1")
            + "      two:\n        product_id: prod_1\n",
        )
        for line, path in (
            (6, "bot.price_id"), (7, "bot.customer_id"), (8, "two.price_id"), (8, "two.customer_id")
        ):  # fmt: skip
            assert says(said, line, f"stripe.default.finance.{path}")

    def test_a_long_list_of_problems_is_cut(self, file: Path) -> None:
        bots = "".join(f"      bot{number}: x\n" for number in range(25))
        said = refusal(file, "stripe:\n  default:\n    finance:\n" + bots)
        assert said.count("stripe.default.finance.bot") == 20
        assert "5" in said.rpartition("stripe.default.finance.bot19")[2]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (fields("secret_key: sk_live_abc\n"), 8),
            (fields("secret_key:\n"), 8),
            (fields("public_key: [pk_live_abc]\n"), 8),
            (fields("Secret_Key: {a: b}\n"), 8),
            (fields("stripe_api_key: 5\n"), 8),
            (fields("metadata:\n  secret_key: x\n"), 9),
            (fields("description: use sk_live_abc\n"), 4),
            (ROUTE.replace("price_1", "sk_live_abc"), 4),
            ("stripe:\n  secret_key: sk_live_abc\n", 2),
            ("secret_key: sk_live_abc\n" + ROUTE, 1),
            ("public_key:\n" + ROUTE, 1),
        ],
    )
    def test_a_stripe_key_anywhere(self, file: Path, text: str, line: int) -> None:
        file.write_text(text)
        with pytest.raises(RouteKeyOverrideError) as caught:
            load_routes(file)
        assert says(str(caught.value), line, str(file))
        assert "live_abc" not in str(caught.value)
        assert caught.value.__cause__ is None


names = st.text("abcxyz_-.", min_size=1, max_size=6).map("n".__add__)


@given(keys=st.sets(st.tuples(names, names, names, names), min_size=1, max_size=6))
def test_what_a_dump_writes_is_what_is_loaded(
    keys: set[tuple[str, str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    nested: dict[str, Any] = {}
    for domain, region, category, bot in keys:
        bots = nested.setdefault(domain, {}).setdefault(region, {}).setdefault(category, {})
        bots[bot] = dict(IDS)
    file = tmp_path_factory.getbasetemp() / "dump.yaml"
    file.write_text(yaml.safe_dump(nested))
    assert load_routes(file) == dict.fromkeys(keys, Route(**IDS))


@given(text=st.text(alphabet="abc:{}[]&*!?-'\"|># \n\t\0é,%@`~<=", max_size=60))
def test_any_text_is_routes_or_a_refusal(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RoutingConfigError):
        load_routes(file)


def test_a_large_file_loads(file: Path, request: pytest.FixtureRequest) -> None:
    """The pure parser takes thirty times as long as libyaml."""
    count = 5_000 if "libyaml" in request.node.name else 500
    bots = "".join(
        f"      bot{number}:\n        product_id: prod_{number}\n"
        f"        price_id: price_{number}\n        customer_id: cus_{number}\n"
        for number in range(count)
    )
    file.write_text("stripe:\n  default:\n    finance:\n" + bots)
    routes = load_routes(file)
    assert len(routes) == count
    assert routes["stripe", "default", "finance", "bot77"].price_id == "price_77"

"""`routes` and `resolve`: the table, and which rule gave a price."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from support.terminal import in_terminal

Run = Callable[..., Result]

SETUP = """\
from stripe_billing_router import register_override, register_route

register_route(
    "analytics",
    "late_bot",
    {"product_id": "prod_late", "price_id": "price_late", "customer_id": "cus_late"},
)
PRICES = {"default": "price_finance_enterprise", "eu": "price_finance_eu_enterprise"}
for region, price in PRICES.items():
    register_override(
        {
            "business_category": "finance",
            "bot_name": "finance_router_bot",
            "region": region,
            "key": "business",
            "value": "enterprise",
            "route": {"price_id": price, "metadata": {"tier": "enterprise"}},
        }
    )
"""


@pytest.fixture
def setup_module(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Start-up code of bots, in the folder where the command is called; imported once a test."""
    name = f"billing_setup_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SETUP, encoding="utf-8")
    return name


def found(run: Run, *arguments: str) -> list[dict[str, object]]:
    lines = run(*arguments, "--format", "jsonl").stdout.splitlines()
    return [json.loads(line) for line in lines]


def bots(run: Run, *arguments: str) -> list[object]:
    return [
        (each["domain"], each["region"], each["bot_name"])
        for each in found(run, "routes", *arguments)
    ]


NEW = ("stripe", "default", "new_bot")
FINANCE = ("stripe", "default", "finance_router_bot")
FINANCE_EU = ("stripe", "eu", "finance_router_bot")
SUMMARY = ("research", "default", "summary_bot")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [SUMMARY, NEW, FINANCE, FINANCE_EU]),
        (("finance:*",), [FINANCE, FINANCE_EU]),
        (("stripe:*",), [NEW, FINANCE, FINANCE_EU]),
        (("research:market:summary_bot",), [SUMMARY]),
        (("--region", "eu"), [FINANCE_EU]),
        (("--price", "price_new_bot_monthly"), [NEW]),
        (("--price", "price_finance_eu", "--region", "default"), []),
        (("nobody:*",), []),
    ],
)
def test_the_routes_that_are_asked_for(
    run: Run, arguments: tuple[str, ...], expected: list[object]
) -> None:
    assert bots(run, *arguments) == expected


def test_a_route_as_json_is_what_the_file_says(run: Run) -> None:
    (route,) = found(run, "routes", "analytics:new_bot")
    assert route == {
        "domain": "stripe",
        "region": "default",
        "business_category": "analytics",
        "bot_name": "new_bot",
        "product_id": "prod_new_bot",
        "price_id": "price_new_bot_standard",
        "subscription_price_id": "price_new_bot_monthly",
        "customer_id": "cus_new_bot_default",
        "description": "The daily report",
        "metadata": {},
    }


def test_the_table_of_routes(run: Run) -> None:
    lines = run("routes").stdout.splitlines()
    assert lines[0].split() == ["bot", "region", "price", "currency", "customer", "product"]
    assert lines[2].split() == [
        "analytics:new_bot", "default", "price_new_bot_standard", "price_new_bot_monthly",
        "(subscription)", "usd", "cus_new_bot_default", "prod_new_bot",
    ]  # fmt: skip
    assert lines[-1] == "4 routes."
    nothing = run("routes", "nobody:*")
    assert (nothing.stdout, nothing.stderr) == ("", "No routes match.\n")


def test_a_module_may_register_more(run: Run, setup_module: str) -> None:
    assert ("stripe", "default", "late_bot") in bots(run, "--import", setup_module)
    assert ("stripe", "default", "late_bot") not in bots(run), "the next command begins anew"


def test_a_module_that_cannot_be_imported_is_named(run: Run, tmp_path: Path) -> None:
    result = run("routes", "--import", "no_such_module", status=1)
    assert "'no_such_module'" in result.stderr
    (tmp_path / "breaks.py").write_text("1 / 0\n", encoding="utf-8")
    result = run("resolve", "finance:finance_router_bot", "--import", "breaks", status=1)
    assert "breaks" in result.stderr
    assert "ZeroDivisionError" in result.stderr


def test_what_a_module_registers_wrongly_is_told_as_the_router_tells_it(
    run: Run, tmp_path: Path
) -> None:
    code = "from stripe_billing_router import register_route\nregister_route('a', 'b', {})\n"
    (tmp_path / "registers_wrongly.py").write_text(code, encoding="utf-8")
    result = run("routes", "--import", "registers_wrongly", status=1)
    assert result.stderr.startswith("Error: routing_config: ")
    assert "stripe.default.a.b.price_id" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "price", "explanation"),
    [
        ((), "price_finance_standard", ["base route stripe.default.finance.finance_router_bot"]),
        (
            ("--override", "region=eu"),
            "price_finance_eu",
            ["base route stripe.eu.finance.finance_router_bot"],
        ),
        (
            ("--override", "business=enterprise"),
            "price_finance_enterprise",
            [
                "base route stripe.default.finance.finance_router_bot",
                "override business=enterprise of the region default",
            ],
        ),
        (
            ("--override", "business=enterprise", "--override", "region=eu"),
            "price_finance_eu_enterprise",
            [
                "base route stripe.eu.finance.finance_router_bot",
                "override business=enterprise of the region eu",
            ],
        ),
    ],
)
def test_the_price_of_a_call_and_the_rules_that_gave_it(
    run: Run, setup_module: str, arguments: tuple[str, ...], price: str, explanation: list[str]
) -> None:
    call = ("resolve", "stripe:finance:finance_router_bot", *arguments, "--import", setup_module)
    (resolved,) = found(run, *call)
    assert resolved["bot_id"] == "finance:finance_router_bot"
    assert resolved["route"]["price_id"] == price  # type: ignore[index]
    sentences = resolved["explanation"]
    assert isinstance(sentences, list)
    assert [sentence.partition(":")[0] for sentence in sentences] == explanation


def test_a_resolution_for_a_person_says_what_each_field_comes_from(
    run: Run, setup_module: str
) -> None:
    text = run(
        "resolve", "finance:finance_router_bot", "--override", "business=enterprise",
        "--import", setup_module,
    ).stdout  # fmt: skip
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("finance:finance_router_bot, region default, business=enterprise\n")
    assert ["price_id", "price_finance_enterprise", "by", "business=enterprise"] in lines
    assert ["product_id", "prod_finance_router"] in lines
    assert ["metadata", "tier=enterprise", "by", "business=enterprise"] in lines
    assert ["currency", "usd", "assumed", "in", "this", "region"] in lines
    assert "override business=enterprise of the region default: metadata" in text


def test_a_region_without_a_currency_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(file.read_text().replace("        currency: eur\n", ""), encoding="utf-8")
    text = run("resolve", "finance:finance_router_bot", "--override", "region=eu").stdout
    assert "none: a charge by amount must name one" in text


def test_an_override_that_code_registers_needs_that_code(run: Run, setup_module: str) -> None:
    call = ("resolve", "finance:finance_router_bot", "--override", "business=enterprise")
    assert "--import" in run(*call, status=1).stderr
    wrong = run(*call[:-1], "business=enterprize", "--import", setup_module, status=1)
    assert "enterprise" in wrong.stderr
    assert "--import" not in wrong.stderr
    assert "--import" not in run(*call[:-1], "region=mars", status=1).stderr


@pytest.mark.parametrize("pair", ["region", "=eu", "region=", ""])
def test_an_override_is_a_key_and_a_value(run: Run, pair: str) -> None:
    result = run("resolve", "finance:finance_router_bot", "--override", pair, status=2)
    assert "KEY=VALUE" in result.stderr


def test_an_override_given_twice_is_wrong_use(run: Run) -> None:
    result = run(
        "resolve", "a:b", "--override", "region=eu", "--override", "region=us", status=2
    )  # fmt: skip
    assert "region" in result.stderr


@pytest.mark.parametrize(
    ("bot_id", "code"),
    [
        ("finance", "invalid_bot_id"),
        ("nowhere:finance:bot", "unsupported_domain"),
        ("sales:bot", "unsupported_category"),
        ("finance:finance_router_bt", "unknown_route"),
    ],
)
def test_what_has_no_route_is_an_error_that_a_person_reads(
    run: Run, bot_id: str, code: str
) -> None:
    result = run("resolve", bot_id, status=1)
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {code}: ")
    assert "money moved" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_broken_routing_file_is_named_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(file.read_text().replace("prod_summary", "price_wrong"), encoding="utf-8")
    assert "routes.yaml: line" in run("routes", status=1).stderr


def test_a_terminal_gets_routes_that_fit(environment: dict[str, str]) -> None:
    for command in (["routes"], ["resolve", "analytics:new_bot"]):
        screen = in_terminal(command, environment, columns=80)
        assert screen.status == 0
        assert max(map(len, screen.lines)) <= 80

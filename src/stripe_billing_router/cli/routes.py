"""`routes` and `resolve`: which bot takes money for what, and which rule says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ..core.bot_ids import matches
from ..errors import UnknownOverrideError
from .backend import open_router
from .output import Cell, Column, Table, console, facts, heading, plural, print_line, say

if TYPE_CHECKING:
    from ..routing.route import Route
    from ..routing.table import Resolution, RouteKey

DEFAULT_REGION = "default"
DEFAULT_CURRENCY = "usd"


class Format(StrEnum):
    """How it is written."""

    TABLE = "table"
    JSONL = "jsonl"


Modules = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="Import this Python module first: one that calls register_route or "
        "register_override. May be repeated.",
    ),
]


def routes(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Only bots that match, such as finance:* or stripe:finance:invoice_bot.",
        ),
    ] = "*",
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="Only routes of this region.")
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(metavar="PRICE_ID", help="Only routes that take this price."),
    ] = None,
    modules: Modules = None,
    output: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
) -> None:
    """List the routing table.

    It is what the routing file holds (STRIPE_ROUTING_CONFIG, else
    config/stripe_billing_router.yaml), and what the modules of `--import` register.
    """
    with open_router(modules or ()) as router:
        found = [
            (key, route)
            for key, route in sorted(router.routes.items())
            if matches(pattern, _bot_id(key))
            and region in (None, key[1])
            and price in (None, route.price_id, route.subscription_price_id)
        ]
    if output is Format.JSONL:
        for key, route in found:
            typer.echo(json.dumps(_as_json(key, route), ensure_ascii=False))
        return
    shown = Table(
        (
            Column("bot", folds=14),
            Column("region"),
            Column("price", folds=12),
            Column("currency"),
            Column("customer", folds=12),
            Column("product", folds=12),
        )
    ).print(_cells(key, route) for key, route in found)
    if shown:
        say(f"\n{plural(shown, 'route')}.", style="dim")
    else:
        say("No routes match.", style="dim", stderr=True)


def _bot_id(key: RouteKey) -> str:
    domain, _, category, name = key
    return f"{category}:{name}" if domain == "stripe" else f"{domain}:{category}:{name}"


def _cells(key: RouteKey, route: Route) -> Sequence[Cell]:
    region = key[1]
    price = route.price_id
    if route.subscription_price_id:
        price += f" {route.subscription_price_id} (subscription)"
    return (
        _bot_id(key),
        region,
        price,
        route.currency or (Text(DEFAULT_CURRENCY, "dim") if region == DEFAULT_REGION else "-"),
        route.customer_id,
        route.product_id,
    )


def _as_json(key: RouteKey, route: Route) -> dict[str, Any]:
    names = ("domain", "region", "business_category", "bot_name")
    return dict(zip(names, key, strict=True)) | route.model_dump(mode="json", exclude_none=True)


def resolve(
    bot_id: Annotated[
        str, typer.Argument(metavar="BOT_ID", help="category:bot, or domain:category:bot.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--override",
            metavar="KEY=VALUE",
            help="As in a call's overrides, such as region=eu. May be repeated.",
        ),
    ] = None,
    modules: Modules = None,
    output: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
) -> None:
    """Say which price a bot's call takes, and which rule gave it.

    Overrides other than `region` are registered by code: name the module that does with
    `--import`.
    """
    wanted = _pairs(overrides or ())
    with open_router(modules or ()) as router:
        try:
            found = router.resolve(bot_id, wanted)
        except UnknownOverrideError as error:
            if modules or set(wanted) <= {"region"}:
                raise
            raise UnknownOverrideError(
                error.problem,
                "Name the module that registers the override with --import, or correct it.",
            ) from None
    if output is Format.JSONL:
        typer.echo(json.dumps(_resolution_as_json(found), ensure_ascii=False))
        return
    where = f"{found.bot.canonical}, region {found.region}"
    where += "".join(f", {rule.key}={rule.value}" for rule in found.rules)
    print_line(console(), Text(where, "bold"))
    facts(_fields(found))
    heading("Why")
    facts((f"{number}.", text) for number, text in enumerate(found.explanation, start=1))


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--override")
        if key in pairs:
            raise typer.BadParameter(f"{key} is given twice", param_hint="--override")
        pairs[key] = value
    return pairs


def _fields(found: Resolution) -> Iterator[tuple[str, object]]:
    """Yield each field of the route; what is not the base route's own says whose it is."""
    changed_by = {
        name: f"{rule.key}={rule.value}" for rule in found.rules for name in rule.route.changes
    }
    for name, value in found.route.model_dump(mode="json", exclude_none=True).items():
        text = Text(_shown(value))
        if name in changed_by:
            text.append(f"  by {changed_by[name]}", "green")
        yield name, text if value else None
    if found.route.currency is None and found.currency is not None:
        yield "currency", Text.assemble(found.currency, ("  assumed in this region", "dim"))
    elif found.route.currency is None:
        yield "currency", Text("none: a charge by amount must name one", "yellow")
    if found.route.subscription_price_id is None:
        yield "subscription_price_id", Text.assemble(found.route.price_id, ("  as price_id", "dim"))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(value)


def _resolution_as_json(found: Resolution) -> dict[str, Any]:
    return {
        "bot_id": found.bot.canonical,
        "region": found.region,
        "overrides": {rule.key: rule.value for rule in found.rules},
        "currency": found.currency,
        "route": found.route.model_dump(mode="json", exclude_none=True),
        "explanation": list(found.explanation),
    }

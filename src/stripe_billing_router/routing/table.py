"""From a bot id and a call's overrides to exactly one route, or to a clear error.

Readers take no lock: they look into dictionaries whose entries are replaced whole, so they see a
route as it was before a registration or as it is after it. Writers take turns.
"""

from __future__ import annotations

import difflib
import itertools
import string
from collections.abc import Collection, ItemsView, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.forks import ForkSafeLock
from ..core.identifiers import (
    DEFAULT_DOMAIN,
    DEFAULT_REGION,
    BotId,
    check_name,
    parse_bot_id,
    refuse_stripe_keys,
    shown,
)
from ..errors import (
    InvalidCurrencyError,
    RoutingError,
    UnknownOverrideError,
    UnknownRouteError,
    UnsupportedCategoryError,
    UnsupportedDomainError,
)
from .route import OverrideRule, Route, build_override, build_route

DEFAULT_CURRENCY: Final = "usd"

# (domain, region, business category, bot name)
RouteKey = tuple[str, str, str, str]
# domain -> category -> bot -> region: what errors search, in that order.
_Names = dict[str, dict[str, dict[str, dict[str, None]]]]

_NAME_CHARACTERS: Final = string.ascii_letters + string.digits + "_.-"
_MOST_COMPARED: Final = 500
_MOST_NAMED: Final = 5

_ADD_ROUTE: Final = (
    "Correct the bot id, add the route to the routing file, or call register_route at start-up."
)
_REGISTER: Final = "Correct it, register it with register_override, or leave it out."


@dataclass(frozen=True, slots=True)
class Resolution:
    """The one route of a call, and why it is this one."""

    route: Route
    bot: BotId
    region: str
    base: Route
    rules: tuple[OverrideRule, ...] = ()

    @property
    def currency(self) -> str | None:
        """The currency of charges by amount: the route's, or `usd` in the region `default`."""
        if self.route.currency is None and self.region == DEFAULT_REGION:
            return DEFAULT_CURRENCY
        return self.route.currency

    def require_currency(self) -> str:
        """Return the currency, or raise InvalidCurrencyError where the route must name one."""
        if self.currency is None:
            raise InvalidCurrencyError(
                f"The route of {self.bot.canonical} in the region {self.region} names no currency, "
                f"and {DEFAULT_CURRENCY} is the default in the region {DEFAULT_REGION} only",
                "Add `currency` to the route, or pass currency=….",
            )
        return self.currency

    @property
    def explanation(self) -> tuple[str, ...]:
        """One sentence for the base route, then one for each override that was applied."""
        path = f"{self.bot.domain}.{self.region}.{self.bot.category}.{self.bot.name}"
        return (
            f"base route {path}: price_id {self.base.price_id}",
            *(
                f"override {rule.key}={rule.value} of the region {rule.region}: "
                + ", ".join(f"{name} {value}" for name, value in rule.route.changes.items())
                for rule in self.rules
            ),
        )


@dataclass(slots=True)
class _State:
    """What a reader sees: taken once per look-up, so that a reload cannot change it midway."""

    routes: dict[RouteKey, Route] = field(default_factory=dict)
    names: _Names = field(default_factory=dict)

    def add(self, key: RouteKey, route: Route) -> None:
        domain, region, category, bot = key
        # The route first: an error never names a bot that cannot be resolved yet.
        self.routes[key] = route
        bots = self.names.setdefault(domain, {}).setdefault(category, {})
        bots.setdefault(bot, {})[region] = None


class RoutingTable:
    """All routes and overrides. Registering and resolving cost the same however many there are."""

    def __init__(self) -> None:
        self._writing = ForkSafeLock()
        self._state = _State()
        self._registered: dict[RouteKey, Route] = {}
        self._rules: dict[RouteKey, dict[tuple[str, str], OverrideRule]] = {}
        self.routes: Mapping[RouteKey, Route] = RoutingTableView(self)

    def register(
        self,
        business_category: str,
        bot_name: str,
        route: Route | Mapping[str, Any],
        *,
        domain: str = DEFAULT_DOMAIN,
        region: str = DEFAULT_REGION,
    ) -> Route:
        """Add a route, or put it in the place of the one that the bot has in this region.

        It outlives `replace_all`. Raises InvalidBotIdError for a name, RoutingConfigError and
        RouteKeyOverrideError for a route that cannot be used; the table is then unchanged.
        """
        key = (
            check_name("domain", domain),
            check_name("region", region),
            check_name("business category", business_category),
            check_name("bot", bot_name),
        )
        built = build_route(route, ".".join(key))
        with self._writing:
            self._registered[key] = built
            self._state.add(key, built)
        return built

    def register_override(self, rule: OverrideRule | Mapping[str, Any]) -> OverrideRule:
        """Add an override rule, or replace the one with the same bot, region, key and value.

        Raises RoutingConfigError for a rule that cannot be used, and UnknownRouteError (or its
        neighbours) for a bot without a route: a typo would otherwise show at the first payment.
        """
        built = build_override(rule)
        bot = BotId(built.domain, built.business_category, built.bot_name)
        with self._writing:
            regions = _regions(self._state, bot)
            if built.region not in regions and built.region != DEFAULT_REGION:
                raise UnknownRouteError(
                    f"{bot.canonical} has no route in the region {shown(built.region)} that an "
                    f"override could change (it has: {_listed(regions)})",
                    "Register the route first.",
                )
            key = (bot.domain, built.region, bot.category, bot.name)
            rules = self._rules.get(key, {})
            self._rules[key] = {**rules, (built.key, built.value): built}
        return built

    def replace_all(self, routes: Mapping[RouteKey, Route]) -> None:
        """Put the routes of a file that was read again in the place of those read before.

        Readers see all of the old ones or all of the new ones. Routes registered by code stay,
        and win over the file's as they did before; overrides stay.
        """
        with self._writing:
            state = _State()
            for key, route in {**routes, **self._registered}.items():
                state.add(key, route)
            self._state = state

    def resolve(self, bot_id: str, overrides: Mapping[str, str] | None = None) -> Resolution:
        """Return the one route of this bot under these overrides.

        `overrides` maps `region` to a region and any other key to a value for which an override
        is registered: the region's own, else the default region's.
        Raises InvalidBotIdError, UnsupportedDomainError, UnsupportedCategoryError,
        UnknownRouteError, UnknownOverrideError, RouteKeyOverrideError; and RoutingError where two
        overrides want different values in one field.
        """
        bot = parse_bot_id(bot_id)
        wanted = _checked(overrides) if overrides is not None else {}
        region = wanted.pop("region", None)
        where = DEFAULT_REGION if region is None else region
        state = self._state
        base = state.routes.get((bot.domain, where, bot.category, bot.name))
        if base is None:
            raise _no_route(state, bot, region)
        if not wanted:
            return Resolution(base, bot, where, base)
        rules = tuple(self._rule(bot, where, key, wanted[key]) for key in sorted(wanted))
        return Resolution(base.model_copy(update=_merged(rules)), bot, where, base, rules)

    def _rule(self, bot: BotId, region: str, key: str, value: str) -> OverrideRule:
        known: dict[tuple[str, str], OverrideRule] = {}
        for place in dict.fromkeys((region, DEFAULT_REGION)):
            rules = self._rules.get((bot.domain, place, bot.category, bot.name), {})
            if (key, value) in rules:
                return rules[key, value]
            known |= rules
        values = [other for name, other in known if name == key]
        problem = (
            f"No override of {bot.canonical} in the region {region} has "
            f"{shown(key)} = {shown(value)}"
        )
        if values:
            raise UnknownOverrideError(
                f"{problem} (known values: {_hint(value, values)})", _REGISTER
            )
        keys = dict.fromkeys(name for name, _ in known)
        raise UnknownOverrideError(f"{problem} (known keys: {_hint(key, keys)})", _REGISTER)

    def _snapshot(self) -> dict[RouteKey, Route]:
        return self._state.routes


class RoutingTableView(Mapping[RouteKey, Route]):
    """The routes as a live, read-only mapping; iterating it sees one moment."""

    __slots__ = ("_table",)

    def __init__(self, table: RoutingTable) -> None:
        self._table = table

    def __getitem__(self, key: RouteKey) -> Route:
        return self._table._snapshot()[key]  # noqa: SLF001 - the table's own other half

    def __iter__(self) -> Iterator[RouteKey]:
        return iter(list(self._table._snapshot()))  # noqa: SLF001 - as above

    def __len__(self) -> int:
        return len(self._table._snapshot())  # noqa: SLF001 - as above

    def items(self) -> ItemsView[RouteKey, Route]:
        """Return all pairs of this moment; the inherited one could meet a reload halfway."""
        return self._table._snapshot().copy().items()  # noqa: SLF001 - as above

    def __repr__(self) -> str:
        return f"RoutingTableView({len(self)} routes)"


def _checked(overrides: object) -> dict[str, str]:
    """Return a copy of a call's overrides if they are text to text, without keys of Stripe's."""
    if not isinstance(overrides, Mapping):
        raise UnknownOverrideError(
            f"Overrides must be a mapping, not {shown(overrides)}",
            "Pass a mapping such as {'region': 'eu'}.",
        )
    refuse_stripe_keys(overrides, "overrides")
    for key, value in overrides.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise UnknownOverrideError(
                f"The override {shown(key)} has {shown(value)} as its value",
                "Pass texts as key and value.",
            )
    return dict(overrides)


def _merged(rules: tuple[OverrideRule, ...]) -> dict[str, Any]:
    """Join what the rules change; two that disagree about a field would make the order decide."""
    merged: dict[str, Any] = {}
    set_by: dict[str, OverrideRule] = {}
    for rule in rules:
        for name, value in rule.route.changes.items():
            if name in merged and merged[name] != value:
                other = set_by[name]
                raise RoutingError(
                    f"The overrides {other.key}={other.value} and {rule.key}={rule.value} set "
                    f"different values for {name}",
                    "Pass one of them, or register one override for the combination.",
                )
            merged[name] = value
            set_by[name] = rule
    return merged


def _regions(state: _State, bot: BotId) -> Mapping[str, None]:
    """Return the regions in which a bot has a route; raise the error of the first unknown part."""
    categories = state.names.get(bot.domain)
    if categories is None:
        raise UnsupportedDomainError(
            f"The domain {shown(bot.domain)} of {bot.canonical} has no routes "
            f"(known domains: {_hint(bot.domain, state.names)})",
            _ADD_ROUTE,
        )
    bots = categories.get(bot.category)
    if bots is None:
        raise UnsupportedCategoryError(
            f"The domain {bot.domain} has no business category {shown(bot.category)} "
            f"(known categories: {_hint(bot.category, categories)})",
            _ADD_ROUTE,
        )
    regions = bots.get(bot.name)
    if regions is None:
        raise UnknownRouteError(
            f"The business category {bot.category} has no route for the bot {shown(bot.name)} "
            f"(known bots: {_hint(bot.name, bots)})",
            _ADD_ROUTE,
        )
    return regions


def _no_route(state: _State, bot: BotId, region: str | None) -> RoutingError:
    """Say why a look-up failed: an unknown part of the bot id, else the region."""
    regions = _regions(state, bot)
    if region is None:
        return UnknownRouteError(
            f"{bot.canonical} has no route in the region {DEFAULT_REGION} "
            f"(it has: {_listed(regions)})",
            "Name one of its regions, as in overrides="
            f"{{'region': {next(iter(list(regions)))!r}}}.",
        )
    return UnknownOverrideError(
        f"{bot.canonical} has no route in the region {shown(region)} (it has: {_listed(regions)})",
        "Name one of its regions, or add a route for this one.",
    )


def _hint(name: str, known: Collection[str]) -> str:
    """Name the known names nearest to this one, else the first few, at a small cost.

    Names that are one typing error away are found by asking for each of them, which costs the same
    in a table of a hundred thousand; only as many as a person would keep in one file are compared.
    """
    near = dict.fromkeys(variant for variant in _one_error_away(name) if variant in known)
    some = list(itertools.islice(list(known), _MOST_COMPARED))
    near |= dict.fromkeys(difflib.get_close_matches(name, some, _MOST_NAMED))
    if near:
        return f"{_listed(near)} (nearest of {len(known)})"
    return _listed(known)


def _one_error_away(name: str) -> Iterator[str]:
    for at in range(len(name) + 1):
        head, tail = name[:at], name[at:]
        yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for character in _NAME_CHARACTERS:
            yield head + character + tail[1:]
            yield head + character + tail


def _listed(names: Collection[str]) -> str:
    first = [shown(name)[1:-1] for name in itertools.islice(list(names), _MOST_NAMED)]
    more = len(names) - len(first)
    return (", ".join(first) or "none") + (f" and {more} more" if more > 0 else "")

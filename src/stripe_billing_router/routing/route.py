"""What a route is: the pydantic models of routes, their patches and override rules.

`build_route` and `build_override` make them from plain mappings and explain in words what is
wrong. pydantic is loaded with this module, so nothing imports it before a route is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from ..core.identifiers import (
    DEFAULT_DOMAIN,
    DEFAULT_REGION,
    LONGEST_ID,
    check_id,
    check_metadata,
    check_name,
    id_pattern,
    refuse_stripe_keys,
    shown,
)
from ..core.money import normalize_currency
from ..errors import BillingError, InputError, RoutingConfigError

_LONGEST_TEXT: Final = 1000
_LONGEST_EMAIL: Final = 254
_MOST_PROBLEMS: Final = 20


class Metadata(Mapping[str, str]):
    """Immutable metadata: a mapping that hashes, copies and pickles."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        self._pairs = dict(pairs or {})

    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs.items()))

    def __repr__(self) -> str:
        return repr(self._pairs)


_NO_METADATA: Final = Metadata()


def _id_of(kind: str) -> Callable[[str], str]:
    return lambda value: check_id(kind, value)


def _name_of(what: str) -> Callable[[str], str]:
    return lambda value: check_name(what, value)


def _text(value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_TEXT or "\0" in value:
        raise InputError(
            f"{shown(value)} is not a text of 1 to {_LONGEST_TEXT} characters",
            "Shorten it, or leave an empty one out.",
        )
    return value


def _email(value: str) -> str:
    local, at, host = value.rpartition("@")
    if not (local and at and host) or len(value) > _LONGEST_EMAIL or not _is_one_word(value):
        raise InputError(f"{shown(value)} is not an e-mail address", "Write it like a@example.com.")
    return value


def _is_one_word(value: str) -> bool:
    return value.isprintable() and " " not in value


def _schema(pattern: str, text: str, **more: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": text, **more})


def _id_schema(kind: str, text: str) -> WithJsonSchema:
    return _schema(id_pattern(kind), text, maxLength=LONGEST_ID)


ProductId = Annotated[
    str,
    AfterValidator(_id_of("product")),
    _id_schema("product", "The Stripe product (prod_…)."),
]
PriceId = Annotated[
    str,
    AfterValidator(_id_of("price")),
    _id_schema("price", "The Stripe price (price_…; plan_… for an old plan)."),
]
CustomerId = Annotated[
    str,
    AfterValidator(_id_of("customer")),
    _id_schema("customer", "The Stripe customer who pays (cus_…)."),
]
PaymentMethodId = Annotated[
    str,
    AfterValidator(_id_of("payment_method")),
    _id_schema("payment_method", "The payment method (pm_…); else the customer's own."),
]
Currency = Annotated[
    str,
    AfterValidator(normalize_currency),
    _schema(
        "^[A-Za-z]{3}$",
        "The three-letter code for charges by amount; usd if left out, in the region default only.",
    ),
]
Description = Annotated[
    str,
    AfterValidator(_text),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": _LONGEST_TEXT,
            "description": "What the customer reads, unless the call says otherwise.",
        }
    ),
]
Email = Annotated[
    str,
    AfterValidator(_email),
    _schema("^[^@ ]+(@[^@ ]+)+$", "Whom the ledger names; else the customer's own address."),
]
MetadataField = Annotated[
    Mapping[str, str],
    BeforeValidator(check_metadata),
    AfterValidator(Metadata),
    PlainSerializer(dict),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 40,
            "propertyNames": {"pattern": r"^(?![sS][bB][rR]_)[^\[\]]{1,40}$"},
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 500},
            "description": "Text pairs put on the Stripe objects; names with sbr_ are reserved.",
        }
    ),
]

# Inputs are hidden so that no error of pydantic's can print a value that is a secret.
_CONFIG: Final = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Route(BaseModel):
    """Where a bot's money goes: Stripe ids and defaults, and never a key.

    `subscription_price_id` defaults to `price_id`, and `currency` to `usd` in the region `default`
    only. Building one raises RoutingConfigError, or RouteKeyOverrideError if a key is brought.
    """

    model_config = _CONFIG

    product_id: ProductId
    price_id: PriceId
    customer_id: CustomerId
    currency: Currency | None = None
    subscription_price_id: PriceId | None = None
    description: Description | None = None
    payment_method_id: PaymentMethodId | None = None
    user_email: Email | None = None
    metadata: MetadataField = Field(default_factory=lambda: _NO_METADATA)

    # Type checkers see the signature that pydantic derives from the fields.
    if not TYPE_CHECKING:

        def __init__(self, /, **fields: Any) -> None:
            _fill(self, fields, "route")


class RoutePatch(BaseModel):
    """The fields of a route that an override replaces: at least one."""

    model_config = _CONFIG

    product_id: ProductId | None = None
    price_id: PriceId | None = None
    customer_id: CustomerId | None = None
    currency: Currency | None = None
    subscription_price_id: PriceId | None = None
    description: Description | None = None
    payment_method_id: PaymentMethodId | None = None
    user_email: Email | None = None
    metadata: MetadataField | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that it replaces, with their new values."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class OverrideRule(BaseModel):
    """When a call of this bot says `overrides={key: value}`, these fields of its route change."""

    model_config = _CONFIG

    domain: Annotated[str, AfterValidator(_name_of("domain"))] = DEFAULT_DOMAIN
    region: Annotated[str, AfterValidator(_name_of("region"))] = DEFAULT_REGION
    business_category: Annotated[str, AfterValidator(_name_of("business category"))]
    bot_name: Annotated[str, AfterValidator(_name_of("bot"))]
    key: Annotated[str, AfterValidator(_name_of("override key"))]
    value: Annotated[str, AfterValidator(_text)]
    route: RoutePatch


def build_route(fields: Route | Mapping[str, Any], where: str) -> Route:
    """Make a route of a plain mapping; `where` is its path, for messages.

    Raises RoutingConfigError that lists every problem, and RouteKeyOverrideError.
    """
    if isinstance(fields, Route):
        return fields
    route = Route.__new__(Route)
    _fill(route, _text_keys(fields, where), where)
    return route


def _fill(route: Route, fields: dict[str, Any], where: str) -> None:
    """Validate the fields into a new route: `__init__`, with a path for the messages."""
    refuse_stripe_keys(fields, where)
    try:
        BaseModel.__init__(route, **fields)
    except ValidationError as error:
        raise _config_error(where, _problems(error, type(route))) from None


def build_override(rule: OverrideRule | Mapping[str, Any]) -> OverrideRule:
    """Make an override rule of a plain mapping.

    Raises RoutingConfigError that lists every problem, and RouteKeyOverrideError.
    """
    if isinstance(rule, OverrideRule):
        return rule
    fields = _text_keys(rule, "override")
    refuse_stripe_keys(fields, "override")
    # An override named `api_key` could only be meant to choose one.
    refuse_stripe_keys({str(fields.get("key", "")): None}, "override.key")
    patch = fields.get("route")
    if isinstance(patch, Mapping):
        fields["route"] = _text_keys(patch, "override.route")
    try:
        built = OverrideRule(**fields)
    except ValidationError as error:
        raise _config_error("override", _problems(error, OverrideRule)) from None
    problems = [
        (f"route.{name}", "is empty; leave it out to keep the route's own")
        for name, value in built.route.changes.items()
        if value is None
    ]
    if not built.route.model_fields_set:
        problems.append(("route", "changes nothing; name at least one field"))
    if built.key == "region":
        problems.append(("key", "'region' picks the base route; register a route for the region"))
    if problems:
        raise _config_error("override", problems)
    return built


def _text_keys(fields: object, where: str) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        raise _config_error(where, [("", f"is not a mapping of fields but {shown(fields)}")])
    strange = [shown(name) for name in fields if not isinstance(name, str)]
    if strange:
        raise _config_error(where, [("", f"has a field name that is not a text: {strange[0]}")])
    return cast("dict[str, Any]", dict(fields))


def _problems(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """Turn pydantic's findings into (field, plain words), without any input value of its own."""
    problems = []
    for found in error.errors(include_url=False, include_input=False):
        loc = found["loc"]
        known = RoutePatch if len(loc) > 1 else model
        problems.append((".".join(map(str, loc)), _in_words(dict(found), known)))
    return problems


def _in_words(found: Mapping[str, Any], model: type[BaseModel]) -> str:
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, BillingError):
        return f"is wrong: {cause.problem}"
    return {
        "extra_forbidden": f"is unknown; the fields are {', '.join(model.model_fields)}",
        "missing": "is missing",
        "string_type": "is not a text",
        "model_type": "is not a mapping of route fields",
    }.get(found["type"], f"is wrong: {found['msg']}")


def _config_error(where: str, problems: list[tuple[str, str]]) -> RoutingConfigError:
    lines = [f"{where}.{field} {text}" if field else f"{where} {text}" for field, text in problems]
    if len(lines) > _MOST_PROBLEMS:
        lines[_MOST_PROBLEMS:] = [f"and {len(lines) - _MOST_PROBLEMS} more"]
    return RoutingConfigError("; ".join(lines), "Correct these fields.", problems=problems)

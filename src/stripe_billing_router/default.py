"""The one default router: built on first use, replaced by `configure`, forgotten by `reset`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Unpack, cast

from .core.default_writer import set_default_writer
from .core.forks import ForkSafeLock
from .core.secret import wrapped
from .core.types import RouteKey

if TYPE_CHECKING:
    from .core.fields import SettingsOptions
    from .router import BillingRouter
    from .routing.route import Route

_lock = ForkSafeLock()
_router: BillingRouter | None = None


def get_router() -> BillingRouter:
    """Return the default router, building it from the environment on first use.

    Raises:
        ConfigurationError: a setting or the routing file cannot be used.
    """
    global _router
    if _router is None:
        with _lock:
            if _router is None:
                _router = _build({})
    return _router


def configure(**settings: Unpack[SettingsOptions]) -> BillingRouter:
    """Build the default router from `settings`, then use it.

    Args:
        **settings: the fields of `Settings`; they win over the environment.

    Returns:
        The default router from now on. The one before it is closed.

    Raises:
        ConfigurationError: a setting is unknown, or a value cannot be used; the router before it
            stays in place.
    """
    global _router
    settings = cast("SettingsOptions", wrapped(settings))
    with _lock:
        built, before = _build(settings), _router
        _router = built
    if before is not None:
        before.close()
    return built


def reset() -> None:
    """Close and forget the default router, its routes and its sinks.

    The next use builds another from the environment.
    """
    global _router
    with _lock:
        before, _router = _router, None
    if before is not None:
        before.close()


def _build(settings: SettingsOptions) -> BillingRouter:
    # The router brings pydantic and YAML with it: paid for on first use, not by an import.
    from .router import BillingRouter  # noqa: PLC0415

    return BillingRouter(**settings)


set_default_writer(lambda row: get_router().log(row))


class DefaultRoutes(Mapping[RouteKey, "Route"]):
    """The default router's routes: live, read-only, and never rebound.

    It looks at the router that is the default now, so that a name imported once stays true after
    `configure` and `reset`.
    """

    def __getitem__(self, key: RouteKey) -> Route:
        return get_router().routes[key]

    def __iter__(self) -> Iterator[RouteKey]:
        return iter(get_router().routes)

    def __len__(self) -> int:
        return len(get_router().routes)

    def __repr__(self) -> str:
        return "<ROUTING_TABLE: (domain, region, business_category, bot_name) -> Route>"


ROUTING_TABLE: Mapping[RouteKey, Route] = DefaultRoutes()

"""The one default router: built on first use, replaced by `configure`, forgotten by `reset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.default_writer import set_default_writer
from .core.forks import ForkSafeLock
from .core.secret import wrapped

if TYPE_CHECKING:
    from .router import BillingRouter

_lock = ForkSafeLock()
_router: BillingRouter | None = None


def get_router() -> BillingRouter:
    """Return the default router, building it from the environment on first use."""
    global _router
    if _router is None:
        with _lock:
            if _router is None:
                _router = _build({})
    return _router


def configure(**settings: Any) -> BillingRouter:
    """Build the default router from `settings` (the fields of `Settings`), then use it.

    They win over the environment. Raises `ConfigurationError` for an unknown setting or a value
    that cannot be used; the router before it stays in place then.
    """
    global _router
    settings = wrapped(settings)
    with _lock:
        built, before = _build(settings), _router
        _router = built
    if before is not None:
        before.close()
    return built


def reset() -> None:
    """Close and forget the default router, its routes and its sinks; the next use builds anew."""
    global _router
    with _lock:
        before, _router = _router, None
    if before is not None:
        before.close()


def _build(settings: dict[str, Any]) -> BillingRouter:
    # The router brings pydantic and YAML with it: paid for on first use, not by an import.
    from .router import BillingRouter  # noqa: PLC0415

    return BillingRouter(**settings)


set_default_writer(lambda row: get_router().log(row))

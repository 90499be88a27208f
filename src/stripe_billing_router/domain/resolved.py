"""What the decisions need of a resolved route: its facts, whichever class holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..core.identifiers import BotId


class Facts(Protocol):
    """What a bot charges; see `Route`."""

    @property
    def price_id(self) -> str: ...
    @property
    def customer_id(self) -> str: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def subscription_price_id(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...
    @property
    def payment_method_id(self) -> str | None: ...
    @property
    def user_email(self) -> str | None: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...


class Resolved(Protocol):
    """The one route of a call; see `Resolution`."""

    @property
    def bot(self) -> BotId: ...
    @property
    def route(self) -> Facts: ...

    def require_currency(self) -> str:
        """Return the currency, or raise `InvalidCurrencyError` where the route must name one."""
        ...

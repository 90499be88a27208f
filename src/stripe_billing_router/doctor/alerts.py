"""Where alerts go, without sending one."""

from __future__ import annotations

from collections.abc import Iterator

from ..alerts import Alerts
from ..errors import ConfigurationError
from ..settings import Settings
from .diagnosis import Check, ok, warning, wrong


def look(settings: Settings) -> Iterator[Check]:
    """Look at the addresses; none is asked."""
    count = len(settings.alert_urls)
    if not count:
        yield warning(
            "addresses",
            "none: alerts go to the log, and to sinks that a bot's own program registers",
            "Set STRIPE_ALERT_URLS, or watch the log of stripe_billing_router.alerts.",
        )
        return
    try:
        Alerts(settings.alert_urls)
    except ConfigurationError as error:
        yield wrong("addresses", error.problem, error.remedy)
        return
    yield ok("addresses", f"{count} in STRIPE_ALERT_URLS; whether they arrive was not tried")

"""Alerts to people and programs: logging always, sinks and addresses where given."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from .core.ports import Severity
from .core.secret import Secret
from .errors import ConfigurationError
from .redaction import MASK, redact, strip_secrets

Sink = Callable[[str, str, str, dict[str, Any]], object]

_LEVELS: Final = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}

# How long an operation waits for notifications to be handed over; they go on behind it.
_PATIENCE_S: Final = 3.0

_log = logging.getLogger("stripe_billing_router.alerts")


class Alerts:
    """Send alerts to the log, to registered sinks and to notification addresses.

    A sink is called as `sink(kind, severity, message, context)`, in a thread of its own. One that
    raises is logged, one that hangs is left behind; neither stops the others or the operation: an
    alert must not cost a payment its record.
    Secrets are masked in everything that is sent.

    Args:
        urls: Apprise addresses (`mailto://…`, `slack://…`); they need the extra `alerts`.
    """

    def __init__(self, urls: Sequence[Secret] = ()) -> None:
        # No lock: another thread could hold it while this process forks, and the child for ever.
        # What is done to these two is one step each.
        self._sinks: list[Sink] = []
        self._sent_once: dict[str, object] = {}
        self._notify = _notifier(urls) if urls else None

    def register_alert_sink(self, sink: Sink) -> None:
        """Call `sink(kind, severity, message, context)` for every alert from now on."""
        if not callable(sink):
            raise ConfigurationError(
                f"An alert sink must be callable, not {type(sink).__name__}",
                "Register a function of kind, severity, message and context.",
            )
        self._sinks.append(sink)

    def __call__(
        self,
        kind: str,
        severity: Severity,
        message: str,
        context: Mapping[str, Any] | None = None,
        *,
        once_key: str | None = None,
    ) -> None:
        """Send one alert; never raises.

        `once_key` names a condition that lasts: while it does, only the first alert with that key
        is sent. `over` ends it.
        """
        mine = object()
        if once_key is not None and self._sent_once.setdefault(once_key, mine) is not mine:
            return
        message = redact(message)
        facts: dict[str, Any] = strip_secrets(dict(context or {}))
        _log.log(_LEVELS.get(severity, logging.ERROR), "%s: %s %s", kind, message, facts)
        for sink in tuple(self._sinks):
            # A sink that hangs must not keep the caller: it may have a payment to reverse.
            call = partial(self._call, sink, kind, severity, message, facts)
            _within(_PATIENCE_S, partial(copy_context().run, call))
        if self._notify is not None:
            _within(_PATIENCE_S, lambda: self._notify_people(kind, severity, message))

    def over(self, once_key: str) -> None:
        """Forget that `once_key` was sent: its condition has ended, and may begin again."""
        self._sent_once.pop(once_key, None)

    @staticmethod
    def _call(sink: Sink, kind: str, severity: str, message: str, facts: dict[str, Any]) -> None:
        failed = ""
        try:
            # Each sink has its own copy: what one changes, the next must not see.
            sink(kind, severity, message, strip_secrets(facts))
        except BaseException as error:  # noqa: BLE001 - A sink is foreign code, in its own thread.
            failed = type(error).__name__
        if failed:
            _log.error(
                "an alert sink failed with %s on %s; the alert is in the line above", failed, kind
            )

    def _notify_people(self, kind: str, severity: str, message: str) -> None:
        failed = "no success"
        try:
            if self._notify is not None and self._notify(f"[{severity}] {kind}", message):
                return
        except Exception as error:  # noqa: BLE001 - Foreign code that talks to foreign servers.
            failed = type(error).__name__
        _log.error(
            "an alert could not be delivered (%s): %s; it is in the line above", failed, kind
        )


def _within(seconds: float, work: Callable[[], None]) -> None:
    # A daemon, so that a server that never answers cannot keep the process from ending; waited for,
    # so that a process that ends at once still gets its alert out.
    thread = threading.Thread(target=work, name="stripe_billing_router-alert", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # The machine has no more threads, or the process is about to end.
        _log.error("no thread can be started to deliver an alert; it is in the line above")
        return
    thread.join(seconds)


class _AddressesMasked(logging.Filter):
    """Take alert addresses out of what Apprise and urllib3 log, since most hold a token.

    The one quotes an address that it cannot use, as an error; both write its path at each delivery.
    """

    _SHORTEST: Final = 6

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[Secret, ...] = ()

    def learn(self, url: Secret) -> None:
        """Mask each part of `url` from now on: any of them may be the token."""
        # Filters of a logger see only what is logged by it itself; these two are who writes.
        for name in ("apprise", "urllib3.connectionpool"):
            logging.getLogger(name).addFilter(self)
        # Unquoted as well, since what is written is not always what was read.
        rest = url.reveal().partition("://")[2]
        found = {
            part
            for part in re.split(r"[\s/:@?&=#,+]+", f"{rest} {unquote(rest)}")
            if len(part) >= self._SHORTEST and not re.fullmatch(r"[0-9.]+", part)
        }
        parts = {*self._parts, *map(Secret, found)}
        self._parts = tuple(sorted(parts, key=lambda part: -len(part.reveal())))

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message; let every record pass."""
        message = masked = record.getMessage()
        for part in self._parts:
            masked = masked.replace(part.reveal(), MASK)
        if masked != message:
            record.msg, record.args = masked, ()
        return True


_addresses = _AddressesMasked()


def _notifier(urls: Sequence[Secret]) -> Callable[[str, str], bool]:
    """Return a function that sends a title and a body to every address.

    Raises:
        ConfigurationError: Apprise is not installed, or does not understand an address. A router
            whose alerts do not arrive must not start.
    """
    try:
        import apprise  # noqa: PLC0415 - An extra, and slow to import.
    except ImportError:
        raise ConfigurationError(
            "Alert addresses are set (STRIPE_ALERT_URLS), but Apprise is not installed",
            "Install stripe_billing_router[alerts], or unset them.",
        ) from None
    people = apprise.Apprise()
    for number, url in enumerate(urls, start=1):
        _addresses.learn(url)
        added = False
        # Foreign code, whose frames and messages hold the address.
        with contextlib.suppress(Exception):
            added = people.add(url.reveal())
        if not added:
            # Not repeated: such an address usually holds a token.
            raise ConfigurationError(
                f"Alert address number {number} is not one that Apprise knows",
                "Correct it in STRIPE_ALERT_URLS.",
            )
    return lambda title, body: bool(people.notify(title=title, body=body))

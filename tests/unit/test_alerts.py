"""Alerts reach everyone who asked for them, and harm nobody."""

import logging
import os
import signal
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from stripe_billing_router import alerts as alerts_adapter
from stripe_billing_router.alerts import Alerts
from stripe_billing_router.core.secret import Secret
from stripe_billing_router.errors import ConfigurationError

KEY = "sk_live_fakePlantedInAlert"


class Sink(list[tuple[str, str, str, dict[str, Any]]]):
    def __call__(self, kind: str, severity: str, message: str, context: dict[str, Any]) -> None:
        self.append((kind, severity, message, context))


@pytest.mark.parametrize(
    ("severity", "level"),
    [("info", "INFO"), ("warning", "WARNING"), ("error", "ERROR"), ("critical", "CRITICAL")],
)
def test_every_alert_is_logged_with_its_severity(
    severity: Any, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Alerts()("critical_discrepancy", severity, "what happened", {"bot_id": "a:b"})
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("stripe_billing_router.alerts", level)
    for part in ("critical_discrepancy", "what happened", "a:b"):
        assert part in record.getMessage()


def test_every_sink_is_told(caplog: pytest.LogCaptureFixture) -> None:
    alerts, first, second = Alerts(), Sink(), Sink()
    alerts.register_alert_sink(first)
    alerts.register_alert_sink(second)
    alerts("freeze", "warning", "frozen", {"bot_id": "a:b"})
    assert first == second == [("freeze", "warning", "frozen", {"bot_id": "a:b"})]
    assert caplog.records


def test_a_sink_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_alert: Any) -> None:
        raise RuntimeError(KEY)

    alerts, after = Alerts(), Sink()
    alerts.register_alert_sink(broken)
    alerts.register_alert_sink(after)
    alerts("freeze", "warning", "frozen")
    assert len(after) == 1
    assert "RuntimeError" in caplog.text
    assert KEY not in caplog.text


def test_what_a_sink_changes_the_next_one_does_not_see() -> None:
    def greedy(_kind: str, _severity: str, _message: str, context: dict[str, Any]) -> None:
        context["nested"].clear()
        context.clear()

    alerts, after = Alerts(), Sink()
    alerts.register_alert_sink(greedy)
    alerts.register_alert_sink(after)
    context = {"nested": [1]}
    alerts("freeze", "warning", "frozen", context)
    assert after[0][3] == context == {"nested": [1]}


def test_secrets_are_masked_for_log_and_sinks(caplog: pytest.LogCaptureFixture) -> None:
    alerts, sink = Alerts(), Sink()
    alerts.register_alert_sink(sink)
    context = {"event": {"client_secret": "pi_1_secret_fake", "text": KEY}, "key": Secret(KEY)}
    alerts("freeze", "warning", f"the key is {KEY}", context)
    shown = caplog.text + repr(sink)
    assert KEY not in shown
    assert "pi_1_secret_fake" not in shown


def test_a_lasting_condition_is_told_once_until_it_is_over() -> None:
    alerts, sink = Alerts(), Sink()
    alerts.register_alert_sink(sink)
    for _ in range(3):
        alerts("database_away", "error", "away", once_key="database")
    alerts("vault_away", "error", "away", once_key="vault")
    assert [kind for kind, *_ in sink] == ["database_away", "vault_away"]
    alerts.over("database")
    alerts.over("never sent")
    alerts("database_away", "error", "away again", once_key="database")
    assert len(sink) == 3


class SlowName(str):
    """The name of a condition that a thread is at work on when its process forks."""

    __slots__ = ("goes_on", "in_hand")
    goes_on: threading.Event
    in_hand: threading.Event

    def __hash__(self) -> int:
        if threading.current_thread() is not threading.main_thread():
            self.in_hand.set()
            self.goes_on.wait(120)
        return super().__hash__()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_alert_whatever_its_parents_threads_were_about() -> None:
    alerts, name = Alerts(), SlowName("vault")
    name.in_hand, name.goes_on = threading.Event(), threading.Event()
    # Where no condition lasts, none is looked for.
    alerts("database_away", "error", "away", once_key="database")
    thread = threading.Thread(target=alerts.over, args=(name,), daemon=True)
    thread.start()
    assert name.in_hand.wait(60), "the thread is not about anything"
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # It ends a child that waits.
        alerts("vault_away", "error", "away", once_key="vault")
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    name.goes_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(ended) == 0


def test_an_alert_that_finds_no_thread_stands_in_the_log_and_stops_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    alerts, sink = Alerts(), Sink()
    alerts.register_alert_sink(sink)
    monkeypatch.setattr(threading.Thread, "start", no_more)
    alerts("freeze", "warning", "frozen")
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert sink == []


def test_a_sink_may_register_another_one() -> None:
    alerts, inner = Alerts(), Sink()
    alerts.register_alert_sink(lambda *_alert: alerts.register_alert_sink(inner))
    alerts("freeze", "warning", "frozen")
    alerts("freeze", "warning", "frozen again")
    assert len(inner) == 1


def test_a_sink_must_be_callable() -> None:
    with pytest.raises(ConfigurationError):
        Alerts().register_alert_sink("mail@example.com")  # type: ignore[arg-type]


class FakeApprise(ModuleType):
    """Apprise's face: an extra that this suite does not install."""

    def __init__(self, *, succeeds: bool = True) -> None:
        super().__init__("apprise")
        sent = self.sent = list[tuple[str, str]]()
        self.goes_on, self.is_through = threading.Event(), threading.Event()
        self.goes_on.set()
        goes_on, is_through = self.goes_on, self.is_through

        class Apprise:
            def add(self, url: str) -> bool:
                return url.startswith("json://")

            def notify(self, title: str, body: str) -> bool:
                goes_on.wait(60)
                sent.append((title, body))
                is_through.set()
                return succeeds

        self.Apprise = Apprise


def with_apprise(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    # None is how Python marks a module that must not be imported.
    monkeypatch.setitem(sys.modules, "apprise", module)


def test_addresses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeApprise()
    with_apprise(monkeypatch, module)
    Alerts([Secret("json://one")])("freeze", "critical", f"frozen, {KEY}")
    ((title, body),) = module.sent
    assert "freeze" in title
    assert "frozen" in body
    assert KEY not in body


def test_addresses_without_the_extra_are_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with_apprise(monkeypatch, None)
    with pytest.raises(ConfigurationError, match="alerts"):
        Alerts([Secret("json://one")])
    Alerts([])


def test_an_address_that_nobody_understands_is_an_error_that_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_apprise(monkeypatch, FakeApprise())
    with pytest.raises(ConfigurationError) as caught:
        Alerts([Secret("json://one"), Secret("nonsense://fakeToken")])
    assert "number 2" in str(caught.value)
    assert "fakeToken" not in str(caught.value)


def test_a_slow_server_holds_an_operation_up_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts_adapter, "_PATIENCE_S", 0.05)
    module = FakeApprise()
    module.goes_on.clear()
    with_apprise(monkeypatch, module)
    Alerts([Secret("json://one")])("freeze", "critical", "frozen")
    assert module.sent == []
    module.goes_on.set()
    assert module.is_through.wait(60), "it goes on behind"
    assert len(module.sent) == 1


def test_a_failed_delivery_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_apprise(monkeypatch, FakeApprise(succeeds=False))
    Alerts([Secret("json://one")])("freeze", "critical", "frozen")
    assert [record.levelname for record in caplog.records] == ["CRITICAL", "ERROR"]
    assert "freeze" in caplog.records[1].getMessage()

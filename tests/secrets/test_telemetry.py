"""What a bot's tracing records of a charge: the attributes and events of a real span."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stripe_billing_router import BillingError
from support.nobody import PUBLIC_KEY, SECRET_KEY, WELL_FORMED
from support.platform import BOT, Platform, platform_in

Seen = Callable[..., list[str]]


class ForeignError(Exception):
    """What is not of this package, and shows what it likes."""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with platform_in(tmp_path, secret_key=SECRET_KEY, public_key=PUBLIC_KEY) as built:
        yield built


def traced(work: Callable[[], Any]) -> ReadableSpan:
    """Run `work` in a span as a bot author writes one: what it gives becomes attributes."""
    exported = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    try:
        with provider.get_tracer("bot").start_as_current_span("charge") as span:
            done = work()
            span.set_attribute("receipt", str(done))
            span.set_attribute("receipt.repr", repr(done))
            for name, value in vars(type(done)).items():
                if isinstance(value, property):
                    span.set_attribute(f"receipt.{name}", str(getattr(done, name)))
    except (BillingError, ForeignError):
        pass  # The span has recorded it, with its traceback.
    (finished,) = exported.get_finished_spans()
    return finished


def test_the_span_of_a_charge_holds_no_secret(platform: Platform, seen: Seen) -> None:
    span = traced(lambda: platform.router.charge(BOT, 10, customer_id="cus_empty"))
    told = span.to_json()
    assert json.loads(told)["attributes"]["receipt"]
    assert seen(told) == []


@pytest.mark.parametrize("kind", WELL_FORMED)
@pytest.mark.parametrize("where", ["idempotency_key", "price_id", "currency", "payment_method"])
def test_the_span_of_a_refused_charge_holds_no_secret(
    platform: Platform, seen: Seen, kind: str, where: str
) -> None:
    misplaced: dict[str, Any] = {where: WELL_FORMED[kind]}
    amount = None if where == "price_id" else 10
    span = traced(lambda: platform.router.charge(BOT, amount, **misplaced))
    told = span.to_json()
    (event,) = json.loads(told)["events"]
    assert event["attributes"]["exception.stacktrace"]
    assert seen(told) == []


def test_a_key_in_a_span_would_be_seen(seen: Seen) -> None:
    """The other way round, so that the tests above can fail."""

    def fail() -> None:
        raise ForeignError(f"a foreign library quotes {SECRET_KEY}")

    assert seen(traced(fail).to_json()) != []

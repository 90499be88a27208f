"""Threads see whole routes and whole reloads; cost does not grow with the number of routes."""

import gc
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from stripe_billing_router.errors import RoutingError, UnknownRouteError
from stripe_billing_router.routing.route import Route
from stripe_billing_router.routing.table import RouteKey, RoutingTable


def whole(number: int) -> dict[str, str]:
    """Return a route whose three ids belong together."""
    return {
        "product_id": f"prod_{number}",
        "price_id": f"price_{number}",
        "customer_id": f"cus_{number}",
    }


def is_whole(route: Route) -> bool:
    ids = (route.product_id, route.price_id, route.customer_id)
    return len({text.partition("_")[2] for text in ids}) == 1


@pytest.fixture
def eager_switches() -> Any:
    """Let threads take turns far more often than they would by themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(*jobs: Callable[[], None]) -> None:
    """Run all jobs at once and raise what one of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        try:
            start.wait()
            job()
        except BaseException as error:  # noqa: BLE001 - carried over to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.usefixtures("eager_switches")
def test_readers_see_a_route_before_or_after_never_half_of_it() -> None:
    table = RoutingTable()
    table.register("finance", "bot", whole(0))
    table.register_override(rule(0))
    done = threading.Event()

    def write() -> None:
        for number in range(1, 400):
            table.register("finance", "bot", whole(number))
            table.register_override(rule(number))
        done.set()

    def read() -> None:
        while not done.is_set():
            assert is_whole(table.resolve("finance:bot").route)
            assert is_whole(table.resolve("finance:bot", {"business": "x"}).route)
            assert all(is_whole(route) for route in table.routes.values())

    in_threads(write, read, read)
    assert table.resolve("finance:bot").route == Route(**whole(399))


def rule(number: int) -> dict[str, Any]:
    return {"business_category": "finance", "bot_name": "bot", "key": "business", "value": "x",
            "route": whole(number)}  # fmt: skip


@pytest.mark.usefixtures("eager_switches")
def test_no_registration_is_lost_between_threads_and_reloads() -> None:
    table = RoutingTable()
    key: RouteKey = ("stripe", "default", "file", "bot")

    def register(group: int) -> Callable[[], None]:
        def job() -> None:
            for number in range(100):
                table.register(f"group{group}", f"bot{number}", whole(number))
                table.register_override(
                    {**rule(number), "business_category": f"group{group}",
                     "bot_name": f"bot{number}"}
                )  # fmt: skip

        return job

    def reload() -> None:
        for number in range(100):
            table.replace_all({key: Route(**whole(number))})

    in_threads(register(1), register(2), register(3), reload)
    assert len(table.routes) == 301
    for group in (1, 2, 3):
        for number in range(100):
            found = table.resolve(f"group{group}:bot{number}", {"business": "x"})
            assert found.route == Route(**whole(number))


@pytest.mark.usefixtures("eager_switches")
def test_a_reload_is_seen_whole() -> None:
    table = RoutingTable()
    first: dict[RouteKey, Route] = {
        ("stripe", "default", "old", f"bot{number}"): Route(**whole(1)) for number in range(50)
    }
    second: dict[RouteKey, Route] = {
        ("stripe", "default", "new", f"bot{number}"): Route(**whole(2)) for number in range(50)
    }
    table.replace_all(first)
    done = threading.Event()

    def reload() -> None:
        for _ in range(100):
            table.replace_all(second)
            table.replace_all(first)
        done.set()

    def read() -> None:
        while not done.is_set():
            assert {category for _, _, category, _ in table.routes} in ({"old"}, {"new"})
            assert len({route.price_id for _, route in table.routes.items()}) == 1
            try:
                table.resolve("new:bot7")
            except RoutingError as error:
                assert "category" in error.message  # noqa: PT017 - either answer is right

    in_threads(reload, read)


def calls_made_by(job: Callable[[], Any]) -> int:
    """Count the function calls, Python's and C's, that a job makes: a cost without a clock."""
    count = 0

    def on_event(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # A collection in between would call finalizers and callbacks of others.
    sys.setprofile(on_event)
    try:
        job()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.fixture(scope="module")
def sizes() -> dict[int, RoutingTable]:
    route = Route(**whole(1))
    tables = {}
    for size in (10, 100_000):
        tables[size] = RoutingTable()
        tables[size].replace_all(
            {("stripe", "default", "finance", f"bot{number}"): route for number in range(size)}
        )
    return tables


@pytest.mark.parametrize(
    "job",
    [
        lambda table: table.resolve("finance:bot7"),
        lambda table: table.resolve("finance:bot7", {"region": "default"}),
        lambda table: table.register("finance", "one_more", whole(2)),
        lambda table: table.register("other", "bot", whole(2), region="eu"),
        lambda table: table.register_override({**rule(3), "bot_name": "bot7"}),
        lambda table: table.resolve("finance:bot7", {"business": "x"}),
    ],
)
def test_a_hundred_thousand_routes_cost_what_ten_do(
    sizes: dict[int, RoutingTable], job: Callable[[RoutingTable], Any]
) -> None:
    for table in sizes.values():
        job(table)  # Once before, so that nothing is counted that happens once per process.
    counts = {size: calls_made_by(partial(job, table)) for size, table in sizes.items()}
    assert counts[10] == counts[100_000]


def test_an_unknown_bot_among_a_hundred_thousand_costs_little(
    sizes: dict[int, RoutingTable],
) -> None:
    table = sizes[100_000]

    def ask() -> None:
        with pytest.raises(UnknownRouteError, match="bot77777") as caught:
            table.resolve("finance:bot7777x7")
        assert "of 10000" in caught.value.message

    ask()
    assert calls_made_by(ask) < 50_000


@pytest.mark.parametrize(
    "typo",
    [
        "zebra_77777_en",  # the last character is missing
        "zebra_77777_endx",  # one too many at the end
        "ebra_77777_end",  # the first character is missing
        "xzebra_77777_end",  # one too many at the start
        "zebra_77777_edn",  # the last two change places
        "ezbra_77777_end",  # the first two change places
        "zebra-77777_end",  # another character
        "zebra77777_end",  # a separator is missing
    ],
)
def test_one_typing_error_is_found_among_many(typo: str) -> None:
    table = RoutingTable()
    route = Route(**whole(1))
    table.replace_all(
        {
            ("stripe", "default", "finance", f"zebra_{number:05}_end"): route
            for number in range(70_000, 78_000)
        }
    )
    with pytest.raises(UnknownRouteError, match=r"(?<!\w)zebra_77777_end(?!\w)"):
        table.resolve(f"finance:{typo}")

"""The database goes away and comes back; what was promised holds all the while."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from stripe_billing_router import BotFrozenError, LedgerUnavailableError
from stripe_billing_router.core.operation import State
from stripe_billing_router.storage import database
from stripe_billing_router.storage import outage as outage_module
from stripe_billing_router.storage.errors import (
    DatabaseUnavailableError,
    DuplicateIntentError,
    RecordsLostError,
    StaleOperationError,
)
from stripe_billing_router.storage.outage import Outage
from stripe_billing_router.storage.records import Records
from support.go_toolchain import is_ci
from support.postgres import PostgresUnavailableError, Server, running_postgres
from support.records import Events, freeze, open_records, operation, row

Switch = Callable[[], object]


class Outages:
    """Takes the database of one test away, and brings it back."""

    def __init__(self, take_away: Switch, bring_back: Switch) -> None:
        self._take_away = take_away
        self._bring_back = bring_back
        self._is_on = False

    def begin(self) -> None:
        self._take_away()
        self._is_on = True

    def end(self) -> None:
        if self._is_on:
            self._bring_back()
            self._is_on = False


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Server]:
    """A server that may be stopped without harm to other tests."""
    if os.environ.get("TEST_POSTGRES_URL"):
        pytest.skip("the server of TEST_POSTGRES_URL is not ours to stop")
    try:
        with running_postgres() as server:
            yield server
    except PostgresUnavailableError as error:
        if is_ci():
            raise
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Outages]]:
    if request.param == "sqlite":
        folder, hidden = tmp_path / "db", tmp_path / "hidden"
        yield (
            f"sqlite:///{folder}/ledger.db",
            Outages(lambda: folder.rename(hidden), lambda: hidden.rename(folder)),
        )
        return
    server: Server = request.getfixturevalue("own_postgres")
    with server.database() as url:
        outages = Outages(server.stop, server.start)
        yield url, outages
        outages.end()


@pytest.fixture
def url(place: tuple[str, Outages]) -> str:
    return place[0]


@pytest.fixture
def outage(place: tuple[str, Outages]) -> Outages:
    return place[1]


def test_what_is_written_meanwhile_comes_back_once(
    records: Records, opened: Callable[..., Records], outage: Outages, events: Events
) -> None:
    records.begin(operation("before"))
    outage.begin()
    before = records.save(operation("before", state=State.SUCCEEDED), rows=[row("pi_1")])
    assert records.degraded
    assert records.begin(operation("during")) is None
    assert records.is_spooled(operation("during").operation_id)
    during = records.save(operation("during", state=State.FAILED), rows=[row("pi_2", error=1)])
    records.log(row("pi_3"))
    assert events.kinds == ["database_away"]
    outage.end()

    other = opened()
    assert other.find(before.operation_id) == before
    assert other.find(during.operation_id) == during
    assert records.find(during.operation_id) == during
    assert [json.loads(found.raw_event_json)["id"] for found in records.ledger()] == [
        "pi_1", "pi_2", "pi_3",
    ]  # fmt: skip
    assert not records.degraded
    assert not records.is_spooled(during.operation_id)
    assert events.kinds == ["database_away", "spill_returned", "database_back"]
    assert not records.replay()


def test_an_operation_goes_on_across_the_return(records: Records, outage: Outages) -> None:
    records.freezes()
    outage.begin()
    records.begin(operation())
    first = records.save(operation(state=State.UNKNOWN))
    outage.end()
    second = records.save(replace(first, state=State.SUCCEEDED), rows=[row()])
    assert second.version == 2
    assert records.find(second.operation_id) == second


def test_the_spill_is_one_journal_for_all_processes_of_the_host(
    records: Records, opened: Callable[..., Records], outage: Outages
) -> None:
    other = opened()
    other.freezes()
    records.freezes()
    outage.begin()
    assert records.begin(operation()) is None
    assert other.begin(operation()) == operation()
    saved = other.save(operation(state=State.UNKNOWN))
    assert records.find(saved.operation_id) == saved
    with pytest.raises(StaleOperationError):
        records.save(operation())
    equal = operation("equal", fingerprint=operation().fingerprint)
    with pytest.raises(DuplicateIntentError):
        records.begin(equal, refuse_if=lambda _found: True)
    assert records.begin(equal, refuse_if=lambda _found: False) is None
    outage.end()


def test_freezes_hold_and_new_ones_hold_everywhere(
    records: Records, opened: Callable[..., Records], outage: Outages
) -> None:
    records.freeze(freeze("known:bot"))
    assert records.begin(operation()) is None
    outage.begin()
    started_later = opened()
    for one in (records, started_later):
        with pytest.raises(BotFrozenError):
            one.begin(operation("a", bot_id="stripe:known:bot"))
    records.freeze(freeze("late:bot"), row(None, action_type="freeze", amount=None))
    for one in (records, started_later):
        with pytest.raises(BotFrozenError):
            one.begin(operation("b", bot_id="stripe:late:bot"))
    with pytest.raises(LedgerUnavailableError):
        records.unfreeze("late:bot", lifted_by="ops")
    outage.end()
    assert {found.pattern for found in started_later.freezes()} == {"known:bot", "late:bot"}
    assert [found.action_type for found in records.ledger()] == ["freeze"]
    assert records.unfreeze("late:bot", lifted_by="ops") == 1


def test_a_bot_that_was_frozen_meanwhile_goes_no_further(records: Records, outage: Outages) -> None:
    records.begin(operation())
    outage.begin()
    assert not records.is_spooled(operation().operation_id)
    records.freeze(freeze())
    with pytest.raises(BotFrozenError):
        records.save(operation(attempt=2), check_freeze=True)
    assert records.save(operation(state=State.FAILED)).version == 1
    outage.end()


def test_lifted_freezes_do_not_come_back_with_the_next_outage(
    records: Records, opened: Callable[..., Records], outage: Outages
) -> None:
    records.freeze(freeze())
    assert records.unfreeze("stripe:finance:finance_router_bot", lifted_by="ops") == 1
    outage.begin()
    assert records.begin(operation("a")) is None
    assert opened().begin(operation("b")) is None
    outage.end()


def test_reading_says_that_the_database_is_away(records: Records, outage: Outages) -> None:
    records.log(row())
    outage.begin()
    records.log(row(None))
    reads: list[Callable[[], object]] = [
        records.operations, records.freezes, records.replay, lambda: [*records.ledger()],
    ]  # fmt: skip
    for read in reads:
        with pytest.raises(LedgerUnavailableError):
            read()
    outage.end()
    assert len(list(records.ledger())) == 2


def test_those_who_refuse_still_keep_what_was_done(
    opened: Callable[..., Records], outage: Outages
) -> None:
    records = opened(database_away="refuse")
    records.begin(operation())
    outage.begin()
    with pytest.raises(LedgerUnavailableError):
        records.begin(operation("new"))
    with pytest.raises(LedgerUnavailableError):
        records.find("op_1")
    saved = records.save(operation(state=State.SUCCEEDED), rows=[row()])
    outage.end()
    assert records.find(saved.operation_id) == saved
    assert len(list(records.ledger())) == 1


def test_with_nowhere_to_write_nothing_begins_and_a_loss_is_said(
    records: Records, folder: Path, outage: Outages
) -> None:
    records.begin(operation())
    outage.begin()
    if folder.exists():
        folder.rename(folder.with_name("kept"))
    folder.write_text("A file where the folder should be.")
    with pytest.raises(LedgerUnavailableError) as caught:
        records.begin(operation("new"))
    assert caught.value.money_moved == "no"
    given = row()
    with pytest.raises(RecordsLostError) as error:
        records.save(operation(state=State.SUCCEEDED), rows=[given], freezes=[freeze("late:bot")])
    assert error.value.operation is not None
    assert error.value.operation.state is State.SUCCEEDED
    assert error.value.rows == (given,)
    with pytest.raises(RecordsLostError):
        records.log(row())
    folder.unlink()
    if folder.with_name("kept").exists():
        folder.with_name("kept").rename(folder)
    outage.end()
    # What nothing durable took holds in this process at least.
    with pytest.raises(BotFrozenError):
        records.begin(operation("a", bot_id="stripe:late:bot"))


def test_each_outage_is_said_once(records: Records, outage: Outages, events: Events) -> None:
    records.freezes()
    for _ in range(2):
        outage.begin()
        records.log(row(None))
        records.log(row(None))
        outage.end()
        records.replay()
    assert events.kinds == 2 * ["database_away", "spill_returned", "database_back"]
    assert not any("tests@" in event[2] for event in events.seen)


def test_a_spill_that_cannot_be_read_stops_new_intents(
    records: Records, folder: Path, outage: Outages
) -> None:
    """A key may stand in it; to go on with the database alone would be to guess."""
    records.freezes()
    outage.begin()
    records.begin(operation())
    outage.end()
    (folder / "spool.lock").unlink()
    (folder / "spool.lock").mkdir()
    with pytest.raises(LedgerUnavailableError):
        records.begin(operation("new"))
    (folder / "spool.lock").rmdir()
    assert records.begin(operation("new")) is None
    assert records.find(operation().operation_id) == operation()


def test_who_may_only_read_sees_what_waits_in_the_files_as_well(
    postgres_url: str, folder: Path
) -> None:
    writer = open_records(postgres_url, folder)
    for number in (1, 3):
        writer.log(row(f"pi_{number}", timestamp_ms=number))
    writer.begin(operation())
    reader = open_records(f"{postgres_url}+-cdefault_transaction_read_only%3Don", folder)
    for number in (2, 4):
        reader.log(row(f"pi_{number}", timestamp_ms=number))
    saved = reader.save(operation(state=State.SUCCEEDED))
    assert [found.timestamp_ms for found in reader.ledger()] == [1, 2, 3, 4]
    assert [found.timestamp_ms for found in reader.ledger(newest_first=True, limit=3)] == [4, 3, 2]
    assert [found.timestamp_ms for found in reader.ledger(object_id="pi_2")] == [2]
    assert reader.find(saved.operation_id) == saved
    with pytest.raises(LedgerUnavailableError):
        reader.operations()
    assert [found.timestamp_ms for found in writer.ledger()] == [1, 2, 3, 4]
    assert reader.operations() == [saved]
    reader.close()
    writer.close()


DISK_FULL = """
import resource, sys
from pathlib import Path
from stripe_billing_router import LedgerUnavailableError
from stripe_billing_router.storage.errors import RecordsLostError
from support.records import Events, open_records, operation, row
events = Events()
records = open_records(sys.argv[1], Path(sys.argv[2]), alert=events)
for number in range(20):
    records.begin(operation(str(number)))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
for number in range(100, 160):
    assert records.begin(operation(str(number))) is None
assert records.degraded
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
try:
    records.begin(operation("nowhere"))
except LedgerUnavailableError:
    pass
try:
    records.save(operation("100"), rows=[row()])
except RecordsLostError:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert len(records.operations(limit=None)) == 80
assert records.find(operation("100").operation_id).version == 0
assert events.kinds == ["database_away", "spill_returned", "database_back"], events.kinds
records.close()
"""


def test_a_full_disk_is_an_outage_like_any_other(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: first for the database, then for all."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    arguments = [f"sqlite:///{tmp_path}/ledger.db", str(tmp_path / "finance_logs")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", DISK_FULL, *arguments], check=True, env=environment)


def test_a_slow_failure_is_not_asked_for_at_each_call() -> None:
    """A host that does not answer costs a connection time-out; calls must not each pay for it."""
    outage = Outage(Events(), "a database")
    outage.begins(DatabaseUnavailableError("quick"), took_s=0.01)
    outage.expect_worth_asking()
    outage.begins(DatabaseUnavailableError("slow"), took_s=5.0)
    with pytest.raises(DatabaseUnavailableError, match="quick"):
        outage.expect_worth_asking()
    outage.ends()
    outage.expect_worth_asking()


def test_a_host_that_does_not_answer_costs_one_time_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", 2)  # The shortest that libpq takes.
    monkeypatch.setattr(outage_module, "PAUSE_FACTOR", 1000.0)
    monkeypatch.setattr(outage_module, "LONGEST_PAUSE_S", 1000.0)
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/db"
        records = open_records(url, tmp_path / "logs")
        asked: list[None] = []
        engine = records._storage.database._engine
        event.listen(engine, "do_connect", lambda *_: asked.append(None))
        for number in range(5):
            assert records.begin(operation(str(number))) is None
        assert len(asked) == 1
        assert records.degraded
        records.close()

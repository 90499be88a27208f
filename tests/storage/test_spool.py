"""The files: whole lines or none, for their owner only, and back in the database exactly once."""

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stripe_billing_router import BotFrozenError, ConfigurationError, LedgerUnavailableError
from stripe_billing_router.core.clean_json import to_json
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.domain.precedence import is_further
from stripe_billing_router.storage import codec
from stripe_billing_router.storage.jsonl import JsonLines
from stripe_billing_router.storage.records import Records
from stripe_billing_router.storage.replay import BATCH_LINES
from stripe_billing_router.storage.spool import Spool
from support.processes import forking, pool_at_once
from support.records import (
    Events,
    freeze,
    log_each,
    now_ms,
    open_records,
    operation,
    replay_and_be_killed,
    row,
)


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder)


@pytest.fixture
def lines(tmp_path: Path) -> JsonLines:
    return JsonLines(tmp_path / "some.jsonl")


def away(folder: Path, events: Events | None = None) -> Records:
    """Records whose database is never there."""
    url = f"sqlite:////dev/null/{folder.name}.db"
    return Records(url, folder, now_ms=now_ms, alert=events or Events())


# --- one file -------------------------------------------------------------------------------------


def test_lines_come_back_in_order(lines: JsonLines) -> None:
    assert (lines.size(), list(lines.read())) == (0, [])
    for number in range(3):
        lines.append({"n": number, "text": "two\nlines"})
    assert [line.value["n"] for line in lines.read() if line.value] == [0, 1, 2]
    middle = next(lines.read()).end
    assert [line.value["n"] for line in lines.read(middle) if line.value] == [1, 2]
    lines.clear()
    assert (lines.size(), list(lines.read())) == (0, [])


@pytest.mark.parametrize("torn", [b'{"n": 1', b"\xff\xfe", b"[1]", b'"text"'])
def test_a_torn_end_does_not_swallow_the_next_line(lines: JsonLines, torn: bytes) -> None:
    lines.append({"n": 0})
    with lines.path.open("ab") as file:
        file.write(torn)
    lines.append({"n": 2})
    assert [line.value for line in lines.read()] == [{"n": 0}, None, {"n": 2}]
    assert [line.text for line in lines.read()][1] == torn


def test_a_line_that_cannot_be_written_leaves_the_file_as_it_was() -> None:
    with pytest.raises(OSError, match="No space left"):
        JsonLines(Path("/dev/full")).append({"n": 1})


def test_clearing_what_is_not_there_is_nothing(lines: JsonLines) -> None:
    lines.clear()
    assert not lines.path.exists()


# --- the spill ------------------------------------------------------------------------------------


def test_the_ledgers_file_has_exactly_the_ten_keys(folder: Path) -> None:
    records = away(folder)
    records.begin(operation())
    records.save(operation(state=State.SUCCEEDED), rows=[row("pi_1")])
    records.log(row("pi_2", amount=None, error=1))
    stored = list(map(json.loads, (folder / "stripe_ledger.jsonl").read_text().splitlines()))
    assert [sorted(line) for line in stored] == [sorted(codec.LEDGER_COLUMNS)] * 2
    assert [line["amount"] for line in stored] == ["10.00", None]


def test_the_files_are_for_their_owner_only(folder: Path) -> None:
    records = away(folder)
    records.begin(operation())
    records.freeze(freeze("other:bot"), row(None))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = sorted(path.name for path in folder.iterdir())
    assert found == ["freezes.json", "journal.jsonl", "spool.lock", "stripe_ledger.jsonl"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_lock_that_is_held_is_not_waited_for_for_ever(folder: Path, spool: Spool) -> None:
    with spool.locked(), pytest.raises(TimeoutError), Spool(folder, lock_wait_s=0.1).locked():
        pass


def test_threads_take_turns(spool: Spool) -> None:
    inside: list[int] = []

    def work(number: int) -> None:
        with spool.locked():
            inside.append(number)
            spool.add_row(row(f"pi_{number}"))
            assert inside.pop() == number

    threads = [threading.Thread(target=work, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spool.rows()) == 16


def test_what_another_process_emptied_is_forgotten(folder: Path, spool: Spool) -> None:
    with spool.locked():
        spool.save(operation("old"))
    other = Spool(folder)
    with other.locked():
        other.clear()
        for number in range(5):
            other.save(operation(f"new-{number}"))
    with spool.locked():
        assert spool.find(operation("old").operation_id) is None
        for number in range(5):
            assert spool.find(operation(f"new-{number}").operation_id) is not None


def test_many_processes_write_whole_lines(folder: Path) -> None:
    names = [[f"pi_{process}_{number}" for number in range(25)] for process in range(4)]
    with pool_at_once(4) as pool:
        jobs = [
            pool.submit(log_each, "sqlite:////dev/null/x.db", str(folder), ids) for ids in names
        ]
        for job in jobs:
            job.result()
    records = open_records(f"sqlite:///{folder}/ledger.db", folder)
    found = {json.loads(row.raw_event_json)["id"] for row in records.ledger()}
    assert found == {name for ids in names for name in ids}
    records.close()


# --- the way back ---------------------------------------------------------------------------------


def spill(folder: Path, count: int) -> None:
    """Fill the files with `count` operations that began and ended, each with its row."""
    records = away(folder)
    for number in range(count):
        new = operation(str(number))
        records.begin(new)
        records.save(replace(new, state=State.SUCCEEDED), rows=[row(f"pi_{number}")])


def check_whole(records: Records, count: int) -> None:
    found = records.operations(limit=None)
    assert len(found) == count
    assert {(one.state, one.version) for one in found} == {(State.SUCCEEDED, 1)}
    ids = [json.loads(row.raw_event_json)["id"] for row in records.ledger()]
    assert sorted(ids) == sorted(f"pi_{number}" for number in range(count))


def test_torn_and_foreign_lines_are_kept_aside_and_reported(
    opened: Any, folder: Path, events: Events
) -> None:
    spill(folder, 2)
    for name, text in (("journal", b'{"v": 1, "operation"'), ("stripe_ledger", b'{"id": "x"}\n')):
        with (folder / f"{name}.jsonl").open("ab") as file:
            file.write(text)
    records = opened()
    report = records.replay()
    assert (report.operations, report.rows, report.quarantine) == (2, 2, 2)
    check_whole(records, 2)
    aside = (folder / "set_aside.jsonl").read_bytes()
    assert aside == b'{"v": 1, "operation"\n{"id": "x"}\n'
    assert ("spill_set_aside", "critical") in [event[:2] for event in events.seen]
    assert not records.replay()


def test_what_the_database_refuses_is_kept_aside_and_the_rest_comes_back(
    opened: Any, folder: Path
) -> None:
    spill(folder, 3)
    with (folder / "stripe_ledger.jsonl").open("a") as file:
        file.write(to_json({**codec.row_values(row("pi_bad")), "error": 7}) + "\n")
    records = opened()
    assert records.replay().quarantine == 1
    check_whole(records, 3)
    assert b"pi_bad" in (folder / "set_aside.jsonl").read_bytes()


def test_an_outcome_is_kept_though_its_row_is_refused(
    opened: Any, folder: Path, events: Events
) -> None:
    records = opened()
    records.begin(operation())
    good, bad = row("pi_1"), row("pi_2", error=7)
    saved = records.save(operation(state=State.SUCCEEDED), rows=[bad, good])
    assert records.find(saved.operation_id) == saved
    assert list(records.ledger()) == [good]
    assert b"pi_2" in (folder / "set_aside.jsonl").read_bytes()
    assert {"record_refused", "spill_set_aside"} <= set(events.kinds)
    assert not records.degraded


def test_a_commit_of_which_the_row_finds_no_room_in_its_file_stands(
    opened: Any, folder: Path
) -> None:
    folder.mkdir()
    (folder / "stripe_ledger.jsonl").symlink_to("/dev/full")
    saved = away(folder).save(operation(state=State.SUCCEEDED), rows=[row()])
    (folder / "stripe_ledger.jsonl").unlink()
    records = opened()
    assert records.find(saved.operation_id) == saved
    assert len(list(records.ledger())) == 1


def test_a_fork_does_not_keep_the_lock(folder: Path, spool: Spool) -> None:
    with spool.locked():
        spool.save(operation())
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        with Spool(folder, lock_wait_s=1.0).locked():
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_forked_child_reads_the_spill_anew(spool: Spool) -> None:
    with spool.locked():
        spool.save(operation())
        child = os.fork()
    if child == 0:
        with spool.locked():
            found = spool.find(operation().operation_id)
        os._exit(found != operation())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_line_of_a_newer_version_is_left_where_it_is(opened: Any, folder: Path) -> None:
    spill(folder, 1)
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"v": 2}\n')
    with pytest.raises(ConfigurationError, match="stripe_billing_router"):
        opened().begin(operation("new"))


# `open` is looked at before each file is read, `os.truncate` before it is emptied: the end comes
# within the import, between commit and emptying, and between the two files.
@pytest.mark.parametrize(
    ("audit_event", "countdown"),
    [("os.truncate", 1), ("os.truncate", 2), ("open", 3), ("open", 4), ("open", 5)],
)
def test_a_drain_that_is_killed_is_finished_by_the_next(
    url: str, opened: Any, folder: Path, audit_event: str, countdown: int
) -> None:
    opened().freezes()
    spill(folder, 3)
    drain_in_a_process_that_is_killed(url, folder, audit_event, countdown)
    check_whole(opened(), 3)


def test_a_drain_that_is_killed_between_two_commits_is_finished_by_the_next(
    url: str, opened: Any, folder: Path
) -> None:
    count = BATCH_LINES // 2 + 10  # Of each there are two lines in the journal.
    records = opened()
    records.freezes()
    spool = Spool(folder)
    with spool.locked():
        for number in range(count):
            new = operation(str(number))
            spool.save(new)
            done = replace(new, state=State.SUCCEEDED, version=1)
            spool.save(done, rows=[row(f"pi_{number}")])
    # The first commit ends the look at the schema, the second one is that of the first lines.
    drain_in_a_process_that_is_killed(url, folder, "commit", 3)
    engine = sa.create_engine(records._storage.database._url)
    with engine.connect() as connection:
        back = connection.exec_driver_sql("SELECT count(*) FROM stripe_operations").scalar()
    engine.dispose()
    assert back == BATCH_LINES // 2
    check_whole(records, count)


def drain_in_a_process_that_is_killed(
    url: str, folder: Path, audit_event: str, countdown: int
) -> None:
    arguments = (url, str(folder), audit_event, countdown)
    child = forking().Process(target=replay_and_be_killed, args=arguments)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def test_importing_the_same_files_twice_changes_nothing(opened: Any, folder: Path) -> None:
    spill(folder, 3)
    saved = {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}
    records = opened()
    assert records.replay()
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    assert not records.replay()
    check_whole(records, 3)


def test_a_lifted_freeze_is_not_brought_back(opened: Any, folder: Path) -> None:
    away(folder).freeze(freeze("other:bot"))
    saved = (folder / "journal.jsonl").read_bytes()
    records = opened()
    assert records.unfreeze("other:bot", lifted_by="ops") == 1
    (folder / "journal.jsonl").write_bytes(saved)
    assert records.freezes() == []
    assert [found.lifted_by for found in records.freezes(include_lifted=True)] == ["ops"]


# --- what wins ------------------------------------------------------------------------------------


def of(state: State, version: int, attempt: int = 1) -> Operation:
    return operation(state=state, version=version, attempt=attempt)


# Which of the two stands afterwards: what the database has, or what was spilled?
MEETINGS = [
    (of(State.PENDING, 0), of(State.SUCCEEDED, 1), "spilled"),
    (of(State.PENDING, 5), of(State.SUCCEEDED, 1), "spilled"),
    (of(State.SUCCEEDED, 1), of(State.PENDING, 9), "database"),
    (of(State.SUCCEEDED, 1), of(State.SUCCEEDED, 1), "database"),
    (of(State.PENDING, 1), of(State.UNKNOWN, 2), "spilled"),
    (of(State.UNKNOWN, 2), of(State.PENDING, 1), "database"),
    (of(State.FAILED, 2), of(State.PENDING, 3, attempt=2), "spilled"),
    (of(State.PENDING, 3, attempt=2), of(State.FAILED, 9), "database"),
    (of(State.SUCCEEDED, 1), of(State.FAILED, 9), "database"),
    (of(State.FAILED, 9), of(State.SUCCEEDED, 1), "spilled"),
    (of(State.SUCCEEDED, 9), of(State.ROLLED_BACK, 2), "spilled"),
    (of(State.AWAITING_APPROVAL, 1), of(State.DENIED, 2), "spilled"),
]


@pytest.mark.parametrize(("stored", "spilled", "winner"), MEETINGS)
def test_of_two_states_the_one_that_is_further_stands(
    opened: Any, folder: Path, stored: Operation, spilled: Operation, winner: str
) -> None:
    assert is_further(spilled, stored) == (winner == "spilled")
    records = opened()
    records.begin(stored)
    spool = Spool(folder)
    with spool.locked():
        spool.save(spilled)
    found = records.find(stored.operation_id)
    expected = spilled if winner == "spilled" else stored
    assert replace(found, version=0) == replace(expected, version=0)
    assert found.version > stored.version or winner == "database"


@pytest.mark.parametrize(
    ("stored", "spilled"),
    [
        (of(State.FAILED, 1), of(State.SUCCEEDED, 1)),
        (of(State.PENDING, 2, attempt=2), of(State.SUCCEEDED, 1)),
    ],
)
def test_an_effect_that_the_database_took_for_a_failure_is_told(
    opened: Any, folder: Path, events: Events, stored: Operation, spilled: Operation
) -> None:
    records = opened()
    records.begin(stored)
    spool = Spool(folder)
    with spool.locked():
        spool.save(spilled)
    assert records.replay().conflicts == [stored.operation_id]
    assert ("journal_conflict", "critical") in [event[:2] for event in events.seen]


def test_freezes_that_cannot_be_read_stop_everyone(folder: Path) -> None:
    records = away(folder)
    records.begin(operation())
    (folder / "freezes.json").write_text("{")
    with pytest.raises(LedgerUnavailableError, match="freezes"):
        records.begin(operation("next"))


def test_freezes_that_cannot_be_kept_are_told_and_hold_here(
    opened: Any, folder: Path, events: Events
) -> None:
    records = opened()
    (folder / "freezes.json").mkdir(parents=True)
    records.freeze(freeze())
    assert "freeze_cache" in events.kinds
    with pytest.raises(BotFrozenError, match="tester"):
        records.begin(operation())


@pytest.fixture(autouse=True)
def _no_scratch_left(folder: Path) -> Iterator[None]:
    yield
    left = list(folder.glob("*.tmp")) if folder.exists() and os.access(folder, os.R_OK) else []
    assert [path for path in left if path.is_file()] == []

"""`ledger`: the rows that were asked for, exact, in three forms, however many there are."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import Result

from stripe_billing_router.cli import ledger as command
from stripe_billing_router.cli import ledger_table
from stripe_billing_router.core.operation import LedgerRow
from stripe_billing_router.storage.records import Records
from support.records import open_records, row
from support.terminal import in_terminal

Log = Callable[..., str]
Fill = Callable[[list[LedgerRow]], None]
Run = Callable[..., Result]

COLUMNS = [field.name for field in fields(LedgerRow)]
JULY_MS = 1_782_864_000_000  # 2026-07-01 00:00:00 UTC
HOUR_MS = 3_600_000


def rows_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def ids_of(result: Result) -> list[object]:
    return [found["id"] for found in rows_of(result)]


def in_table(result: Result) -> list[str]:
    """Return the lines of the table proper."""
    return result.stdout.split("\n\n")[0].splitlines()[1:]


@pytest.fixture
def five(log: Log) -> list[str]:
    """Five rows, an hour apart: three of money in two currencies, a failure, a customer."""
    values: list[dict[str, Any]] = [
        {"amount": "10.00", "raw_event_json": {"id": "pi_1"}},
        {"amount": "4.50", "action_type": "refund", "raw_event_json": {"id": "re_1"}},
        {"amount": "19.99", "error": 1, "raw_event_json": {"id": "pi_2", "code": "declined"}},
        {"amount": "500", "currency": "jpy", "bot_id": "a:b", "raw_event_json": {"id": "in_1"}},
        {
            "action_type": "customer",
            "amount": None,
            "currency": None,
            "raw_event_json": {"id": "cus_1"},
        },
    ]
    return [log(timestamp_ms=JULY_MS + at * HOUR_MS, **each) for at, each in enumerate(values)]


# --- which rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [0, 1, 2, 3, 4]),
        (("--bot", "a:b"), [3]),
        (("--bot", "stripe:a:b"), [3]),
        (("--object", "pi_2"), [2]),
        (("--object", "pi_9"), []),
        (("--since", "2026-07-01T01:00"), [1, 2, 3, 4]),
        (("--until", "2026-07-01T01:00"), [0]),
        (("--since", "2026-07-01T03:00+02:00", "--until", "2026-07-01T03:00"), [1, 2]),
        (("--since", "2026-07-02"), []),
        (("--errors",), [2]),
        (("--money",), [0, 1, 3]),
        (("--money", "--bot", "finance:finance_router_bot", "--limit", "1"), [1]),
        (("--limit", "2"), [3, 4]),
        (("--limit", "5"), [0, 1, 2, 3, 4]),
        (("--limit", "0"), [0, 1, 2, 3, 4]),
        (("--limit", "3", "--until", "2026-07-01T04:00"), [1, 2, 3]),
    ],
)
def test_the_rows_that_are_asked_for_in_order_of_time(
    run: Run, five: list[str], arguments: tuple[str, ...], expected: list[int]
) -> None:
    found = ids_of(run("ledger", *arguments, "--format", "jsonl"))
    assert found == [five[at] for at in expected]


def test_a_span_counts_back_from_now(run: Run, log: Log) -> None:
    now_ms = time.time_ns() // 1_000_000
    log(timestamp_ms=now_ms - 25 * HOUR_MS)
    recent = log(timestamp_ms=now_ms - 23 * HOUR_MS)
    assert ids_of(run("ledger", "--since", "24h", "--format", "jsonl")) == [recent]


def test_rows_of_one_millisecond_are_counted_one_by_one(run: Run, log: Log) -> None:
    written = [log(timestamp_ms=JULY_MS) for _ in range(5)]
    assert ids_of(run("ledger", "--limit", "3", "--format", "jsonl")) == written[2:]


def test_rows_that_wait_in_the_files_are_among_them(
    run: Run, five: list[str], ledger_dir: Path
) -> None:
    (ledger_dir / "file").touch()
    away = open_records(f"sqlite:///{ledger_dir / 'file' / 'is_no_folder.db'}", ledger_dir)
    waiting = row("pi_spilled", timestamp_ms=JULY_MS + 90_000)
    away.log(waiting)
    assert (ledger_dir / "stripe_ledger.jsonl").exists()
    found = ids_of(run("ledger", "--format", "jsonl"))
    assert found == [five[0], waiting.id, *five[1:]]


def test_a_short_table_is_the_newest_rows_and_says_so(run: Run, fill: Fill) -> None:
    fill([row(f"pi_{at:02}", timestamp_ms=JULY_MS + at) for at in range(60)])
    result = run("ledger")
    assert [line.split()[-1] for line in in_table(result)] == [
        f"pi_{at:02}" for at in range(10, 60)
    ]
    assert "50 rows, the newest; sums are of these only. --limit 0 shows all." in result.stdout
    assert "usd      50  500.00" in result.stdout


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--since", "2026-07-01")])
def test_a_table_of_a_time_is_never_cut(run: Run, fill: Fill, arguments: tuple[str, ...]) -> None:
    fill([row(f"pi_{at}", timestamp_ms=JULY_MS + at) for at in range(60)])
    result = run("ledger", *arguments)
    assert len(in_table(result)) == 60
    assert result.stdout.endswith("\n60 rows.\n")


def test_no_rows_is_said_beside_the_output(run: Run, five: list[str]) -> None:
    result = run("ledger", "--bot", "nobody:here")
    assert result.stdout == ""
    assert result.stderr == "No rows match.\n"
    assert run("ledger", "--bot", "nobody:here", "--format", "jsonl").output == ""


def test_a_place_without_a_ledger_is_an_error_and_stays_empty(run: Run, ledger_dir: Path) -> None:
    result = run("ledger", status=1)
    assert result.stderr.startswith("Error: configuration: ")
    assert "STRIPE_LEDGER_URL" in result.stderr
    assert not ledger_dir.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--errors", "--money"),
        ("--sums", "--format", "csv"),
        ("--since", "yesterday"),
        ("--limit", "-1"),
        ("--format", "xml"),
        ("pi_1",),
    ],
)
def test_wrong_use_is_exit_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("ledger", *arguments, status=2).stdout == ""


# --- sums -----------------------------------------------------------------------------------------


def test_sums_are_of_money_by_currency_and_action_net_of_refunds(
    run: Run, five: list[str], log: Log
) -> None:
    log(amount="2.25", action_type="subscription", timestamp_ms=JULY_MS)
    log(amount="7.00", action_type="charge_open", timestamp_ms=JULY_MS)
    result = run("ledger")
    assert [line.split() for line in result.stdout.split("\n\n")[1].splitlines()] == [
        ["money", "rows", "charge", "subscription", "refund", "net", "of", "refunds"],
        ["jpy", "1", "500", "-", "-", "500"],
        ["usd", "3", "10.00", "2.25", "4.50", "7.75"],
    ]


def test_sums_alone(run: Run, five: list[str]) -> None:
    lines = run("ledger", "--sums").stdout.splitlines()
    assert lines[1].startswith("money")
    assert len(lines) == 6


def test_without_money_there_are_no_sums(run: Run, five: list[str]) -> None:
    assert "money" not in run("ledger", "--errors").stdout


amounts = st.decimals(min_value=0, max_value=10**30, places=3)


@given(st.lists(st.tuples(st.sampled_from(["charge", "subscription", "refund"]), amounts)))
def test_sums_are_exact(written: list[tuple[str, Decimal]]) -> None:
    totals = ledger_table.Totals()
    for action, amount in written:
        totals.add(row(action_type=action, amount=amount))
    expected = sum(
        Fraction(amount) * (-1 if action == "refund" else 1) for action, amount in written
    )
    for _, count, _, net in totals.lines():
        assert count == len(written)
        assert Fraction(net) == expected


# --- forms ----------------------------------------------------------------------------------------


def test_jsonl_has_exactly_the_ten_columns_and_exact_amounts(run: Run, log: Log) -> None:
    amounts = ["0.10", "12345678901234567890.90", "500", "-3.30"]
    for at, amount in enumerate(amounts):
        log(amount=amount, timestamp_ms=JULY_MS + at, raw_event_json={"id": f"pi_{at}"})
    found = rows_of(run("ledger", "--format", "jsonl"))
    assert [list(each) for each in found] == [COLUMNS] * len(found)
    assert [each["amount"] for each in found] == amounts
    assert json.loads(str(found[0]["raw_event_json"])) == {"id": "pi_0"}


def test_csv_has_exactly_the_ten_columns_and_exact_amounts(run: Run, five: list[str]) -> None:
    text = run("ledger", "--format", "csv").stdout
    found = list(csv.DictReader(io.StringIO(text)))
    assert list(found[0]) == COLUMNS
    assert [each["amount"] for each in found] == ["10.00", "4.50", "19.99", "500", ""]
    assert [each["id"] for each in found] == five
    assert json.loads(found[0]["raw_event_json"]) == {"id": "pi_1"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_csv_holds_no_formula_and_jsonl_holds_what_was_written(
    run: Run, log: Log, start: str
) -> None:
    formula = f"{start}HYPERLINK(A1)"
    log(user_email=formula, bot_id=formula, amount="-5.00", timestamp_ms=7)
    (found,) = csv.DictReader(io.StringIO(run("ledger", "--format", "csv").stdout, newline=""))
    assert found["user_email"] == found["bot_id"] == f"'{formula}"
    assert (found["amount"], found["timestamp_ms"]) == ("-5.00", "7")
    (as_json,) = rows_of(run("ledger", "--format", "jsonl"))
    assert as_json["user_email"] == formula


def test_csv_survives_commas_quotes_and_line_ends(run: Run, log: Log) -> None:
    awkward = 'Ada "the, first"\r\nLovelace\nü'
    log(user_email=awkward)
    text = run("ledger", "--format", "csv").stdout_bytes.decode()
    (found,) = csv.DictReader(io.StringIO(text, newline=""))
    assert found["user_email"].replace("\r", "") == awkward.replace("\r", "")


def test_a_pipe_gets_each_row_whole_on_one_line(run: Run, log: Log) -> None:
    bot, object_id = f"finance:{'b' * 100}", f"cs_live_{'a1' * 60}"
    log(bot_id=bot, timestamp_ms=JULY_MS, raw_event_json={"id": object_id}, amount="10.00")
    (line,) = in_table(run("ledger"))
    assert line.split() == ["2026-07-01", "00:00:00", "charge", "10.00", "usd", bot, object_id]


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_a_terminal_gets_lines_that_fit_and_nothing_is_lost(
    log: Log, environment: dict[str, str], columns: int
) -> None:
    bot, object_id = "research:market:summary_bot", f"cs_live_{'a1B2' * 15}"
    log(amount="123456.78", bot_id=bot, action_type="checkout_session", timestamp_ms=JULY_MS,
        raw_event_json={"id": object_id})  # fmt: skip
    log(amount="1.00", timestamp_ms=JULY_MS + 24 * HOUR_MS, error=1,
        raw_event_json={"id": "pi_1", "code": "payment_declined"})  # fmt: skip
    screen = in_terminal(["ledger"], environment, columns=columns)
    assert screen.status == 0
    assert max(map(len, screen.lines)) <= columns
    assert "\x1b[31m" in screen.raw, "a failure is red"
    head = next(at for at, line in enumerate(screen.lines) if line == "2026-07-01")
    tail = screen.lines.index("2026-07-02")
    shown = screen.lines[head + 1 : tail]
    bot_at = screen.lines[head - 1].index("bot") if "bot" in screen.lines[head - 1] else None
    bot_at = bot_at if bot_at is not None else screen.lines[0].index("bot")
    object_at = screen.lines[0].index("Stripe object")
    assert "".join(line[bot_at:object_at].strip() for line in shown) == bot
    assert "".join(line[object_at:].strip() for line in shown) == object_id


def test_a_terminal_is_sent_no_control_sequence_of_a_bot(
    run: Run, log: Log, environment: dict[str, str]
) -> None:
    log(bot_id="a:\x1b]0;owned\x07b", action_type="x\x9b2J", raw_event_json={"id": "pi_\u202e1"})
    for shown in (run("ledger").output, in_terminal(["ledger"], environment).text):
        assert "owned" in shown
        assert not {"\x07", "\x9b", "\u202e", "\x1b"} & set(shown)


# --- however many ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "ahead"),
    [
        (command.write_jsonl, 1),
        (command.write_csv, 1),
        (lambda rows: ledger_table.show_rows(rows, ledger_table.Totals()), 501),
    ],
    ids=["jsonl", "csv", "table"],
)
def test_rows_are_written_as_they_come(
    write: Callable[[Iterator[LedgerRow]], object], ahead: int, capsys: pytest.CaptureFixture[str]
) -> None:
    most = written = 0

    def rows() -> Iterator[LedgerRow]:
        nonlocal most, written
        for at in range(2_000):
            written += capsys.readouterr().out.count("\n")
            most = max(most, at - written)
            yield replace(EXAMPLE, id=f"led_{at}")

    write(rows())
    assert most <= ahead


EXAMPLE = row("pi_1", timestamp_ms=JULY_MS)


def test_the_newest_of_many_are_found_without_keeping_them(records: Records, fill: Fill) -> None:
    fill([row(f"pi_{at}", timestamp_ms=JULY_MS + at // 3) for at in range(1_200)])
    selection = command.Selection(records, {}, money=False)
    found, is_cut = selection.newest(1_100)
    assert is_cut
    assert iter(found) is found, "not a list"
    assert [each.timestamp_ms for each in found] == [JULY_MS + at // 3 for at in range(100, 1_200)]

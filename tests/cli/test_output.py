"""What a person sees: lines that fit, and no text from outside that does more than be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from stripe_billing_router.cli.output import plural, safe, wrap


@given(st.text("ab_:- ,/.9é漢", max_size=80), st.integers(min_value=2, max_value=40))
def test_a_wrapped_text_fits_and_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = [line.plain for line in wrap(Text(text), width)]
    assert max(map(cell_len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("finance:finance_router_bot", 18, ["finance:", "finance_router_bot"]),
        ("finance:finance_router_bot", 26, ["finance:finance_router_bot"]),
        ("charges the wrong customers", 12, ["charges the", "wrong", "customers"]),
        ("2026-07-01 12:00:00 by ada", 19, ["2026-07-01 12:00:00", "by ada"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("漢漢漢", 1, ["漢", "漢", "漢"]),
        ("", 5, [""]),
    ],
)
def test_a_text_is_broken_where_a_reader_would(text: str, width: int, lines: list[str]) -> None:
    assert [line.plain for line in wrap(Text(text), width)] == lines


@given(st.text())
def test_text_from_outside_is_one_line_without_control_characters(text: str) -> None:
    assert safe(text).isprintable()


def test_text_from_outside_is_told_from_what_it_tries_to_be() -> None:
    assert safe("a\x1b[31mb\nc\u202e") == r"a\x1b[31mb\nc\u202e"
    assert safe("naïve 漢字") == "naïve 漢字"
    assert safe("key sk_live_planted") == "key [redacted]"


def test_plural() -> None:
    assert [plural(count, "row") for count in (0, 1, 2, 1_000_000)] == [
        "0 rows", "1 row", "2 rows", "1,000,000 rows",
    ]  # fmt: skip

"""The page about the guard says what the guard does; its commands run with those of all pages."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from stripe_billing_router.guard.findings import RULES
from support.guarded import samples, write
from support.pages import ROOT, blocks, prose, rows

Run = Callable[..., Result]
PAGE = ROOT / "docs" / "guard.md"
HERE = Path(__file__).parent


@pytest.mark.usefixtures("folder")
def test_the_first_look_is_what_is_printed(guard: Run) -> None:
    bot, _, printed, *_ = blocks(PAGE)
    write("bot.py", bot.code)
    assert guard(".", status=1).stdout == printed.code


def test_each_rule_is_described() -> None:
    described = {row[0]: row[1] for row in rows(PAGE, "rule")}
    assert described == {name: rule.summary for name, rule in RULES.items()}


@pytest.mark.usefixtures("folder")
def test_the_allows_of_the_page_allow(guard: Run) -> None:
    shown = [block.code for block in blocks(PAGE)]
    (beside,) = (code for code in shown if code.startswith("# tool.py"))
    (for_files,) = (code for code in shown if "tool.billing-guard" in code)
    assert tomllib.loads(for_files)
    write("tool.py", beside)
    write("pyproject.toml", for_files)
    write("legacy/billing/old.py", "import stripe\n")
    guard(".", status=0)
    Path("pyproject.toml").unlink()
    guard(".", status=1)


def test_what_is_not_seen_is_on_the_list_of_the_page() -> None:
    listed = prose(PAGE).partition("\n## What it does not see\n")[2]
    assert [name for name, _ in samples(HERE / "unseen.txt") if name not in listed] == []


def test_the_page_counts_the_ways_past_the_router_that_are_found() -> None:
    count = len(list(samples(HERE / "corpus.txt")))
    assert f"`tests/guard/corpus.txt` holds {count} Python files" in prose(PAGE)

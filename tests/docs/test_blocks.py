"""The blocks of README and docs do what their reader would see them do.

A page is read from top to bottom in an empty folder that has the repository's `config/`, with the
environment of a reader whose Stripe is a sandbox on loopback. Python runs in one namespace, YAML
becomes the routing file, SQL is asked of the page's own ledger, the package's command is run, and
other commands must exist. A block that begins with the name of a file becomes that file; test files
run under pytest at the end.
`receipt.paid  # -> True` is an assertion.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import stripe_billing_router
from stripe_billing_router.routing.file import load_routes
from stripe_billing_router.settings import VARIABLES
from stripe_billing_router.testing import StripeSandbox
from support.commands import run_command
from support.pages import PAGES, ROOT, Block, blocks

ROUTING_FILE = Path("config/stripe_billing_router.yaml")
LEDGER = Path("finance_logs/stripe_ledger.db")
# A block that begins like this is a file.
FILE_NAME = re.compile(r"# (\w+\.py)\n")
EXPECTED = re.compile(r"#\s*->\s*(.+)$")


def seeded_sandbox() -> StripeSandbox:
    """Return a Stripe with the objects that the pages name."""
    sandbox = StripeSandbox("acct_master")
    for customer in ("cus_finance_default", "cus_new_bot_default"):
        sandbox.add_customer(customer, email="ada@example.com", payment_method="pm_card_visa")
    for price, currency in {
        "price_finance_standard": "usd",
        "price_finance_eu": "eur",
        "price_finance_enterprise": "usd",
        "price_new_bot_standard": "usd",
    }.items():
        sandbox.add_price(price, unit_amount=49_00, currency=currency)
    sandbox.add_price("price_finance_monthly", unit_amount=9_00, recurring=True)
    return sandbox


class Reader:
    """Reads one page, and does what it says."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._do: dict[str, Callable[[Block], None]] = {
            "python": self._python,
            "yaml": self._yaml,
            "sql": self._sql,
            "bash": self._bash,
            "text": lambda _: None,
        }

    def read_all(self, page: Path) -> None:
        """Read a page to its end, and run the tests that it has shown."""
        for block in blocks(page):
            self.read(block)
        if list(Path().glob("test_*.py")):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def read(self, block: Block) -> None:
        assert block.language in self._do, f"{block}: nobody checks a block of {block.language!r}"
        if block.not_run is None:
            self._do[block.language](block)

    def _python(self, block: Block) -> None:
        if named := FILE_NAME.match(block.code):
            Path(named[1]).write_text(block.code, encoding="utf-8")
            return
        lines = block.code.splitlines()
        for node in ast.parse(block.code).body:
            expected = EXPECTED.search(lines[(node.end_lineno or 1) - 1])
            ast.increment_lineno(node, block.line - 1)  # A traceback shows the page's own lines.
            if expected and isinstance(node, ast.Expr):
                code = compile(ast.Expression(node.value), str(block.page), "eval")
                found = repr(eval(code, self._names))  # noqa: S307 - Our own pages.
                assert found == expected[1], f"line {node.lineno} of {block.page.name}"
            else:
                assert expected is None, f"line {node.lineno} of {block.page.name} has no value"
                exec(compile(ast.Module([node], []), str(block.page), "exec"), self._names)  # noqa: S102

    def _yaml(self, block: Block) -> None:
        ROUTING_FILE.write_text(block.code, encoding="utf-8")
        assert load_routes(ROUTING_FILE)
        stripe_billing_router.reset()  # The next use reads it.

    def _sql(self, block: Block) -> None:
        with closing(sqlite3.connect(LEDGER)) as database:
            database.execute(block.code).fetchall()

    def _bash(self, block: Block) -> None:
        for line in block.code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                _check_command(words, str(block))


def _check_command(words: list[str], where: str) -> None:
    name = Path(words[0]).name
    if name == "stripe-billing-router":
        done = run_command(*words[1:])
        assert done.returncode == 0, f"{where}: {done.stdout}{done.stderr}"
    elif name == "export":
        assert words[1].partition("=")[0] in VARIABLES.values(), where
    elif name == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, where
    elif words[:3] == ["python3", "-m", "venv"]:
        pass
    else:
        assert words[1:-1] == ["-m", "pip", "install"], f"{where}: {words} is not known here"
        _check_requirement(words[-1], where)


def _check_requirement(requirement: str, where: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, _, extras = requirement.rstrip("]").partition("[")
    assert name in (".", known["name"]), where
    assert set(filter(None, extras.split(","))) <= set(known["optional-dependencies"]), where


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    sandbox = seeded_sandbox()
    with sandbox.serve() as stripe:
        monkeypatch.setenv("STRIPE_API_BASE", stripe.url)
        monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_sandboxfake")
        monkeypatch.setenv("STRIPE_PUBLIC_KEY", "pk_live_sandboxfake")
        monkeypatch.setenv("STRIPE_MASTER_ACCOUNT_ID", sandbox.account_id)
        yield Reader()
        stripe_billing_router.reset()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, reader: Reader) -> None:
    reader.read_all(page)


def test_an_assertion_on_a_page_can_fail(tmp_path: Path, reader: Reader) -> None:
    """The runner itself: a page with a wrong value is found out."""
    page = tmp_path / "page.md"
    page.write_text("```python\n1 + 1  # -> 3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 2 of"):
        reader.read(next(blocks(page)))

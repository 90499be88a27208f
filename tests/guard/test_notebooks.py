"""Notebooks: cells of code, commands in between, outputs and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router.guard.findings import Finding
from stripe_billing_router.guard.scan import scan_data
from support.guarded import fake_key


def notebook(*cells: str, language: str = "python", **more: Any) -> str:
    content = {
        "cells": [
            {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": []}
            for cell in cells
        ],
        "metadata": {"language_info": {"name": language}},
        "nbformat": 4,
        "nbformat_minor": 5,
    } | more
    return json.dumps(content, indent=1)


def scan(text: str) -> list[Finding]:
    return list(scan_data(text.encode(), Path("x.ipynb"), "x.ipynb").findings)


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("import stripe", "import-stripe"),
        ("%matplotlib inline\nimport stripe", "import-stripe"),
        ("%time import stripe", "import-stripe"),
        ("%%time\nimport stripe", "import-stripe"),
        ("%%capture out\n__import__('str' + 'ipe')", "import-stripe"),
        ("await get('https://api.' + 'stripe.com')", "http-stripe"),
        ("!curl https://api.stripe.com/v1/charges", "shell-stripe"),
        ("!!curl https://api.stripe.com/v1/charges", "shell-stripe"),
        ("lines = !curl https://api.stripe.com/v1/charges", "shell-stripe"),
        ("for x in y:\n    !stripe charges create", "shell-stripe"),
        ("%sx curl https://api.stripe.com/v1/charges", "shell-stripe"),
        ("%%bash\necho 1\ncurl https://api.stripe.com/v1", "shell-stripe"),
        ("%%script sh\ncurl https://api.stripe.com/v1", "shell-stripe"),
        ("def pay(:", "unparsable"),
    ],
)
def test_what_a_cell_does_is_found(cell: str, rule: str) -> None:
    (finding,) = scan(notebook("x = 1", cell))
    assert finding.rule == rule
    assert finding.message.startswith("cell 2: ")


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "%load_ext autoreload\n%autoreload 2\nx = 1",
        "x = 5\ny = (x\n     % 3)\n",
        "!pip install stripe",
        "%pip install stripe",
        "len?",
        "?len",
        "x = %who_ls str",
        "%%javascript\nfetch('/x')",
        "%%html\n<b>stripe</b>",
        "!ls \\\n  -l",
        "if True:\n    %time x = 1",
    ],
)
def test_what_only_a_notebook_understands_is_no_trouble(cell: str) -> None:
    assert scan(notebook(cell)) == []


def test_the_line_is_that_in_the_file() -> None:
    text = notebook("x = 1\ny = 'ü'", "z = 2\n\nimport stripe\n")
    (finding,) = scan(text)
    assert "import stripe" in text.splitlines()[finding.line - 1]


def test_keys_are_found_in_code_outputs_and_text() -> None:
    keys = [fake_key("sk_live_", seed) for seed in range(3)]
    cells = [
        {"cell_type": "code", "source": f"k = '{keys[0]}'", "outputs": [{"text": [keys[1]]}]},
        {"cell_type": "markdown", "source": [f"The key is\n{keys[2]}"]},
    ]
    assert [finding.rule for finding in scan(notebook(cells=cells))] == ["key-secret"] * 3


def test_an_older_notebook_is_read_too() -> None:
    sheets = [{"cells": [{"cell_type": "code", "input": ["import stripe"]}]}]
    text = json.dumps({"worksheets": sheets, "metadata": {}, "nbformat": 3})
    assert [finding.rule for finding in scan(text)] == ["import-stripe"]


def test_a_notebook_in_another_language_is_looked_through_for_keys() -> None:
    text = notebook("library(stripe) %>% f", f"key <- '{fake_key('rk_live_', 1)}'", language="R")
    assert [finding.rule for finding in scan(text)] == ["key-restricted"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": 1}', '{"cells": [1]}', '"x"'])
def test_what_is_no_notebook_is_a_finding(text: str) -> None:
    assert [finding.rule for finding in scan(text)] == ["unparsable"]


def test_an_allow_stands_in_the_cell() -> None:
    cell = "# billing-guard: allow[import-stripe] shows what the router replaces\nimport stripe"
    assert scan(notebook(cell)) == []

"""One word for one thing: the pages and the comments use the words of docs/glossary.md.

Names are free: code blocks and `code spans` are not checked. Where a phrase must stay, add it to
ALLOWED with a reason.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from support.pages import ROOT, rows
from test_tidy import INSTEAD

PACKAGE = ROOT / "src" / "stripe_billing_router"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "finance_logs/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

WORDS = {
    re.compile(rf"\b(?:{words})\b".replace(" ", r"\s+"), re.IGNORECASE): better
    for words, better in INSTEAD.items()
}

_OPTION = "an option's name"
_CHECK = "a check's name"
_PLAN = "a plan of Stripe's"
# (file, phrase): why it stays.
ALLOWED = {
    ("docs/glossary.md", "(A plan is Stripe's.)"): "says why it is called an instruction",
    ("docs/glossary.md", "**settle**"): "defines the word",
    ("docs/glossary.md", "Operations do not settle"): "defines the word",
    ("src/stripe_billing_router/cli/app.py", "--unsettled"): _OPTION,
    ("src/stripe_billing_router/cli/operations.py", "--unsettled"): _OPTION,
    ("src/stripe_billing_router/core/identifiers.py", "prices of older ones are plans"): _PLAN,
    ("src/stripe_billing_router/doctor/files.py", "set aside"): _CHECK,
    ("src/stripe_billing_router/doctor/ledger.py", "--unsettled"): _OPTION,
    ("src/stripe_billing_router/doctor/ledger.py", "under way"): _CHECK,
    ("src/stripe_billing_router/routing/route.py", "plan_… for an old plan"): _PLAN,
    (
        "src/stripe_billing_router/testing/resources/subscriptions.py",
        "discounts plan price_data",
    ): _PLAN,
    (
        "src/stripe_billing_router/testing/resources/subscriptions.py",
        "customer_account plan test_clock",
    ): _PLAN,
    ("docs/testing-your-bot.md", "A bank debit that settles later"): "banks settle",
}


@dataclass(frozen=True)
class Passage:
    """Some text of a file; `line` is that of its first line."""

    file: str
    line: int
    text: str


def blank(text: str) -> str:
    """Return a mark in place of a text, with its line ends: what follows keeps its line."""
    return "·" + "\n" * text.count("\n")


def without_code(text: str) -> str:
    """Return a text without code blocks, `code spans`, HTML comments and addresses of links."""
    for pattern in (r"^```.*?^```$", r"``.+?``", r"`[^`]+`", r"<!--.*?-->", r"(?<=\])\([^)\s]+\)"):
        text = re.sub(pattern, lambda found: blank(found[0]), text, flags=re.DOTALL | re.MULTILINE)
    return text


def page_passages() -> Iterator[Passage]:
    for page in PAGES:
        yield Passage(page.relative_to(ROOT).as_posix(), 1, page.read_text(encoding="utf-8"))


def source_passages() -> Iterator[Passage]:
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        source = path.read_text(encoding="utf-8")
        yield from comments(file, source)
        yield from strings(file, source)


def comments(file: str, source: str) -> Iterator[Passage]:
    """Yield the comments; one over several lines is one passage."""
    gathered: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("#:")
        if gathered and line != last + 1:
            yield Passage(file, last - len(gathered) + 1, "\n".join(gathered))
            gathered = []
        gathered.append(text)
        last = line
    if gathered:
        yield Passage(file, last - len(gathered) + 1, "\n".join(gathered))


def strings(file: str, source: str) -> Iterator[Passage]:
    """Yield the docstrings, and other texts that have more than one word if those count."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and ast.get_docstring(node, clean=False) is not None
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_message = " " in node.value.strip()
            if id(node) in docstrings or is_message:
                yield Passage(file, node.lineno, node.value)


def complaints(passages: Iterable[Passage]) -> Iterator[str]:
    for passage in passages:
        text = passage.text
        for file, phrase in ALLOWED:
            if file == passage.file:
                text = text.replace(phrase, blank(phrase))
        text = without_code(text)
        for pattern, better in WORDS.items():
            for found in pattern.finditer(text):
                line = passage.line + text.count("\n", 0, found.start())
                yield f"{passage.file}:{line}: {' '.join(found[0].split())!r}: say {better}"


def test_the_pages_use_the_words_of_the_field() -> None:
    assert sorted(complaints(page_passages())) == []


def test_comments_and_docstrings_use_the_words_of_the_field() -> None:
    assert sorted(complaints(source_passages())) == []


@pytest.mark.parametrize(("file", "phrase"), ALLOWED)
def test_what_is_allowed_is_still_there(file: str, phrase: str) -> None:
    assert phrase in (ROOT / file).read_text(encoding="utf-8"), "no longer needed"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nobody is told.", 2),
        ("A call is at\nwork.", 1),
        ("The default is None, `nobody` and [here](nobody.md).", 0),
        ("```text\nnobody\n```\n`database_away`, critical_discrepancy, drained_first", 0),
    ],
)
def test_words_are_found_and_names_are_not(text: str, found: int) -> None:
    assert len(list(complaints([Passage("page.md", 1, text)]))) == found


def test_a_term_of_the_glossary_has_one_meaning() -> None:
    terms = [row[0] for row in rows(ROOT / "docs" / "glossary.md", "term")]
    assert len(terms) > 40
    assert sorted(set(terms)) == sorted(terms)

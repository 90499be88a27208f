"""Every error that the package makes says what to do next, as data."""

import ast
from collections.abc import Iterator
from pathlib import Path

from stripe_billing_router import errors
from stripe_billing_router.errors import BillingError

SRC = Path(errors.__file__).parent
KINDS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, BillingError)
}
# Where the class is a variable, by file: each hands on the remedy of the error that it replaces, or
# has one of its own.
MADE_BY_VARIABLE = {"keys/sources.py": "kind", "settings.py": "kind"}


def constructions() -> Iterator[tuple[str, ast.Call]]:
    """Yield each place that makes an error of the package, with its file and line."""
    for path in sorted(SRC.rglob("*.py")):
        file = path.relative_to(SRC).as_posix()
        if file == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                if name in KINDS or name == MADE_BY_VARIABLE.get(file):
                    yield f"{file}:{node.lineno}", node


def remedy_of(call: ast.Call) -> ast.expr | None:
    if len(call.args) == 2:
        return call.args[1]
    named = [keyword.value for keyword in call.keywords if keyword.arg == "remedy"]
    # `Error(*pair)` hands on a problem and its remedy together.
    starred = [arg for arg in call.args if isinstance(arg, ast.Starred)]
    return next(iter([*named, *starred]), None)


def test_every_error_that_is_made_has_a_remedy() -> None:
    found = list(constructions())
    assert len(found) > 100, "this looks where the errors are made"
    assert [where for where, call in found if remedy_of(call) is None] == []


def texts(part: ast.expr) -> tuple[str, str]:
    """Return how a literal text begins and ends; empty where that is not written there."""
    values: list[ast.expr] = part.values if isinstance(part, ast.JoinedStr) else [part]
    ends = [
        value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
        for value in (values[0], values[-1])
    ]
    return ends[0], ends[1]


def style_of(call: ast.Call) -> Iterator[str]:
    """Yield what is not in the one style: `Problem` without its full stop, `Remedy.` with it."""
    begins, ends = texts(call.args[0])
    first_word = begins.split(" ", 1)[0]
    # A name of a parameter or helper, such as `line_items`, is written as it is.
    if begins and not (begins[0].isupper() or "_" in first_word or begins[0] in "'{"):
        yield "problem begins small"
    if ends.endswith((".", ";")):
        yield "problem ends in a stop"
    remedy = remedy_of(call)
    begins, ends = texts(remedy) if remedy is not None else ("", "")
    if begins and not begins[0].isupper():
        yield "remedy begins small"
    if ends and not ends.endswith("."):
        yield "remedy ends without a stop"


def test_problems_and_remedies_are_written_in_one_style() -> None:
    assert [
        f"{where}: {found}" for where, call in constructions() for found in style_of(call)
    ] == []

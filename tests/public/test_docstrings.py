"""Public docstrings have one form: a line, prose, then `Args:`, `Returns:` and `Raises:`.

The linter looks at the form of each section; here is looked at what must be in them.
"""

import ast
import builtins
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stripe_billing_router import BillingRouter, Receipt, Settings, api, default, errors, testing
from stripe_billing_router.engine.rollback import RollbackManager, RollbackReport

ORDER = ["Args", "Attributes", "Returns", "Yields", "Raises"]
SEE = re.compile(r"see the helper of the same name\.$")

CLASSES: list[type] = [
    BillingRouter, Receipt, RollbackManager, RollbackReport, Settings,
    *(kind for name in testing.__all__ if inspect.isclass(kind := getattr(testing, name))),
    *(kind for _, kind in inspect.getmembers(errors, inspect.isclass)
      if issubclass(kind, errors.BillingError)),
]  # fmt: skip
HELPERS: dict[str, Callable[..., Any]] = {
    name: value
    for name, value in inspect.getmembers(api, inspect.isfunction)
    if value.__module__ == api.__name__
}
SET_UP: list[Callable[..., Any]] = [default.configure, default.get_router, default.reset]


def methods(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods and properties of a class that are written in this package."""
    for name, value in inspect.getmembers_static(kind):
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        module = getattr(function, "__module__", None) or ""
        if (
            inspect.isfunction(function)
            and not name.startswith("_")
            and module.startswith("stripe_billing_router")
        ):
            yield f"{kind.__name__}.{name}", inspect.unwrap(function)


# By function first: what classes inherit is looked at once.
NAMES: dict[Callable[..., Any], str] = {
    function: name for kind in CLASSES for name, function in methods(kind)
}
FUNCTIONS: dict[str, Callable[..., Any]] = {name: function for function, name in NAMES.items()}
FUNCTIONS |= {function.__name__: function for function in [*HELPERS.values(), *SET_UP]}
DESCRIBED: dict[str, object] = {**FUNCTIONS, **{kind.__name__: kind for kind in CLASSES}}


def text_of(described: object) -> str:
    return inspect.cleandoc(getattr(described, "__doc__", None) or "")


def sections(described: object) -> dict[str, dict[str, str]]:
    """Return the sections of a docstring, each with its entries; `Returns` has one without name."""
    found: dict[str, dict[str, str]] = {}
    parts = re.split(r"^(\w+):\n", text_of(described), flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        entries = re.findall(r"^    (?:([*\w]+): )?(\S.*)", body, flags=re.MULTILINE)
        found[heading] = dict(entries)
    return found


def raised_by(function: Callable[..., Any]) -> set[type[BaseException]]:
    """Return the classes that a function names where it raises."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = [call.func.id for call in raised
             if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]  # fmt: skip
    return {error_named(name) for name in names}


def error_named(name: str) -> type[BaseException]:
    found = [getattr(place, name) for place in (errors, testing, builtins) if hasattr(place, name)]
    assert found, f"{name} is no error"
    kind: type[BaseException] = found[0]
    assert issubclass(kind, BaseException)
    return kind


def test_every_docstring_has_the_one_form() -> None:
    prose = re.compile(r"\bRaises? `?[A-Z]\w+Error|\bReturns `")
    for name, described in DESCRIBED.items():
        text = text_of(described)
        assert text.split("\n", maxsplit=1)[0].endswith((".", ":")), name
        assert not prose.search(text), f"{name}: a section says that"
        headings = list(sections(described))
        assert headings == sorted(headings, key=ORDER.index), name


def test_what_a_function_raises_is_a_section_of_its_docstring() -> None:
    for name, function in FUNCTIONS.items():
        documented = tuple(error_named(error) for error in sections(function).get("Raises", {}))
        if SEE.search(text_of(function)):
            documented = (errors.BillingError,)
        for kind in raised_by(function):
            assert issubclass(kind, documented), f"{name} does not document {kind.__name__}"


def test_what_is_described_as_arguments_are_arguments() -> None:
    for name, function in FUNCTIONS.items():
        described = {argument.lstrip("*") for argument in sections(function).get("Args", {})}
        assert described <= set(inspect.signature(function).parameters), name


@pytest.mark.parametrize("name", sorted(HELPERS))
def test_a_helper_says_what_it_returns_and_when_it_raises(name: str) -> None:
    function = HELPERS[name]
    assert sections(function)["Raises"]
    for error in sections(function)["Raises"]:
        assert issubclass(error_named(error), errors.BillingError)
    returns_nothing = inspect.signature(function).return_annotation == "None"
    said = "Returns" in sections(function) or text_of(function).startswith("Return ")
    assert said is not returns_nothing


@pytest.mark.parametrize("name", ["charge", "create_subscription", "refund"])
def test_what_moves_money_says_what_is_known_about_it(name: str) -> None:
    _, _, raises = text_of(HELPERS[name]).partition("Raises:")
    assert "nothing was" in raises
    assert re.search(r"OutcomeUnknownError: it is not known .*; call again", raises, re.DOTALL)


def test_a_method_with_a_helper_leads_to_it_and_no_other_method_does() -> None:
    own = dict(methods(BillingRouter))
    leading = {name for name, method in own.items() if SEE.search(text_of(method))}
    assert leading == {f"BillingRouter.{name}" for name in HELPERS}
    assert [name for name in leading if sections(own[name])] == []

"""The changes that `mutate_rest.py` makes to a module: one at a time, in its syntax tree."""

import ast
import re
from collections.abc import Iterator
from typing import Any

# What is shown of a change: long statements are cut.
_SHOWN = 90

_OTHER_COMPARISON: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(), ast.Lt: ast.LtE(), ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.Is: ast.IsNot(), ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(), ast.NotIn: ast.In(),
}  # fmt: skip


def changes(tree: ast.Module) -> Iterator[tuple[int, int, str, bool]]:
    """Change a tree in one place after another; it stays changed until the next step.

    Yields the first and last line, what became of what, and whether it stands outside of plain
    functions: at module level, in the body of a class, or in a function with a decorator.
    """
    for owner, field, at, node, is_outside in list(_places(tree, is_outside=True)):
        if isinstance(node, ast.Constant) and isinstance(owner, ast.Set | ast.List | ast.Tuple):
            continue  # The whole element is taken out already.
        first = getattr(node, "lineno", 0) or node.target.lineno
        for new in _instead_of(node, is_outside):
            _put(owner, field, at, ast.copy_location(new, node))
            ast.fix_missing_locations(tree)
            yield first, getattr(node, "end_lineno", first), _described(node, new), is_outside
            _put(owner, field, at, node)


def _places(
    owner: ast.AST, *, is_outside: bool
) -> Iterator[tuple[ast.AST, str, int | None, Any, bool]]:
    """Yield each node that has a line, after its place: its owner, the field, and where in it."""
    for field, value in ast.iter_fields(owner):
        if field in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_no_code(node):
                continue
            if hasattr(node, "lineno") or isinstance(node, ast.comprehension):
                yield owner, field, at, node, is_outside
            is_plain = isinstance(node, ast.FunctionDef) and not node.decorator_list
            within = is_outside or isinstance(node, ast.FunctionDef)
            yield from _places(node, is_outside=within and not is_plain)


def _is_no_code(node: Any) -> bool:
    """Docstrings, imports, and the names of types."""
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_type = isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp)
    is_import = isinstance(node, ast.Import | ast.ImportFrom)
    return is_docstring or is_import or (is_type and node.col_offset == 0)


def _put(owner: ast.AST, field: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(owner, field, node)
    else:
        getattr(owner, field)[at] = node


def _instead_of(node: Any, is_outside: bool) -> Iterator[ast.AST]:
    match node:
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) not in ("None", "False"):
            yield ast.Return(ast.Constant(None))
        case ast.If() | ast.IfExp():
            for answer in (True, False):
                yield _with(node, test=ast.Constant(answer))
        case ast.comprehension(ifs=[_, *_]):
            yield _with(node, ifs=[])
        case ast.BoolOp(values=values):
            for rest in _less_one(values):
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
    if is_outside:
        yield from _other_value(node)
        yield from _less_of_a_table(node)


def _other_value(node: Any) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        # A text with spaces is a sentence, and the wording of those is not tested.
        case ast.Constant(value=str() as value) if value and not re.search(r"\s", value):
            yield ast.Constant(value + "X")
        case ast.Compare(ops=[operator]):
            yield _with(node, ops=[_OTHER_COMPARISON[type(operator)]])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand


def _less_of_a_table(node: Any) -> Iterator[ast.AST]:
    match node:
        case ast.Set(elts=elements) | ast.List(elts=elements) | ast.Tuple(elts=elements):
            for rest in _less_one(elements):
                yield _with(node, elts=rest)
        case ast.Dict(keys=keys, values=values):
            for kept in _less_one(list(zip(keys, values, strict=True))):
                yield _with(node, keys=[key for key, _ in kept], values=[one for _, one in kept])
        case ast.Call(func=ast.Attribute(attr="split", value=ast.Constant(value=str() as text))):
            for words in _less_one(text.split()):
                yield _with(node, func=_with(node.func, value=ast.Constant(f" {' '.join(words)} ")))
        case ast.Call(func=ast.Attribute(attr="compile")):
            for pattern in _shorter(node.args[0]):
                yield _with(node, args=[pattern, *node.args[1:]])


def _shorter(pattern: ast.expr) -> Iterator[ast.expr]:
    """Take the characters of a regular expression out, one by one."""
    if isinstance(pattern, ast.JoinedStr):
        for at, part in enumerate(pattern.values):
            for less in _shorter(part):
                yield _with(pattern, values=[*pattern.values[:at], less, *pattern.values[at + 1 :]])
    elif isinstance(pattern, ast.Constant):
        for characters in _less_one(list(str(pattern.value))):
            yield ast.Constant("".join(characters))


def _less_one(items: list[Any]) -> Iterator[list[Any]]:
    for at in range(len(items)):
        yield items[:at] + items[at + 1 :]


def _with(node: Any, **fields: Any) -> Any:
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def _described(node: Any, new: Any) -> str:
    if isinstance(node, ast.If | ast.IfExp):
        return f"if {ast.unparse(node.test)[:_SHOWN]} → {new.test.value}"
    if isinstance(node, ast.comprehension):
        return f"if {ast.unparse(node.ifs[0])[:_SHOWN]} → True"
    before, after = (re.sub(r"(\\n|\s)+", " ", ast.unparse(one)) for one in (node, new))
    if len(before) <= _SHOWN:
        return f"{before} → {after}"
    pairs = enumerate(zip(before, after, strict=False))
    start = next((at for at, (one, other) in pairs if one != other), 0)
    start = max(0, start - _SHOWN // 3)
    return f"…{before[start:][:_SHOWN]}… → …{after[start:][:_SHOWN]}…"

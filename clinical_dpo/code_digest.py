"""Compute a digest of the code that a script runs: the script, and all modules that it imports from this package.

Modules that are imported through other modules are included. Only the contents of a module count, not its path or name,
so no job runs again after a module is moved or renamed.
"""

import ast
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: Path, modules: Iterable[str] = ()) -> str:
    """Hex digest (16 digits) of the code of `script` and of the package's modules that it imports.

    Docstrings, comments and white space do not count.

    Args:
        script: the file that a job runs.
        modules: names of further modules that the job imports because its settings name them, such as a grader.
    """
    named = [file for name in modules if (file := _module_file(name))]
    files = {script, *named} | imported_modules([script, *named])
    return hashlib.sha256("\n".join(sorted(map(_digest, files))).encode()).hexdigest()[:16]


def imported_modules(files: Iterable[Path]) -> set[Path]:
    """The package's modules that the files import, directly or through other modules."""
    reached: set[Path] = set()
    queue = list(files)
    while queue:
        for _, module, _, _ in _parse(queue.pop())[0]:
            if module not in reached:
                reached.add(module)
                queue.append(module)
    return reached


@cache
def _digest(path: Path) -> str:
    """Digest of one file: of its code and of its imports from this package.

    For each import, the digest covers the number of the block of statements that contains it (see `_parse`), the local
    name, the imported attribute, and the code of the imported module.
    """
    imports, code = _parse(path)
    bound = sorted(f"{block} {name} {attribute} {_parse(module)[1]}" for block, module, attribute, name in imports)
    return hashlib.sha256("\n".join([code, *bound]).encode()).hexdigest()


@cache
def _parse(path: Path) -> tuple[tuple[tuple[int, Path, str, str], ...], str]:
    """The imports from this package in a file, and a digest of the file's other code without docstrings.

    An import is (number of the block that contains it, module, attribute, local name). A block is a list of statements:
    the top level of the file, the body of a function or class, or one branch of an `if`, loop or `try`, for example.
    The blocks are numbered in the order of `ast.walk`.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports: list[tuple[int, Path, str, str]] = []
    blocks = itertools.count()
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
        for field in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, field, None), list):
                ours, block = [statement for statement in statements if _is_ours(statement)], next(blocks)
                imports += [(block, *each) for statement in ours for each in _imports(statement)]
                setattr(node, field, [statement for statement in statements if statement not in ours])
    return tuple(imports), hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_ours(node: ast.stmt) -> bool:
    """Whether a statement is an import from this package and from no other. A relative import gives False."""
    if isinstance(node, ast.ImportFrom):
        return not node.level and (node.module or "").partition(".")[0] == PACKAGE.name
    return isinstance(node, ast.Import) and all(each.name.partition(".")[0] == PACKAGE.name for each in node.names)


def _imports(node: ast.stmt) -> Iterator[tuple[Path, str, str]]:
    """Yield (module file, attribute, local name) for each name that a statement imports from this package.

    Example: `from clinical_dpo.io import Row as R` -> (path of io.py, "Row", "R"). The attribute is empty if a whole
    module is imported. The local name is empty for `import a.b` without `as`. Packages, and names imported from their
    `__init__.py`, are left out.
    """
    if isinstance(node, ast.ImportFrom):
        for each in node.names:
            name = each.asname or each.name
            if module := _module_file(f"{node.module}.{each.name}"):
                yield module, "", name
            elif module := _module_file(str(node.module)):
                yield module, each.name, name
    elif isinstance(node, ast.Import):
        for each in node.names:
            if module := _module_file(each.name):
                yield module, "", each.asname or ""


@cache
def _module_file(name: str) -> Path | None:
    """The file of a module of this package; None for other names."""
    package, *parts = name.split(".")
    path = PACKAGE.joinpath(*parts).with_suffix(".py")
    return path if package == PACKAGE.name and parts and path.is_file() else None

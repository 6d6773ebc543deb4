"""A digest of exactly the code a script runs: its own and that of the package's modules it imports, directly or not."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: Path, named: Iterable[str] = ()) -> str:
    """Hex digest of `script` and its imports within this package; docstrings, comments and layout do not count.

    Args:
        script: the file that a job runs.
        named: modules that the job imports by a name in its settings, such as its task's grader.
    """
    modules = [file for name in named if (file := _module_file(name))]
    imported = _closure([script, *modules]) | set(modules)
    parts = [_parse(script)[1], *(f"{module.relative_to(PACKAGE)} {_parse(module)[1]}" for module in sorted(imported))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _closure(files: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    queue = list(files)
    while queue:
        for module in _parse(queue.pop())[0]:
            if module not in found:
                found.add(module)
                queue.append(module)
    return found


@cache
def _parse(path: Path) -> tuple[frozenset[Path], str]:
    """The package's modules a file imports, and a digest of its syntax tree without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= {file for name in _imported_names(node) if (file := _module_file(name))}
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return frozenset(imports), hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _imported_names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _module_file(name: str) -> Path | None:
    package, *parts = name.split(".")
    if package != PACKAGE.name or not parts:
        return None
    path = PACKAGE.joinpath(*parts)
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None

"""A digest of exactly the code a script runs: its own and that of the package's modules it imports, directly or not."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: Path) -> str:
    """Hex digest of `script` and its imports within this package; docstrings, comments and layout do not count."""
    digest = hashlib.sha256(_parse(script)[1].encode())
    for module in sorted(_closure(script)):
        digest.update(f"\n{module.relative_to(PACKAGE)}\n{_parse(module)[1]}".encode())
    return digest.hexdigest()[:16]


def _closure(path: Path) -> set[Path]:
    found: set[Path] = set()
    queue = [path]
    while queue:
        for module in _parse(queue.pop())[0]:
            if module not in found:
                found.add(module)
                queue.append(module)
    return found


@cache
def _parse(path: Path) -> tuple[frozenset[Path], str]:
    """The package's modules a file imports, and its syntax tree as text, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports = set()
    for node in ast.walk(tree):
        imports |= {file for name in _imported_names(node) if (file := _module_file(name))}
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node):
            node.body = node.body[1:]
    return frozenset(imports), ast.dump(tree)


def _imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
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

#!/usr/bin/env python3
"""How large a checkout is and how deep its imports go, to compare before with after.

    python benchmarks/size.py [--tests] [checkout]

tests/test_structure.py holds the layout's rules by the same functions. Imports are those that run
when a module is imported; a name that a package re-exports counts as its module's own.
"""

from __future__ import annotations

import argparse
import ast
import functools
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

HERE = pathlib.Path(__file__).parents[1]
PACKAGE = "aae_tf"

Graph = Mapping[str, frozenset[str]]  # modules, each with those that it imports


def modules(checkout: pathlib.Path) -> dict[str, pathlib.Path]:
    """The package's files by the modules' names, `__init__` by the package's."""
    files = sorted((checkout / PACKAGE).rglob("*.py"))
    return {
        ".".join(file.relative_to(checkout).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


def imports(file: pathlib.Path, deferred: bool = False) -> Iterator[tuple[str, str | None]]:
    """What a file imports: a module's name, and the name that is taken of it, if any.

    Args:
      file: of Python.
      deferred: whether to look into functions too, which import when they are called.
    """
    todo: list[ast.AST] = [ast.parse(file.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue  # for annotations alone
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if deferred or not is_function:
            todo += ast.iter_child_nodes(node)


def graph(files: Mapping[str, pathlib.Path]) -> Graph:
    """Which modules each module imports; packages' own files are no modules of it."""
    packages = {
        name: {taken: module for module, taken in imports(file) if taken}
        for name, file in files.items()
        if file.name == "__init__.py"
    }

    def home(module, name):
        """The module that defines the name."""
        if f"{module}.{name}" in files:
            return f"{module}.{name}"
        if name in packages.get(module, {}):
            return home(packages[module][name], name)
        return module

    return {
        name: frozenset(home(*each) for each in imports(file)) & (files.keys() - packages.keys())
        for name, file in files.items()
        if name not in packages
    }


def circle(imported: Graph) -> list[str]:
    """Modules each of which imports the next and the last the first; none if there are none."""
    done: set[str] = set()

    def search(module, path):
        if module in path:
            return path[path.index(module) :]
        if module not in done:
            for other in sorted(imported[module]):
                if found := search(other, [*path, module]):
                    return found
            done.add(module)
        return []

    return next(filter(None, (search(module, []) for module in imported)), [])


def longest_chain(imported: Graph) -> list[str]:
    """Modules each of which imports the next, as many as there can be."""

    @functools.cache
    def chain(module):
        return [module, *max(map(chain, sorted(imported[module])), key=len, default=[])]

    return max(map(chain, sorted(imported)), key=len)


def by_package(imported: Graph) -> Graph:
    """The packages of aae_tf, and its loose modules, each with those that it imports."""

    def package(module):
        return ".".join(module.split(".")[:2])

    merged: dict[str, set[str]] = {package(module): set() for module in imported}
    for module, others in imported.items():
        merged[package(module)] |= set(map(package, others)) - {package(module)}
    return {name: frozenset(others) for name, others in merged.items()}


def lines(file: pathlib.Path) -> int:
    """Lines of a file; 0 if there is none."""
    return len(file.read_text().splitlines()) if file.exists() else 0


def loose(files: Mapping[str, pathlib.Path]) -> list[str]:
    """Names of the modules that lie in aae_tf/ itself."""
    return [name for name, file in files.items() if file.parent.name == PACKAGE][1:]


def table(checkout: pathlib.Path) -> dict[str, int | str]:
    """What there is to compare, by name."""
    files = modules(checkout)
    imported = graph(files)
    round_trip = circle(imported)
    scripts = [*files.values(), *(checkout / "tests").rglob("*.py")]
    skip = re.compile(r"# fmt: " + "skip")
    return {
        "modules": len(imported),
        "loose modules": len(loose(files)),
        "depth of imports": " > ".join(round_trip) or len(longest_chain(imported)) - 1,
        "lines of the package": sum(map(lines, files.values())),
        "lines of README.md": lines(checkout / "README.md"),
        "files in docs/results": sum(f.is_file() for f in (checkout / "docs/results").rglob("*")),
        "files in flags": sum(file.is_file() for file in (checkout / "flags").rglob("*.flags")),
        "fmt: skip": sum(len(skip.findall(file.read_text())) for file in scripts),
    }


def default_tests(checkout: pathlib.Path) -> str:
    """How many tests a run without arguments has, in pytest's words."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    return (done.stdout.strip().splitlines() or ["none"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=pathlib.Path, nargs="?", default=HERE)
    parser.add_argument("--tests", action="store_true", help="count the tests too, by collecting")
    given = parser.parse_args()
    for name, value in table(given.checkout).items():
        print(f"{name:24} {value}")
    if given.tests:
        print(f"{'default tests':24} {default_tests(given.checkout)}")


if __name__ == "__main__":
    main()

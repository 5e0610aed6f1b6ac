"""Who imports whom in the package, read from the source: every import counts, those inside functions too."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "labelaudit"


def import_graph(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Return the modules of a package, each with those of the same package that it imports, however late."""
    files = {_name_of(path, package): path for path in sorted(package.rglob("*.py"))}
    return {module: set(_imported(path, files.keys())) - {module} for module, path in files.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, directly or not: strongly connected components above one."""
    found: list[list[str]] = []
    order: dict[str, int] = {}  # of visits
    lowest: dict[str, int] = {}  # visit that each module reaches
    stack: list[str] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in order:
                visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], order[target])
        if lowest[module] == order[module]:
            together = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(together) > 1:
                found.append(sorted(together))

    for module in graph:
        if module not in order:
            visit(module)
    return found


def _name_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, known: object) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]  # type: ignore[operator]
        else:
            continue
        yield from (name for name in names if name in known)  # type: ignore[operator]

"""Who imports whom in the package: every import counts, those inside functions and those for types alone, too."""

from pathlib import Path

import grimp

PACKAGE = Path(__file__).parents[2] / "labelaudit"


def import_graph(package: str = "labelaudit") -> dict[str, set[str]]:
    """Return the modules of a package, each with those of the same package that it imports, however late."""
    graph = grimp.build_graph(package, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}


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

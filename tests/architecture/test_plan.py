"""The plan of the house: no circles, few commands."""

from tests.architecture.imports_of import PACKAGE, circles, import_graph


def written(folder, **sources):
    package = folder / "house"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, source in sources.items():
        (package / f"{name}.py").write_text(source)
    return import_graph(package)


def test_no_modules_import_each_other_not_even_inside_functions():
    assert circles(import_graph()) == []


def test_a_circle_through_an_import_inside_a_function_is_found(tmp_path):
    graph = written(
        tmp_path,
        a="def late():\n    from house.b import x\n",
        b="from house import c\nx = 1\n",
        c="import house.a\n",
        d="import house.a\n",
    )
    assert graph["house.b"] == {"house.c"}
    assert circles(graph) == [["house.a", "house.b", "house.c"]]


def test_the_room_of_commands_stays_small():
    assert len([path for path in (PACKAGE / "api").glob("*.py") if path.stem != "__init__"]) <= 25

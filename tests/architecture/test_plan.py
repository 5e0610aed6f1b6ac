"""The plan of the house: no circles, few commands, and its picture."""

import importlib.util

from tests.architecture.imports_of import PACKAGE, circles, import_graph

DOCS = PACKAGE.parent / "docs"


def test_no_modules_import_each_other_not_even_inside_functions():
    assert circles(import_graph()) == []


def test_a_circle_through_an_import_inside_a_function_is_found(tmp_path, monkeypatch):
    sources = {
        "__init__": "",
        "a": "def late():\n    from made_up_house.b import x\n",
        "b": "from made_up_house import c\nx = 1\n",
        "c": "import made_up_house.a\n",
        "d": "import made_up_house.a\n",
    }
    folder = tmp_path / "made_up_house"
    folder.mkdir()
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    graph = import_graph("made_up_house")
    assert graph["made_up_house.b"] == {"made_up_house.c"}
    assert circles(graph) == [["made_up_house.a", "made_up_house.b", "made_up_house.c"]]


def test_the_room_of_commands_stays_small():
    assert len([path for path in (PACKAGE / "api").glob("*.py") if path.stem != "__init__"]) <= 25


def test_the_picture_of_rooms_is_fresh():
    spec = importlib.util.spec_from_file_location("make_rooms_picture", DOCS / "make_rooms_picture.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    fresh = maker.render()
    assert (DOCS / "images" / "rooms.svg").read_text("utf-8") == fresh, "run python docs/make_rooms_picture.py"

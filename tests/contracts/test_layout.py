"""The folders show the architecture: few modules in each, no prefix in place of a folder, imports that lead down."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {
    "benchmarks": ["imports run same_play", "costs dashboard scale"],
    "checks": [],
    "cli": ["__main__", "command_line", "commands", "commands.import_history.reading"],
    "dashboard": [
        *("server streamlit_app", "app_pages", "components", "access", "warehouse", "settings", "charts"),
        "analysis pipeline",
    ],
    "functions/ingest": ["main"],
    "functions/load": ["main"],
    "functions/transform_trigger": ["main"],
    "localcloud": [
        *(
            "__main__",
            "demo",
            "dashboard ledger",
            "supervisor",
            "gcp.laptop_cloud",
            "function_process spark spotify",
            "gcp",
        ),
        "listeners",
    ],
}
"""The rooms of each floor, the highest first. A room imports itself and what is lower; the lowest is not named."""
ELSEWHERE = {
    "benchmarks": {"cli", "localcloud", "tests"},
    "cli": {"functions/ingest", "localcloud"},
    "localcloud": {"functions/ingest"},
}
"""What else of the project an area imports. The rest stands alone: what is deployed, and the checks."""
OF_FUNCTION = {
    path.stem: f"functions/{path.parent.name}" for path in ROOT.glob("functions/*/*.py") if path.stem != "main"
}
"""A function's modules have bare names."""
FOLDERS = sorted({path.parent for area in [*FLOORS, "tests"] for path in (ROOT / area).rglob("*.py")})
NO_PACKAGES = {*map(ROOT.joinpath, FLOORS), ROOT / "dashboard/app_pages"}
"""Roots of `sys.path`, and pages, which Streamlit runs as scripts."""


def crowding(folder):
    """A function's modules may begin with its name: with it they are unique in a process that has all three."""
    stems = [path.stem.removeprefix("test_") for path in folder.glob("*.py") if path.stem != "__init__"]
    if len(stems) > 20:
        yield f"{folder.name} has {len(stems)} modules: make folders of them"
    own = folder.name.rpartition("_")[2] if folder.parent.name == "functions" else None
    words = Counter(stem.partition("_")[0] for stem in stems)
    shared = {word: count for word, count in words.items() if count > 3 and word != own}
    yield from (f"{folder.name} has {count} modules {word}_…: make a folder" for word, count in shared.items())


def says_its_purpose(folder):
    init = folder / "__init__.py"
    docstring = (ast.get_docstring(ast.parse(init.read_text())) or "") if init.exists() else ""
    return 1 <= len([line for line in docstring.splitlines() if line]) <= 3


def wanted_by(path):
    """What a module imports, wherever in it. Ruff refuses relative imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def imports(folder):
    """Module → the modules of the same area that it imports."""
    prefix = f"{folder.name}." if (folder / "__init__.py").exists() else ""
    paths = {".".join(path.relative_to(folder).with_suffix("").parts): path for path in folder.rglob("*.py")}
    return {
        name: {module.removeprefix(prefix) for module in wanted_by(path) if module.startswith(prefix)} & paths.keys()
        for name, path in paths.items()
    }


def elsewhere(folder, areas):
    """The other areas that it imports."""
    wanted = {module.partition(".")[0] for path in folder.rglob("*.py") for module in wanted_by(path)}
    wanted |= {OF_FUNCTION[module] for module in wanted & OF_FUNCTION.keys()}
    return wanted & areas - {folder.name, f"{folder.parent.name}/{folder.name}"}


def misplaced(found, floors):
    """Imports upward, or from a room beside the module's own, and circles."""
    rooms = {room: floor for floor, names in enumerate(floors) for room in names.split()}
    for module, wanted in found.items():
        for other in wanted:
            one, two = (
                max((room for room in rooms if f"{each}.".startswith(f"{room}.")), key=len, default="")
                for each in (module, other)
            )
            if one != two and rooms.get(one, len(floors)) >= rooms.get(two, len(floors)):
                yield f"{module} imports {other}"
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        yield f"a circle of {len(error.args[1]) - 1}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_is_small_and_says_what_belongs_there(folder):
    assert list(crowding(folder)) == []
    assert says_its_purpose(folder) or folder in NO_PACKAGES or "tests" in folder.relative_to(ROOT).parts


@pytest.mark.parametrize("area", FLOORS)
def test_imports_lead_down_and_never_in_a_circle(area):
    assert list(misplaced(imports(ROOT / area), FLOORS[area])) == []


@pytest.mark.parametrize("area", FLOORS)
def test_an_area_imports_only_the_areas_it_may(area):
    assert elsewhere(ROOT / area, {*FLOORS, "functions", "spark_jobs", "tests"}) <= ELSEWHERE.get(area, set())


@pytest.fixture
def area(tmp_path):
    """Writes modules of an area `house` and returns its folder."""

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / "house" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "house"

    return write


def test_a_crowded_folder_and_a_shared_prefix_are_found(area):
    folder = area(**{f"m{number}": "" for number in range(20)}, rooms__chart="", rooms__chart_a="", rooms__chart_b="")
    assert [*crowding(folder), *crowding(folder / "rooms")] == []
    area(one_more="", rooms__test_chart_c="")
    assert list(crowding(folder)) == ["house has 21 modules: make folders of them"]
    assert list(crowding(folder / "rooms")) == ["rooms has 4 modules chart_…: make a folder"]


@pytest.mark.parametrize(
    ("init", "is_good"),
    [(None, False), ('"""One.\n\nTwo.\nThree.\n"""', True), ('"""One.\nTwo.\nThree.\nFour."""', False)],
)
def test_a_package_says_its_purpose_in_one_to_three_lines(area, init, is_good):
    folder = area(room__x="") / "room"
    if init:
        (folder / "__init__.py").write_text(init)
    assert says_its_purpose(folder) == is_good


def test_an_import_that_leads_up_aside_or_in_a_circle_is_found(area):
    folder = area(upper__a="import lower.b, last", lower__b="from last import x", last="", beside__c="")
    floors = ["upper", "lower beside"]
    assert list(misplaced(imports(folder), floors)) == []
    area(lower__b="def f():\n    from upper import a\n    from beside import c")
    found = sorted(misplaced(imports(folder), floors))
    assert found == ["a circle of 2", "lower.b imports beside.c", "lower.b imports upper.a"]
    area(lower__b="", last="from upper import a")
    assert sorted(misplaced(imports(folder), floors)) == ["a circle of 2", "last imports upper.a"]


def test_an_import_of_another_area_is_found(area):
    folder = area(upper__a="from house.upper import b", upper__b="def f():\n    import cli.console", last="import json")
    assert elsewhere(folder, {"house", "cli", "dashboard", "functions/load"}) == {"cli"}
    area(last="from staging import stage")
    assert elsewhere(folder, {"house", "cli", "dashboard", "functions/load"}) == {"cli", "functions/load"}

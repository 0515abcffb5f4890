"""docs/troubles.md has a row for every alert, every error_class of the ledger and every error that is only logged."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
SECTIONS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "docs/troubles.md").read_text(), re.MULTILINE | re.DOTALL)
)
INGEST = sorted((FUNCTIONS / "ingest").glob("*.py"))
OTHER_EXCEPTIONS = "any other name"


def rows(section):
    """First cells of a section's table, without its head."""
    cells = re.findall(r"^\| *(.*?) *\|", SECTIONS[section], re.MULTILINE)
    return [cell.strip("`*") for cell in cells[2:]]


def classes(path, base):
    """Names of the classes that descend from this one, in the order in which a module can define them."""
    found = {base}
    for node in tree(path).body:
        if isinstance(node, ast.ClassDef) and found & {ast.unparse(one) for one in node.bases}:
            found.add(node.name)
    return found - {base}


def tree(path):
    return ast.parse((FUNCTIONS / path).read_text())


def caught_and_recorded(path, recorder):
    """Names of the exceptions whose handlers call what makes a failed row."""
    handlers = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)]
    recording = [node for node in handlers if re.search(rf"\b{recorder}\(", ast.unparse(node))]
    return {name.id for node in recording for name in ast.walk(node.type) if isinstance(name, ast.Name)}


def dead_states():
    """States of a batch under which transform_trigger records that it died."""
    [dead] = [
        node.value
        for node in tree("transform_trigger/batches.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEAD"
    ]
    return {constant.value for constant in ast.walk(dead) if isinstance(constant, ast.Constant)}


def test_every_alert_has_a_row_and_every_row_an_alert():
    text = (ROOT / "terraform/alerts.tf").read_text()
    named = re.findall(r'display_name\s+= "Heavy Rotation: ([^"$]+)"', text) + re.findall(
        r'\bname +=\s"([A-Z][^"]+)"', text
    )
    assert len(named) == 10
    assert sorted(rows("Mail")) == sorted(named)


def test_every_failure_of_ingest_has_a_row():
    assert set(rows("The ledger: ingest")) == classes("ingest/failures.py", "Failure")


def test_every_failure_that_load_records_has_a_row():
    recorded = caught_and_recorded("load/load_file.py", "failed")
    beside_a_success = set(re.findall(r'error_class = "(\w+)"', (FUNCTIONS / "load/load_ledger.py").read_text()))
    assert "FileRefused" in recorded
    assert beside_a_success == {"PlaysDoubled", "RowsRefused"}
    assert set(rows("The ledger: load")) == recorded | beside_a_success


def test_every_failure_of_a_batch_has_a_row():
    recorded = caught_and_recorded("transform_trigger/trigger_batch.py", "transform_row")
    died = {f"Batch{state.capitalize()}" for state in dead_states()}
    assert (len(recorded), len(died)) == (2, 2)
    assert set(rows("The ledger: transform and top_tracks")) == recorded | died | {OTHER_EXCEPTIONS}


def test_every_error_that_leaves_no_row_in_the_ledger_is_listed_too():
    ledger = {name for section in SECTIONS if section.startswith("The ledger") for name in rows(section)}
    all_errors = {
        *classes("load/load_errors.py", "LoadProblem"),
        *classes("transform_trigger/trigger_errors.py", "TriggerProblem"),
        *(name for path in INGEST if path.stem != "failures" for name in classes(path, "Exception")),
    }
    assert set(rows("Only in the log")) == all_errors - ledger


def test_no_row_leaves_open_what_to_do():
    for section, text in SECTIONS.items():
        lines = [line for line in text.splitlines() if line.startswith("|")]
        for line in lines[2:]:
            assert all(cell.strip() for cell in line.strip("|").split("|")), f"{section}: {line}"

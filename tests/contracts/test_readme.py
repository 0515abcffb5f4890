"""README, CONTRIBUTING and docs/ are true: the commands, settings, files and links in them exist and mean the same."""

import re
import subprocess
from pathlib import Path

import codespell_lib
import pytest

from cli.command_line import main as cli
from tests.contracts.generated_docs import PAGES, ROOT, cli_commands, localcloud_commands
from tests.terraform.configuration import FUNCTIONS, settings_read_by

README = (ROOT / "README.md").read_text()
CLIENTS_OWN = {"STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"}
"""Read by Google's clients themselves, not by the functions."""
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "dashboard/README.md", ROOT / "localcloud/README.md"]
)
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)

NAMES = {
    "analyzer",
    "artifact",
    "authorization",
    "authorize",
    "dialog",
    "finalize",
    "finalized",
    "license",
    "program",
    "story",
}
"""American, but names of commands, products and standards, or British as well."""


def documented_settings():
    """Readers by variable, from the table in docs/settings.md."""
    readers = {}
    for names, who in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE):
        functions = FUNCTIONS if who == "all" else who.split(", ")
        readers |= dict.fromkeys(re.findall(r"`([A-Z_]+)`", names), functions)
    return readers


def test_the_documented_settings_are_those_that_the_functions_read():
    documented = documented_settings()
    for function in FUNCTIONS:
        assert {name for name, readers in documented.items() if function in readers} == settings_read_by(function)
    assert {name for name, readers in documented.items() if readers == ["Google's clients"]} == CLIENTS_OWN


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path):
    """If not: make docs."""
    assert PAGES[path](page := path.read_text()) == page


def test_every_make_target_in_the_documents_exists():
    listed = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"make ([a-z-]+)", listed))
    assert targets >= {"demo", "test", "lint"}
    assert set(re.findall(r"(?:`|^|\$ )make ([a-z-]+)", TEXT, re.MULTILINE)) <= targets


def test_every_command_in_the_documents_exists_and_the_readme_names_all_of_the_owner():
    assert set(re.findall(r"python -m localcloud ([a-z]+)", TEXT)) == set(localcloud_commands())
    assert set(re.findall(r"python -m cli ([a-z][a-z-]*)", TEXT)) == set(cli_commands())
    assert set(re.findall(r"python -m cli ([a-z][a-z-]*)", README)) == set(cli_commands())


def test_every_command_that_serves_the_dashboard_listens_on_this_computer_alone():
    commands = re.findall(r"streamlit run .*", TEXT)
    assert len(commands) >= 3
    assert [command for command in commands if "--server.address=127.0.0.1" not in command] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(path):
    for link, anchor in re.findall(r"\]\(((?!http)[^)#]*)(?:#([^)]*))?\)", path.read_text()):
        target = path.parent / link if link else path
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, anchor


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/reliability.md", "CONTRIBUTING.md"])
def test_every_file_and_folder_that_is_named_exists(name):
    paths = re.findall(r"`([\w.]+/[\w./]*)`", (ROOT / name).read_text())
    assert len(paths) > 1
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_tree_in_the_readme_is_every_folder_of_the_repository():
    tree = re.search(r"```text\n(functions/.*?)```", README, re.DOTALL)[1]
    folders, functions = re.findall(r"^(\w+)/", tree, re.MULTILINE), re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    parents = {name.partition("/")[0] for name in tracked if "/" in name and not name.startswith(".")}
    assert set(folders) == parents
    assert set(functions) == {name.split("/")[1] for name in tracked if name.startswith("functions/")}


def test_the_list_of_decisions_has_the_title_of_each():
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"^\| \[(\d+)\]\((.+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    heads = {path.name: path.read_text().partition("\n")[0] for path in folder.glob("[0-9]*.md")}
    assert {name: f"# {number}. {title}" for number, name, title in listed} == heads


def test_the_index_of_the_documents_has_each_page():
    index = (ROOT / "docs/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"^\| \[([\w-]+\.md)\]", index, re.MULTILINE)) == pages


def test_the_version_of_the_command_is_the_newest_in_the_changelog(capsys):
    with pytest.raises(SystemExit) as end:
        cli(["--version"])
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert (end.value.code, capsys.readouterr().out) == (0, f"Heavy Rotation {released[0]}\n")


def test_the_demo_is_shown_by_line_thirty_and_nothing_is_left_to_be_filled_in():
    assert "$ make demo" in "\n".join(README.splitlines()[:30])
    assert not re.search(r"^[A-Z_]{6,}$", README, re.MULTILINE)


def test_the_documents_are_spelt_the_british_way():
    dictionary = Path(codespell_lib.__file__).parent / "data/dictionary_en-GB_to_en-US.txt"
    pairs = dict(line.rstrip(",").split("->") for line in dictionary.read_text().split())
    american = set(pairs.values()) - set(pairs) - NAMES
    prose = re.sub(r"`[^`]*`|\"[^\"]*\"", "", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
    assert "color" in american
    assert {word for word in re.findall(r"[a-z]+", prose.lower()) if word in american} == set()

"""The README says what is there: its commands, settings, files and links exist and mean the same."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CLIENTS_OWN = {"STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"}
"""Read by Google's clients themselves, not by the functions."""


def settings_read_by(function):
    [path] = (ROOT / "functions" / function).glob("*settings.py")
    return set(re.findall(r'"([A-Z][A-Z_]{4,})"', path.read_text()))


def settings_in_the_readme():
    """Readers by variable, from the table under the heading."""
    section = README.split("## Settings of the functions")[1].split("\n## ")[0]
    readers = {}
    for names, who in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", section, re.MULTILINE):
        functions = ["ingest", "load", "transform_trigger"] if who == "all" else who.split(", ")
        readers |= dict.fromkeys(re.findall(r"`([A-Z_]+)`", names), functions)
    return readers


def test_the_settings_in_the_readme_are_those_that_the_functions_read():
    documented = settings_in_the_readme()
    for function in ("ingest", "load", "transform_trigger"):
        assert {name for name, readers in documented.items() if function in readers} == settings_read_by(function)
    assert {name for name, readers in documented.items() if readers == ["Google's clients"]} == CLIENTS_OWN


def test_every_make_target_in_the_readme_exists():
    listed = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"make ([a-z-]+)", listed))
    assert targets >= {"demo", "test", "lint"}
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README)) <= targets


def test_every_command_of_the_laptop_cloud_in_the_readme_exists():
    from localcloud.__main__ import _parser

    [commands] = [action.choices for action in _parser()._actions if hasattr(action, "choices") and action.choices]
    assert set(re.findall(r"python -m localcloud ([a-z]+)", README)) == set(commands)


def test_the_owners_commands_in_the_readme_are_those_that_exist():
    from cli.__main__ import COMMANDS

    assert set(re.findall(r"python -m cli ([a-z-]+)", README)) == set(COMMANDS)


def test_every_command_that_serves_the_dashboard_listens_on_this_computer_alone():
    pages = [ROOT / "dashboard/README.md", *ROOT.glob("docs/*.md"), ROOT / "README.md"]
    commands = re.findall(r"streamlit run .*", "\n".join(page.read_text() for page in pages))
    assert len(commands) >= 3
    assert [command for command in commands if "--server.address=127.0.0.1" not in command] == []


def test_every_file_that_the_readme_links_to_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_list_of_decisions_has_the_title_of_each():
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"^\| \[(\d+)\]\((.+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    heads = {path.name: path.read_text().partition("\n")[0] for path in folder.glob("[0-9]*.md")}
    assert {name: f"# {number}. {title}" for number, name, title in listed} == heads


def test_the_demo_is_shown_by_line_thirty_and_nothing_is_left_to_be_filled_in():
    assert "$ make demo" in "\n".join(README.splitlines()[:30])
    assert not re.search(r"^[A-Z_]{6,}$", README, re.MULTILINE)

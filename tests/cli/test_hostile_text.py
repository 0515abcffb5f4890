"""Texts of others in the owner's terminal: a title, a label or an answer shows, and does nothing."""

import contextlib
import dataclasses
import io
import json
import string
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.command_line import _parser, show_traceback
from cli.commands.import_history.reading import archives
from cli.console import one_line, print_json, print_table, table_lines
from localcloud.__main__ import main as localcloud
from localcloud.terminal import plain
from tests.cli.harness import ONE, Person
from tests.cli.test_runs import write_steps

RED, TITLE, CLEAR = "\x1b[31m", "\x1b]0;owned\x07", "\x9b2J"
HOSTILE = f"{RED}BigQuery refused\r\n2026-11-22 11:00  forged row{TITLE}{CLEAR}\b\b\u202ereversed\u2066\0 \ud83d"


def is_harmless(text):
    return all(letter.isprintable() or letter == "\n" for letter in text)


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b\x07\r\n\t\u202e\u2028\ud800")))
def test_no_text_holds_what_a_terminal_would_obey(text):
    assert is_harmless(plain(text))
    assert "\n" not in one_line(text)
    assert is_harmless(one_line(text))
    plain(text).encode()


@given(st.text(st.sampled_from(string.printable[:95] + "äöü😀日本")))
def test_a_harmless_text_shows_as_it_is(text):
    assert plain(f"{text}\n{text}") == f"{text}\n{text}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (RED, "\\u001b[31m"),
        (CLEAR, "\\u009b2J"),
        ("a\tb\nc", "a b c"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0001", "\\udb40\\udc01"),
    ],
)
def test_what_would_not_show_as_itself_is_spelled_out(text, shown):
    assert one_line(text) == shown


def test_a_cell_is_one_line_of_its_table():
    assert table_lines(("a", "b"), [("x\ny", HOSTILE)])[1:] == [
        "x y  \\u001b[31mBigQuery refused 2026-11-22 11:00 forged row\\u001b]0;owned\\u0007\\u009b2J\\b\\b\\u202e"
        "reversed\\u2066\\u0000 \\ud83d"
    ]


@given(st.dictionaries(st.text(), st.text(st.characters() | st.sampled_from("\x7f\x9b\u2028"))))
def test_json_is_the_same_value_and_steers_no_terminal(value):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_json(value)
    assert is_harmless(out.getvalue())
    assert json.loads(out.getvalue()) == value


def test_the_ledger_shows_what_was_written_into_it_and_obeys_nothing(owner, capsys):
    reason = HOSTILE.replace("\ud83d", "")
    write_steps(owner, ("20261122T100000Z", "load", "failed", 65, None, reason))

    output = owner.types(capsys, "runs")
    as_json = owner.types(capsys, "runs", "--json")

    assert is_harmless(output.out + output.err + as_json.out)
    assert len(output.out.splitlines()) == 2
    assert as_json.json[0]["reason"] == reason


def test_an_accounts_name_is_only_a_name(owner, capsys):
    life = owner.spotify.lives[ONE]
    life.listener = dataclasses.replace(
        life.listener, display_name=f"{TITLE}<script>alert(1)</script>{CLEAR}\nforged line"
    )
    owner.knows_app()

    output = owner.authorizes(capsys, ONE, Person(ONE))

    assert output.code == 0
    assert is_harmless(output.out + output.err)
    assert "script" in output.out


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a b", "x;y", f"x{RED}", "ＡＤＡ", "", "-x", "a" * 64, "٣", "x\n", "Anna", "_a", "ä"]
)
def test_a_listener_with_a_name_that_is_none_is_refused_before_anything_is_asked(owner, capsys, name):
    owner.cloud.faults.calls.clear()
    output = owner.types(capsys, "authorize", "--port", "1", "--", name, laptop=False)
    assert output.code == 2
    assert f"{one_line(repr(name))} cannot be a listener's name" in output.err
    assert is_harmless(output.err)
    assert list(owner.cloud.faults.calls) == []


def test_the_table_on_a_terminal_is_wrapped_and_still_harmless(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(("a", "what happened"), [("x", HOSTILE * 5)])
    assert is_harmless(capsys.readouterr().out)


def test_names_in_a_zip_that_a_listener_passed_on_are_one_harmless_line(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{TITLE}\nNot read: forged.json", b"[1]")
    entry = archives.path_entry(path, path.name)
    with archives.contents(entry) as [inner]:
        assert inner.name == "export.zip: \\u001b]0;owned\\u0007\\nNot read: forged.json"


def test_an_argument_that_a_star_made_of_a_file_name_steers_no_terminal(capsys):
    with pytest.raises(SystemExit):
        _parser().parse_args(["runs", f"--no{RED}"])
    shown = capsys.readouterr().err
    assert is_harmless(shown)
    assert "unrecognized arguments: --no\\u001b[31m" in shown


def test_a_traceback_steers_no_terminal(capsys):
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        show_traceback(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert is_harmless(shown)
    assert "ValueError: \\u001b[31mBigQuery refused" in shown


def test_what_the_laptop_cloud_says_of_a_failure_steers_no_terminal(tmp_path, capsys):
    assert localcloud(["status", "--data", str(tmp_path / HOSTILE.replace("\0", "").replace("\ud83d", ""))]) == 1
    shown = capsys.readouterr().err
    assert is_harmless(shown)
    assert "\\u001b[31mBigQuery refused" in shown

"""Titles that look like Markdown are titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import page_frame
from components.markdown import literal, plain


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Plain words äöü 夜明け 😀", "Plain words äöü 夜明け 😀"),
        ("*NSYNC", r"\*NSYNC"),
        ("A$AP to $ave", r"A\$AP to \$ave"),
        ("[click](javascript:alert(1))", "\\[click\\]\\(javascript\\:\u2060alert\\(1\\)\\)"),
        ("![](https://tracker.invalid/x.png)", "\\!\\[\\]\\(https\\:\u2060\\/\\/tracker\\.invalid\\/x\\.png\\)"),
        ("<img src=x onerror=alert(1)>", r"\<img src\=x onerror\=alert\(1\)\>"),
        (":material/key: :red[x]", "\\:\u2060material\\/key\\: \\:\u2060red\\[x\\]"),
        ("www.example.invalid", "www\u2060\\.example\\.invalid"),
        ("a@example.invalid", "a\\@\u2060example\\.invalid"),
        ("two\n\n# lines\r\n---", "two \\# lines \\-\u2060\\-\u2060\\-"),
        ("Love -> Hate", "Love \\-\u2060\\> Hate"),
        ("<- a -- b <->", "\\<\u2060\\- a \\-\u2060\\- b \\<\u2060\\-\u2060\\>"),
        ("<= >= ~=", "\\<\u2060\\= \\>\u2060\\= \\~\u2060\\="),
        ("1. first", r"1\. first"),
        ("\u202eevil", "\u2068\u202eevil\u2069"),
        ("a\u2069b", "ab"),
        ("العربية", "\u2068العربية\u2069"),
        (None, "None"),
        ("", ""),
    ],
)
def test_what_markdown_would_take_for_its_own_is_taken_from_it(text: object, markdown: str) -> None:
    assert literal(text) == markdown


@given(st.text(st.characters(codec="utf-8", exclude_characters="\u2060\u2066\u2067\u2068\u2069")))
def test_a_screen_reader_hears_the_text_as_it_is(text: str) -> None:
    assert plain(f"**{literal(text)}** leads") == f"{' '.join(text.split())} leads"


def test_the_words_for_a_chart_have_no_marks() -> None:
    assert page_frame.alt_text(f"**{literal('A$AP *Rocky*')}** leads.", "More.") == "A$AP *Rocky* leads. More."

"""CSV as load jobs read it: what was written comes back, and what is wrong is said in BigQuery's form."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.gcp.bigquery.csv_files import CsvError, Options, read_csv
from localcloud.gcp.bigquery.schema import Field

FIELDS: list[Field] = [
    {"name": "id", "type": "STRING", "mode": "REQUIRED"},
    {"name": "n", "type": "INTEGER", "mode": "NULLABLE"},
]
AS_THE_PROJECT_LOADS = Options(1, match_by_name=True, allow_quoted_newlines=True, preserve_control_characters=True)


def read(text: str | bytes, fields: list[Field] = FIELDS, options: Options = AS_THE_PROJECT_LOADS) -> list[list[Any]]:
    return list(read_csv(text if isinstance(text, bytes) else text.encode(), fields, options))


def value_of(kind: str, text: str) -> Any:
    ((value,),) = read(f"x\n{text}\n", [{"name": "x", "type": kind, "mode": "NULLABLE"}])
    return value


@given(st.lists(st.tuples(st.text(), st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_rows_written_as_csv_come_back(rows: list[tuple[str, int | None]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for row in [("id", "n"), *rows]:
        writer.writerow(row)
    # QUOTE_NONNUMERIC writes None as "", which is NULL for a number.
    content = file.getvalue().encode(errors="surrogatepass")

    assert read(content) == [[text.encode(errors="surrogatepass").decode(errors="replace"), n] for text, n in rows]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("STRING", "", None),
        ("STRING", '""', ""),
        ("STRING", '"a ""b"", c"', 'a "b", c'),
        ("STRING", '"two\nlines"', "two\nlines"),
        ("STRING", ' "a" ', ' "a" '),
        ("STRING", 'a"b', 'a"b'),
        ("STRING", "NULL", "NULL"),
        ("STRING", "\x00\x1f", "\x00\x1f"),
        ("INTEGER", "", None),
        ("INTEGER", '""', None),
        ("INTEGER", "-9223372036854775808", -(2**63)),
        ("INTEGER", '"+7"', 7),
        ("FLOAT", "-60.000", -60.0),
        ("FLOAT", "1e-3", 0.001),
        ("FLOAT", "5", 5.0),
        ("FLOAT", "-inf", float("-inf")),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "FALSE", False),
        ("BOOLEAN", "1", True),
        ("BOOLEAN", "n", False),
        ("TIMESTAMP", "2026-11-22T09:32:01.863Z", datetime(2026, 11, 22, 9, 32, 1, 863_000, UTC)),
        ("TIMESTAMP", "2026-11-22 09:32:01", datetime(2026, 11, 22, 9, 32, 1, tzinfo=UTC)),
        ("TIMESTAMP", "2026/11/22 09:32 UTC", datetime(2026, 11, 22, 9, 32, tzinfo=UTC)),
        ("TIMESTAMP", "2026-11-22 09:32:01.000001+05:30", datetime(2026, 11, 22, 4, 2, 1, 1, UTC)),
        ("TIMESTAMP", "2026-11-22 23:00:00-2", datetime(2026, 11, 23, 1, tzinfo=UTC)),
        ("TIMESTAMP", "2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_a_field_is_read_as_its_type(kind: str, text: str, expected: Any) -> None:
    value = value_of(kind, text)

    assert value == expected
    assert type(value) is type(expected)


_TIMESTAMP = "Could not parse '{}' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]]"


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("INTEGER", "1.0", "Unable to parse"),
        ("INTEGER", "9223372036854775808", "Unable to parse"),
        ("INTEGER", "1_000", "Unable to parse"),
        ("FLOAT", "1,5", "Unable to parse"),
        ("FLOAT", "1_0.5", "Unable to parse"),
        ("BOOLEAN", "maybe", "Unable to parse"),
        ("TIMESTAMP", "yesterday", _TIMESTAMP.format("yesterday")),
        ("TIMESTAMP", "2026-02-30 10:00:00", _TIMESTAMP.format("2026-02-30 10:00:00")),
        ("TIMESTAMP", "2026-11-22 10:00:00.1234567", _TIMESTAMP.format("2026-11-22 10:00:00.1234567")),
        ("TIMESTAMP", "1700000000", _TIMESTAMP.format("1700000000")),
    ],
)
def test_a_field_that_is_not_of_its_type_is_named(kind: str, text: str, problem: str) -> None:
    names = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
    with pytest.raises(CsvError) as refusal:
        value_of(kind, f'"{text}"')

    assert str(refusal.value).startswith(problem)
    assert str(refusal.value).endswith(
        "; line_number: 2 byte_offset_to_start_of_line: 2 "
        f'column_index: 0 column_name: "x" column_type: {names.get(kind, kind)} value: "{text}"'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'id,n\n"Mötley\nCrüe",1\na\n',
            "CSV table references column position 1, but line contains only 1 columns.; line_number: 4 "
            'byte_offset_to_start_of_line: 23 column_index: 1 column_name: "n" column_type: INT64',
        ),
        (
            "id,n\na,1,2\n",
            "Too many values in line. Found 3 column(s) while expected 2.; line_number: 2 byte_offset",
        ),
        (
            "id,n\n,1\n",
            "Required column value is missing; line_number: 2 byte_offset_to_start_of_line: 5 "
            'column_index: 0 column_name: "id" column_type: STRING',
        ),
        ('id,n\n"a,1\n', 'Missing close quote character ("); line_number: 2 byte_offset_to_start_of_line: 5'),
        (
            'id,n\n"a"b,1\n',
            'Data between close quote character (") and field separator; line_number: 2 byte_offset',
        ),
        ("id,what\na,1\n", 'The header has a column "what" that the schema does not have; line_number: 1'),
        ("id,n,n\na,1,1\n", 'The header has the column "n" twice; line_number: 1'),
        ("n\n1\n", 'The header lacks the required column "id"; line_number: 1'),
        ("id,n\na,1\n\n", "CSV table references column position 1, but line contains only 1 columns.; line_number: 3"),
    ],
)
def test_a_file_of_another_form_is_refused_at_the_first_wrong_line(text: str, message: str) -> None:
    with pytest.raises(CsvError) as refusal:
        read(text)

    assert str(refusal.value).startswith(message)


def test_columns_are_matched_by_name_in_any_order_and_case_and_an_optional_one_may_lack() -> None:
    assert read("N,ID\n1,a\n") == [["a", 1]]
    assert read("id\na\n") == [["a", None]]


def test_without_names_columns_are_matched_by_their_place() -> None:
    assert read("whatever,else\na,1\n", options=Options(1)) == [["a", 1]]
    assert read("a,1\n", options=Options()) == [["a", 1]]


@pytest.mark.parametrize("text", ["", "id,n\n", "id,n", "\ufeffid,n\n"])
def test_a_file_without_rows_has_no_rows(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize("text", ["id,n\na,1\nb,2", "id,n\r\na,1\r\nb,2\r\n", "\ufeffid,n\ra,1\rb,2\r"])
def test_lines_end_in_any_way_and_the_last_need_not(text: str) -> None:
    assert read(text) == [["a", 1], ["b", 2]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [('id,n\n"a\nb",1\n', "Missing close quote"), ('id,n\n"a\0",1\n', r"Bad character \(ASCII 0\) encountered")],
)
def test_line_ends_and_control_characters_in_fields_have_to_be_allowed(text: str, problem: str) -> None:
    with pytest.raises(CsvError, match=problem):
        read(text, options=Options(1, match_by_name=True))

"""The job's command line; nothing here starts a JVM."""

from datetime import UTC, datetime

import pytest

from spark_jobs.top_tracks import Batch, parse_arguments

ARGUMENTS = {
    "--project": "heavy-rotation",
    "--dataset": "listening",
    "--temp-bucket": "spark-temp",
    "--run-id": "20261122T090000Z",
    "--slot": "2026-11-22T09:00:00Z",
    "--as-of": "2026-11-22T11:00:00.5+01:00",
}


def words(arguments: dict[str, str]) -> list[str]:
    return [word for pair in arguments.items() for word in pair]


def test_arguments_become_a_batch_with_instants_in_utc() -> None:
    moment = datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC)
    slot = datetime(2026, 11, 22, 9, tzinfo=UTC)
    batch = parse_arguments(words(ARGUMENTS))
    assert batch == Batch("heavy-rotation", "listening", "spark-temp", "20261122T090000Z", slot, moment)
    assert batch.table("plays") == "heavy-rotation.listening.plays"


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_missing_argument_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(words({key: value for key, value in ARGUMENTS.items() if key != name}))
    assert ended.value.code == 2
    assert f"required: {name}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2026-11-22T10:00:00", "argument --as-of: 2026-11-22T10:00:00 does not say its time zone; for UTC append Z"),
        ("yesterday", "argument --as-of: invalid instant value: 'yesterday'"),
    ],
)
def test_an_instant_that_could_be_misread_is_refused(
    text: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(words({**ARGUMENTS, "--as-of": text}))
    assert complaint in capsys.readouterr().err


def test_help_explains_the_job_and_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--help"])
    assert ended.value.code == 0
    help_text = capsys.readouterr().out
    assert "top ten tracks" in help_text
    assert all(name in help_text for name in ARGUMENTS)

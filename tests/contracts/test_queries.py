"""The questions in docs/queries.md are GoogleSQL, have the answers worked out by hand, and read what the page says."""

import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from google.cloud import bigquery

from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import NAMES, VIEW_FILES, view_resource
from tests.contracts.generated_docs import ROOT
from tests.contracts.googlesql_judge import Judge, Table
from tests.load.harness import play
from tests.seed import seed

PAGE = (ROOT / "docs/queries.md").read_text()
QUESTIONS = {
    title: (sql, float(megabytes))
    for title, sql, megabytes in re.findall(
        r"^## (.+?)\n.*?```sql\n(.+?)```\n\nReads ([\d.]+) MB\.$", PAGE, re.DOTALL | re.MULTILINE
    )
}
PLAYS_ASSUMED = 100_000


def track(letter, name, artist, released, duration_ms, isrc, **features):
    return {
        **{"track": letter * 22, "track_name": name, "artist_id": artist[0] * 22, "artist_name": artist},
        **{"artist_names": artist, "album_id": letter.lower() * 22, "album_name": f"The album of {name}"},
        **{"album_release_date": released, "image_url": f"https://i.scdn.co/image/{letter * 40}"},
        **{"isrc": isrc, "duration_ms": duration_ms, "explicit": False, **features},
    }


HARBOUR = track(
    *("A", "Harbour in Gitan", "The Kumund Lanterns", "1994-05-17", 240_000, "GBAAA9400001"), valence=0.25, energy=0.5
)
RADIATOR = track(
    *("B", "Painted Radiator", "The Kumund Lanterns", "1994", 180_000, "GBAAA9400002"), valence=0.75, energy=1.0
)
SALT = track("C", "Salt on the Line", "Kaflath Pubrer", "2021-11", 300_000, "DEBBB2100003")
SALT_AGAIN = SALT | {"track": "E" * 22}
BUS = track("D", "Night Bus", "Orla Veen", "2024-02-02", 200_000, None)
IN_AN_EXPORT = ("track", "track_name", "artist_name", "album_name")


def played(instant, what, listener="ada", ms_played=None, **ended):
    """A play; one whose time is known comes from an export, which has names only."""
    known = {name: what[name] for name in IN_AN_EXPORT} | {"source": "export"} if ms_played else what
    at = datetime.fromisoformat(f"{instant}:00Z")
    return play(0, listener, **{"played_at": at, "ms_played": ms_played, **known, **ended})


PLAYS = [
    played("2024-11-29 22:30", HARBOUR),
    played("2024-11-29 23:30", HARBOUR),  # half past midnight of the 30th in Berlin
    played("2025-06-01 10:00", SALT),
    played("2025-11-29 08:15", RADIATOR),
    played(
        "2025-12-31 23:10", RADIATOR, ms_played=120_000, reason_end="logout", skipped=False
    ),  # New Year's Day in Berlin
    played("2026-03-01 11:00", SALT_AGAIN),
    played("2026-03-02 11:05", RADIATOR),
    played("2026-03-02 11:10", RADIATOR),
    played("2026-03-03 11:00", RADIATOR),
    played("2026-03-03 11:00", RADIATOR),  # stored twice
    played("2026-03-03 11:01", BUS, ms_played=10_000, reason_end="fwdbtn", skipped=False),
    played("2026-03-03 11:02", BUS, ms_played=30_000, reason_end="trackdone"),
    played("2026-03-04 11:00", BUS, ms_played=5_000, reason_end="logout", skipped=True),
    played("2026-03-04 11:00", BUS, ms_played=5_000, reason_end="logout", skipped=True),  # stored twice
    played("2026-03-04 11:01", BUS, ms_played=5_000, skipped=True),
    played("2026-03-04 11:02", BUS, ms_played=5_000, reason_end="unknown", skipped=False),
    played("2026-02-01 20:00", SALT, "ben"),
    played("2026-02-01 20:10", BUS, "ben", ms_played=100_000),
    played("2026-02-02 20:10", SALT, "ben"),
]
CATALOGUE = [what | {"track_id": what["track"]} for what in (HARBOUR, RADIATOR, SALT, SALT_AGAIN)]
"""What the API has shown: of the bus, which only exports know, there is no row."""
ANSWERS = {
    "How much has each listener played?": [
        ("ada", 10, 5, 0.5, datetime(2024, 11, 29, 22, 30, tzinfo=UTC)),
        ("ben", 3, 2, 0.2, datetime(2026, 2, 1, 20, tzinfo=UTC)),
    ],
    "Who were my artists of 2026?": [
        ("The Kumund Lanterns", 4, 11.0),
        ("Kaflath Pubrer", 1, 5.0),
        ("Orla Veen", 1, 0.5),
    ],
    "What did I hear on this day in other years?": [
        ("2024 23:30", "Harbour in Gitan", "The Kumund Lanterns"),
        ("2025 09:15", "Painted Radiator", "The Kumund Lanterns"),
    ],
    "At which hours do I listen?": [("00", 6.0), ("09", 3.0), ("12", 19.5), ("23", 4.0)],
    "Whom did I discover, and when?": [("Kaflath Pubrer", "2025-06-01", 2), ("The Kumund Lanterns", "2024-11-29", 7)],
    "What is my longest run of days with music?": [(3, "2026-03-01")],
    "Which tracks have I forgotten?": [("Harbour in Gitan", "The Kumund Lanterns", 2, "2024-11")],
    "What was on repeat?": [
        ("2026-03-02", "Painted Radiator", 2),
        ("2026-03-03", "Night Bus", 1),
        ("2026-03-03", "Painted Radiator", 1),
    ],
    "What do I skip?": [("Night Bus", "Orla Veen", 3, 1, 4)],
    "Which tracks do two listeners share?": [("Salt on the Line", 2, 2), ("Night Bus", 1, 1)],
    "How does my mood change?": [
        ("2024-11", 0.25, 0.5, 2, 2),
        ("2025-06", None, None, 0, 1),
        ("2025-11", 0.75, 1.0, 1, 1),
        ("2026-01", 0.75, 1.0, 1, 1),  # an export's play, from the catalogue
        ("2026-03", 0.75, 1.0, 3, 5),
    ],
    "From which decades is my music?": [(None, 0.5), ("1990s", 22.0), ("2020s", 10.0)],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with LaptopCloud(tmp_path_factory.mktemp("cloud"), forgetful=True) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        client = bigquery.Client(NAMES["GOOGLE_CLOUD_PROJECT"], location=NAMES["LOCATION"])
        seed(cloud, "plays", PLAYS)
        seed(cloud, "catalogue", CATALOGUE)
        yield client


def test_each_question_has_an_answer():
    assert ANSWERS.keys() == QUESTIONS.keys() == set(re.findall(r"^## (.+)$", PAGE, re.MULTILINE))
    assert len(QUESTIONS) == 12


@pytest.mark.parametrize("title", ANSWERS)
def test_a_question_has_the_answer_worked_out_by_hand_and_bills_what_the_page_says(client, title):
    sql, megabytes = QUESTIONS[title]
    job = client.query(sql)

    assert [tuple(row.values()) for row in job.result()] == ANSWERS[title]
    assert round(job.total_bytes_processed / len(PLAYS) * PLAYS_ASSUMED / 1024**2, 1) == megabytes
    assert job.total_bytes_billed == (20 if "counted_plays" in sql else 10) * 1024**2


def test_what_is_a_skip_is_decided_as_in_the_dashboard(client):
    config = bigquery.QueryJobConfig(
        default_dataset=f"{client.project}.listening",
        query_parameters=[bigquery.ScalarQueryParameter("listener_id", "STRING", "ada")],
    )
    tracks = client.query_and_wait((ROOT / "dashboard/warehouse/queries/plays.sql").read_text(), job_config=config)
    [played] = [row["played"] for row in tracks if row["track_id"] == BUS["track"]]
    endings = Counter(line.rpartition(" ")[2] for line in played.splitlines())
    [(_, _, skips, to_the_end, known)] = ANSWERS["What do I skip?"]
    assert (endings["skip"], endings["end"], endings.total() - endings[""]) == (skips, to_the_end, known)


@pytest.mark.zetasql
@pytest.mark.timeout(300)
def test_google_takes_every_question_and_the_view_that_they_ask(client):
    names = ("catalogue", "plays", "counted_plays")
    tables = [
        Table(name, [field.to_api_repr() for field in client.get_table(f"listening.{name}").schema]) for name in names
    ]
    view = view_resource(VIEW_FILES[0], {"projectId": "p", "datasetId": "listening"})["view"]["query"]
    statements = [view, *(sql for sql, _ in QUESTIONS.values())]
    judge, named = Judge(), [sql.replace("p.listening.", "").replace("listening.", "") for sql in statements]
    assert {sql: complaint for sql in named if (complaint := judge.complaint(sql, {}, tables))} == {}

"""The zips that Terraform uploads are complete: nothing of this project is in reach of the functions they become."""

import subprocess
import zipfile
from datetime import UTC, datetime

import pytest

from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import VIEW_FILES
from localcloud.listeners.listeners import invented_listeners
from localcloud.web import Server
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import FaultySpotify
from tests.terraform.configuration import FUNCTIONS, ROOT, zipped_files
from tests.terraform.deployed_functions import CHOSEN, DeployedFunctions


@pytest.fixture
def deployed(zips, tmp_path, monkeypatch):
    with LaptopCloud(tmp_path / "cloud") as cloud:
        spotify = FaultySpotify(cloud.clock, 1, invented_listeners(2))
        server = Server("spotify", spotify.routes, cloud.faults).start()
        secrets.store_app(cloud, spotify)
        for slug in spotify.listeners:
            secrets.consent(cloud, spotify, slug)
        for name in ("BIGQUERY_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
            monkeypatch.setenv(name, cloud.environment[name])
        functions = DeployedFunctions(cloud, server.url, zips, tmp_path)
        functions.spotify = spotify
        yield functions
        functions.stop()
        server.stop()


def pages(spotify):
    """What Spotify shows at this moment; a play may end during the call."""
    plays = [play for slug in spotify.listeners for play in spotify.window(slug, datetime.now(UTC))]
    return sorted((play.listener, play.played_at, play.track.id) for play in plays)


STEPS = "SELECT run_id, step, state, rows_in, rows_new FROM listening.runs ORDER BY started_at"
PLAYS = "SELECT listener_id, played_at, track_id FROM listening.plays ORDER BY listener_id, played_at, track_id"


def test_a_play_comes_from_spotify_to_a_submitted_batch_and_nothing_happens_twice(deployed):
    slot = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    run_id = f"{slot:%Y%m%dT%H%M%SZ}"

    before = pages(deployed.spotify)
    answer = deployed.call_ingest(slot)
    after = pages(deployed.spotify)
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded"), answer.text
    assert deployed.deliver() == [200, 200]

    plays = deployed.rows(PLAYS)
    assert [tuple(play.values()) for play in plays] in (before, after)
    ledger = deployed.rows(STEPS)
    assert [tuple(row.values()) for row in ledger] == [
        (run_id, "ingest", "succeeded", len(plays), len(plays)),
        (run_id, "load", "succeeded", len(plays), len(plays)),
        (run_id, "transform", "succeeded", len(plays), None),
    ]
    (batch,) = deployed.cloud.dataproc.batches()
    assert batch["environmentConfig"]["executionConfig"]["subnetworkUri"] == CHOSEN["SPARK_SUBNETWORK"]

    assert deployed.deliver_again() == [200, 200]
    again = deployed.call_ingest(slot)
    assert (again.status_code, again.json()["reason"][:14]) == (200, "already landed")
    # Load says once more what it has merged, in case it was stopped before it could; the batch covers it.
    assert deployed.deliver() == [200]
    assert deployed.rows(PLAYS) == plays
    assert [row for row in deployed.rows(STEPS) if row["state"] != "skipped"] == ledger
    assert len(deployed.cloud.dataproc.batches()) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_zip_holds_every_file_of_its_folder_that_runs_and_none_that_does_not(zips, function):
    folder = f"functions/{function}"
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", folder], cwd=ROOT, capture_output=True)
    names = {name.removeprefix(f"{folder}/") for name in tracked.stdout.decode().split() if (ROOT / name).exists()}
    with zipfile.ZipFile(zips[function]) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    of_terraform = {path.relative_to(ROOT / folder).as_posix() for path in VIEW_FILES if folder in path.as_posix()}
    runs = names - {"requirements.in"} - of_terraform
    assert contents == {name: (ROOT / folder / name).read_bytes() for name in runs}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_zip_is_made_without_terraform(deployment, function):
    with zipfile.ZipFile(deployment.zip(function)) as archive:
        assert sorted(archive.namelist()) == sorted(zipped_files(function))

"""What commands write and guides ask for, and is secret or personal, goes neither into git nor into an image."""

import shutil
import subprocess

import pytest

from checks.tools import ROOT

SECRET_OR_PERSONAL = [
    "secrets.toml",
    "dashboard/.streamlit/secrets.toml",
    ".env",
    "dashboard/.env.local",
    "key.json",
    "dashboard/dashboard-key.json",
    "my-service-account.json",
    "client_secret_123.apps.googleusercontent.com.json",
    "terraform/terraform.tfvars",
    "terraform/dashboard.auto.tfvars",
    "terraform/bootstrap/terraform.tfvars",
    "terraform/terraform.tfstate",
    "terraform/bootstrap/terraform.tfstate.backup",
    "terraform/bootstrap/.terraform/terraform.tfstate",
    "terraform/crash.log",
    "terraform/backend.tf",
    ".localcloud/warehouse.duckdb",
    "dashboard/.localcloud/state.sqlite",
    "anna-plays.csv",
    "anna-plays.json",
    "dashboard/anna-plays.parquet",
    ".k3j2_x.unfinished",
    "my_spotify_data.zip",
    "my_spotify_data.tgz",
    "dashboard/my_spotify_data.tar",
    "dashboard/endsong_0.json.gz",
    "Streaming_History_Audio_2023_1.json.bz2",
    "Streaming_History_Audio_2023_2.json.xz",
    "my_spotify_data/Spotify Extended Streaming History/Streaming_History_Audio_2023_1.json",
    "MyData/endsong_0.json",
    "Spotify Account Data/StreamingHistory_music_0.json",
    "dashboard/endsong_0.json",
    "20261122T100000Z.csv",
    "20261122T100000Z.csv.g1795341612345678",
    "dashboard/20261122T100000Z.csv.g1795341612345678.reason.json",
    "dashboard/0123456789abcdef.json",
]


def visible(folder, ignore_file, names):
    """Those of the files that git would add with this ignore file."""
    shutil.copy(ignore_file, folder / ".gitignore")
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    subprocess.run(["git", "init", "-q", folder], check=True)
    listing = ["git", "-C", folder, "ls-files", "-z", "--others", "--exclude-standard"]
    found = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    return set(found.split("\0")) - {"", ".gitignore"}


def test_git_sees_nothing_secret_or_personal_but_everything_else(tmp_path):
    others = ["terraform/terraform.tfvars.example", "terraform/.terraform.lock.hcl", "cli/commands/export.py"]
    assert visible(tmp_path, ROOT / ".gitignore", [*SECRET_OR_PERSONAL, *others]) == set(others)


def test_no_file_of_the_repository_is_one_that_git_ignores():
    listing = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout == ""


def test_the_image_holds_nothing_secret_or_personal_but_the_whole_dashboard(tmp_path):
    """Where every pattern begins with **/, git and Docker read it alike: docs.docker.com/build/concepts/context."""
    ignore_file = ROOT / "dashboard/.dockerignore"
    patterns = [line for line in ignore_file.read_text().splitlines() if line and not line.startswith("#")]
    assert [pattern for pattern in patterns if not pattern.startswith("**/") or pattern.endswith("/")] == []

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT / "dashboard", check=True, capture_output=True, text=True)
    needless = (".dockerignore", "Dockerfile", "README.md", "requirements.in")
    own = {name for name in tracked.stdout.splitlines() if name not in needless}
    inside = [name.removeprefix("dashboard/") for name in SECRET_OR_PERSONAL if not name.startswith("terraform/")]
    assert visible(tmp_path, ignore_file, [*inside, *own]) == own


@pytest.mark.parametrize("guide", ["README.md", "docs/deploy.md", "dashboard/README.md"])
def test_no_guide_writes_a_secret_into_a_file_that_is_then_given_to_gcloud(guide):
    assert "--data-file=-" in (text := (ROOT / guide).read_text()) or "--data-file" not in text

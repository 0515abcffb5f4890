"""What is installed is pinned: every package with its hash, every image with its version, and nothing runs as root."""

import re

import pytest
import yaml

from checks.tools import ROOT, compiled_files

HASH = r"    --hash=sha256:[0-9a-f]{64}"
ENTRY = re.compile(rf"^( *#.*|[a-z0-9-]+(\[[a-z0-9, -]+\])?==[^\s;]+( ; [^\\\n]+)?( \\\n{HASH})+)\n", re.MULTILINE)
"""A comment, or a pin with its hashes"""
HASHED = f"six==1.17.0 \\\n    --hash=sha256:{64 * '0'}\n"
DOCKERFILES = [ROOT / "dashboard/Dockerfile", ROOT / ".devcontainer/Dockerfile"]
EXACT = re.compile(r"[a-z0-9./-]+:\d+\.\d+\.\d+(-[a-z0-9]+)*(@sha256:[0-9a-f]{64})?")
"""name:1.2.3 or name:1.2.3-variant, and which of the images that had this name"""
WITHOUT_DIGEST = {"python:3.12.15-trixie", "gcr.io/google.com/cloudsdktool/google-cloud-cli:586.0.0-slim"}
"""docs/deploy.md, "Pinned packages and images", has the command that finds theirs."""
ROOTS = {"root", "0"}


def instructions(dockerfile):
    """(NAME, value) of each, without comments; a continued line is one."""
    text = dockerfile.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines if not line.startswith(" ")]


def base_images(dockerfile):
    """Of each FROM that names no earlier stage."""
    bases = [value.split() for name, value in instructions(dockerfile) if name == "FROM"]
    stages = {words[2] for words in bases if words[1:2] == ["AS"]}
    return [words[0] for words in bases if words[0] not in stages]


def images_of_steps():
    files = [yaml.safe_load(path.read_text()) for path in ROOT.glob("cloudbuild*.yaml")]
    return [step["name"] for build in files for step in build["steps"]]


def test_every_requirements_file_that_is_deployed_or_installed_is_compiled():
    names = {str(path.relative_to(ROOT)) for path in compiled_files()}
    assert names >= {f"functions/{name}/requirements.txt" for name in ("ingest", "load", "transform_trigger")}
    assert names >= {"dashboard/requirements.txt", "requirements/dev.txt", "requirements/checks.txt"}
    assert all(path.exists() for path in compiled_files())


def test_a_requirements_file_holds_only_comments_and_pins_with_hashes():
    left = {str(path): ENTRY.sub("", path.read_text()) for path in compiled_files()}
    assert left == dict.fromkeys(left, ""), "Run make requirements."


@pytest.mark.parametrize(
    "text",
    [
        "six==1.17.0\n",
        "six==1.17.0 \\\n",
        "six>=1.17.0" + HASHED.removeprefix("six==1.17.0"),
        HASHED.partition("\n")[2],
        "--index-url https://example.org\n",
        "six @ https://example.org/six.whl\n",
    ],
)
def test_a_line_that_is_not_pinned_by_a_hash_is_found(text):
    assert ENTRY.sub("", HASHED + text + "# via pip\n" + HASHED) == text


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_built_from_exact_versions_and_does_not_run_as_root(dockerfile):
    steps = instructions(dockerfile)
    bases = base_images(dockerfile)
    assert bases
    assert [base for base in bases if not EXACT.fullmatch(base)] == []
    last_stage = steps[max(place for place, (name, _) in enumerate(steps) if name == "FROM") :]
    users = [value for name, value in last_stage if name == "USER"]
    assert users, f"{dockerfile} names no USER: it runs as root"
    assert users[-1].partition(":")[0] not in ROOTS
    made = [value for name, value in last_stage if name == "RUN" and "useradd" in value]
    assert any(f"--uid {users[-1]}" in value or value.endswith(users[-1]) for value in made)


def test_every_image_that_is_built_is_looked_at():
    found = {path for folder in ROOT.iterdir() if folder.is_dir() for path in folder.glob("Dockerfile*")}
    assert found == set(DOCKERFILES)


def test_the_dashboards_image_installs_nothing_without_a_hash():
    dockerfile = ROOT / "dashboard/Dockerfile"
    installs = [value for name, value in instructions(dockerfile) if name == "RUN" and "pip install" in value]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]


def test_cloud_builds_steps_run_in_exact_versions():
    assert [image for image in images_of_steps() if not EXACT.fullmatch(image)] == []


def test_every_image_has_a_digest_or_a_command_that_finds_it():
    images = {*images_of_steps(), *(image for path in DOCKERFILES for image in base_images(path))}
    assert {image for image in images if "@sha256:" not in image} == WITHOUT_DIGEST
    guide = (ROOT / "docs/deploy.md").read_text()
    assert set(re.findall(r"(?<=[ (])\S+:\d+\.\d+\.\d+-\S+(?=[ ;])", guide)) == WITHOUT_DIGEST


def test_no_image_has_two_digests():
    images = {*images_of_steps(), *(image for path in DOCKERFILES for image in base_images(path))}
    named = [image.partition("@")[0] for image in images if "@" in image]
    assert sorted(named) == sorted(set(named))

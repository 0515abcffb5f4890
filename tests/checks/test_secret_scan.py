"""A planted secret is found, whatever file it is in; what only looks like one has to say why."""

import random
import string
import subprocess
from base64 import b64encode

import pytest

from checks.secret_scan import main

DICE = random.Random(1)


def noise(count, characters=string.ascii_letters + string.digits):
    """Made here, so that no file of this tree holds it."""
    return "".join(DICE.choice(characters) for _ in range(count))


HEX = noise(32, "0123456789abcdef")
REFRESH_TOKEN = "AQ" + noise(130)
PLANTED = {
    "a Spotify refresh token in prose": ("notes.md", f"It is {REFRESH_TOKEN}, I think.", "Spotify or Google token"),
    "a refresh token in a secret's JSON": (
        "a.json",
        f'{{"refresh_token": "{REFRESH_TOKEN}"}}',
        "Spotify or Google token",
    ),
    "a client secret in Python": ("a.py", f'client_secret = "{HEX}"', "Secret Keyword"),
    "the same under another name": ("a.tfvars", f'value = "{HEX}"', "Hex High Entropy String"),
    "the same in a shell script": ("a.sh", f"export SPOTIFY_CLIENT_SECRET={HEX}", "Hex High Entropy String"),
    "an app's id and secret in a command": (
        "a.sh",
        f"curl -H 'Authorization: Basic {b64encode(f'{HEX}:{HEX}'.encode()).decode()}' https://example.org",
        "Spotify or Google token",
    ),
    "a key of Google's": ("a.txt", f"with AIza{noise(35)}", "Spotify or Google token"),
    "a service account": ("key.json", '{"private_key": "-----BEGIN PRIVATE ' + 'KEY-----\\nMIIE"}', "Private Key"),
    "a password in an address": ("a.yaml", f"url: https://me:{noise(12)}@example.org/", "Basic Auth Credentials"),
}


@pytest.fixture
def tree(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "innocent.py").write_text('"""Nothing to hide."""\n')
    (tmp_path / "picture.png").write_bytes(bytes(range(256)))
    return tmp_path


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found_and_not_shown(tree, capsys, what):
    name, content, kind = PLANTED[what]
    (tree / name).write_text(f"\n{content}\n")
    assert main([str(tree)]) == 1
    output = capsys.readouterr()
    assert f"{name}:2: {kind}" in output.err.splitlines()
    assert HEX not in output.err + output.out and REFRESH_TOKEN not in output.err + output.out


def test_a_secret_in_a_committed_file_is_found_also_when_git_would_ignore_it_by_now(tree, capsys):
    (tree / ".env").write_text(f'SPOTIFY_CLIENT_SECRET="{HEX}"\n')
    subprocess.run(["git", "add", ".env"], cwd=tree, check=True)
    (tree / ".gitignore").write_text(".env\n*.local\n")
    (tree / "mine.local").write_text(f'client_secret = "{HEX}"\n')
    assert main([str(tree)]) == 1
    places = {line.split(":")[0] for line in capsys.readouterr().err.splitlines()}
    assert places == {".env"}


def test_what_only_looks_like_a_secret_says_why(tree, capsys):
    pragma = "pragma: allowlist " + "secret"
    (tree / "a.py").write_text(f'checksum = "{HEX}"  # {pragma} -- of an empty file\n')
    assert main([str(tree)]) == 0
    assert capsys.readouterr().out == "3 files: no secret\n"
    (tree / "a.py").write_text(f'checksum = "{HEX}"  # {pragma}\n')
    assert main([str(tree)]) == 1
    assert capsys.readouterr().err == "a.py:1: an allowlist pragma without a reason\n"

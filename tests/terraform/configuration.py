"""The Terraform folder as text: what can be said about it without Terraform."""

import re
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
FILES = sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)
TEXT = "\n".join(path.read_text() for path in FILES)
FUNCTIONS = ["ingest", "load", "transform_trigger"]


def settings_of(part):
    """Names of the environment variables that terraform/<part>.tf sets."""
    common = _keys(_block((TERRAFORM / "main.tf").read_text(), "  settings = {"))
    text = (TERRAFORM / f"{part}.tf").read_text()
    own = _keys(_block(text, "merge(local.settings, {"))
    return common | own


def settings_read_by(part):
    """Names of the environment variables that the module with its settings reads."""
    paths = [*ROOT.glob(f"functions/{part}/*.py"), *ROOT.glob(f"{part}/*.py")]
    [text] = [text for path in paths if "\nclass Settings:" in (text := path.read_text())]
    return set(re.findall(r'environ(?:, |\.get\(|\[)"([A-Z_]+)"', text))


def zipped_files(function):
    """What goes into a function's zip: the patterns of modules/function, in its folder."""
    module = (TERRAFORM / "modules/function/main.tf").read_text()
    patterns = re.findall(r'"([^"]+)"', re.search(r"patterns = \[(.*?)\]", module)[1])
    folder = ROOT / "functions" / function
    return {path.relative_to(folder).as_posix(): path for pattern in patterns for path in folder.glob(pattern)}


def make_zip(function, target):
    """The same zip as Terraform's, for machines without it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(zipped_files(function).items()):
            archive.write(path, name)
    return target


def _block(text, start):
    """From the opening brace to the one that closes it."""
    inside = text[text.index(start) + len(start) :]
    depth = 1
    for end, character in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return inside[:end]
    raise AssertionError(f"{start} is never closed")


def _keys(block):
    return set(re.findall(r"^\s+([A-Z][A-Z_]+)\s+=", block, re.M))

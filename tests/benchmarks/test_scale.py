"""`python -m benchmarks.scale`, scaled down: partial counts add up to those of a full recount."""

from benchmarks.scale import __main__


def test_full_and_partial_counts_share_every_row(capsys):
    assert __main__.main(["--shape", "20,4000,4,50", "--rounds", "1"]) == 0
    table = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert table == ["| way", "| ---", "| full", "| partial", "| active only"]

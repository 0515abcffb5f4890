"""docs/reliability.md: the figures are those of two campaigns, and name every kind of trouble there is."""

import re
from pathlib import Path

from tests.faults.storms import KINDS

PAGE = (Path(__file__).parents[2] / "docs/reliability.md").read_text()


def test_the_page_gives_a_figure_for_every_kind_of_trouble():
    figures = PAGE.partition("<!-- figures -->")[2].partition("<!-- end of figures -->")[0]
    kinds, *campaigns = zip(*re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d,]+) \|$", figures, re.MULTILINE), strict=True)
    assert kinds == KINDS
    for campaign in campaigns:
        total = sum(int(figure.replace(",", "")) for figure in campaign)
        assert re.search(rf"\b{total:,} troubles: [\d,]+ plays played, [\d,]+ stored, 0 doubled, 0 lost", figures)

"""The tables of docs/costs.md and the sentence of the README's section on costs, as Markdown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.costs import model, prices
from benchmarks.costs.model import Line, assumed, bill, total_usd, total_without_allowance_usd
from benchmarks.costs.prices import Price
from cli.console import counted

INTERVAL_HOURS: Mapping[str, int] = {"once a day (the default)": 24, "every 3 hours": 3, "after every run": 1}
BILL_HEADS = ("item", "units", "free", "billed", "price", "dollars")
_MARKED = re.compile(r"(<!-- costs: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(document: str) -> str:
    """The document with every marked table rewritten."""
    return _MARKED.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", document)


def everything() -> str:
    return "\n\n".join(table() for table in TABLES.values())


def months() -> str:
    """What a month costs, for one and five listeners and three paces of Spark, beside what this replaces."""
    heads = ["", *(f"Spark {pace}" for pace in INTERVAL_HOURS)]
    rows = [[counted(listeners, "listener"), *_totals(listeners)] for listeners in model.SHARE_OF_HOURS]
    others = [[price.item, *[f"${price.usd:,.2f}"] * len(INTERVAL_HOURS)] for price in _RIVALS]
    return _table(heads, [*rows, *others])


def summary() -> str:
    """A sentence: the cheapest and the dearest pace of Spark."""
    (one_daily, *_, one_hourly), (five_daily, *_, five_hourly) = (_totals(count) for count in model.SHARE_OF_HOURS)
    return (
        f"At list prices a month costs {one_daily} for one listener and {five_daily} for five with Spark once a day "
        f"(the default), {one_hourly} and {five_hourly} with Spark after every run. No bill has been paid yet."
    )


def one_bill() -> str:
    """Every line of the month of five listeners with Spark once a day."""
    lines = bill(assumed(5, 24))
    total = ["**Total**", "", "", "", "", f"**${total_usd(lines):.2f}**"]
    return _table(BILL_HEADS, [*(cells(line) for line in lines), total])


def batches() -> str:
    """How many batches there are, and what they cost."""
    rows = []
    for listeners in model.SHARE_OF_HOURS:
        for pace, hours in INTERVAL_HOURS.items():
            count = assumed(listeners, hours).batches
            rows.append([str(listeners), pace, f"{count:.0f}", f"${count * batch_usd():.2f}"])
    most = model.HOURS_PER_MONTH
    last = ["any number", "after every run, and every hour brings plays", str(most), f"${most * batch_usd():.2f}"]
    return _table(["listeners", "Spark", "batches a month", "dollars"], [*rows, last])


def one_batch() -> str:
    """The arithmetic of one batch."""
    sums = [
        f"{amount} {what} x {model.BATCH_SECONDS:.0f} s / 3,600 = {line.units:.4f} {line.price.unit}"
        f" x {_price(line.price)} = ${line.usd:.5f}"
        for amount, what, line in zip(
            (model.BATCH_DCU, model.BATCH_DISK_GB), ("DCU", "GB"), _batch_lines(), strict=True
        )
    ]
    return "\n".join(["```text", *sums, f"one batch: ${batch_usd():.5f}", "```"])


def assumptions() -> str:
    heads = ["what", "assumed", "why"]
    return _table(heads, _ASSUMPTIONS)


def price_list() -> str:
    rows = []
    for price in _ALL_PRICES:
        free, page = _number(price.free_units) if price.free_units else "none", price.page
        cells_of_page = [f"<https://{page.address}>", page.read, page.surety]
        rows.append([price.item, _price(price), price.unit, free, *cells_of_page])
    return _table(["item", "dollars", "unit", "free each month", "page", "read", "surety"], rows)


def without_allowances() -> str:
    """A sentence: the same bill for an account whose free allowances are used up by other projects."""
    dollars = total_without_allowance_usd(bill(assumed(5, 24)))
    return (
        f"Without any free allowance the same month costs ${dollars:.2f}: the allowances are the billing account's, "
        "and another project may use them up."
    )


def factors() -> str:
    """A sentence: how much cheaper than the VM."""
    daily, hourly = (
        [prices.VM_MONTH.usd / total_usd(bill(assumed(count, hours))) for count in model.SHARE_OF_HOURS]
        for hours in (24, 1)
    )
    return (
        f"Against a VM that runs Airflow and Spark around the clock, Spark once a day is cheaper by a factor of "
        f"{min(daily):.0f} to {max(daily):.0f}, Spark after every run by one of {min(hourly):.0f} to {max(hourly):.0f}."
    )


def cells(line: Line) -> list[str]:
    """A line of the bill as text, in the order of BILL_HEADS."""
    price = line.price
    return [
        price.item,
        f"{_number(line.units)} {price.unit}",
        _number(price.free_units),
        _number(line.billed_units),
        _price(price),
        f"${line.usd:.2f}",
    ]


def batch_usd() -> float:
    return sum(line.usd for line in _batch_lines())


def _batch_lines() -> tuple[Line, Line]:
    hours = model.BATCH_SECONDS / 3600
    return Line(prices.SPARK_COMPUTE, hours * model.BATCH_DCU), Line(prices.SPARK_DISK, hours * model.BATCH_DISK_GB)


def _totals(listeners: int) -> list[str]:
    return [f"${total_usd(bill(assumed(listeners, hours))):.2f}" for hours in INTERVAL_HOURS.values()]


def _visits() -> str:
    """Megabytes of one visit, by how many listeners lie in the table."""
    return ", ".join(
        f"{counted(count, 'listener')} {model.visit_megabytes(assumed(count, 24).stored_plays)} MB"
        for count in model.SHARE_OF_HOURS
    )


def _price(price: Price) -> str:
    """All digits and no exponent."""
    digits = f"{price.usd:.9f}".rstrip("0")
    return f"${price.usd:,.2f}" if len(digits.partition(".")[2]) < 2 else f"${digits}"


def _number(value: float) -> str:
    """Three digits that matter, and no more than a reader needs."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 else "under 0.001"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_RIVALS = (prices.VM_MONTH, prices.AIRFLOW_MONTH)
_ALL_PRICES = [line.price for line in bill(assumed(1, 24))] + list(_RIVALS)
_ASSUMPTIONS = [
    (
        "hours with new plays",
        ", ".join(f"{counted(count, 'listener')} {share:.0%}" for count, share in model.SHARE_OF_HOURS.items()),
        "more than the demo's listeners, who have 6 to 23% each and 39% together",
    ),
    (
        "a batch in RUNNING",
        f"{model.BATCH_SECONDS:.0f} s",
        "a small job on runtime 2.3 that a public project measured on 2026-09-28; waiting for machines is not billed",
    ),
    (
        "a call of ingest, load, transform_trigger",
        f"{model.INGEST_SECONDS:.0f}, {model.LOAD_SECONDS:.0f}, {model.TRIGGER_SECONDS:.0f} s",
        "a guess, with a cold start each; four times as much would still be free",
    ),
    (
        "tables a run names in queries",
        f"{model.INGEST_TABLES_READ}, with new plays {model.LOAD_TABLES_READ} more",
        f"counted in the statements, without audio features; BigQuery bills {model.STATEMENT_MB} MB at least for each",
    ),
    (
        "the dashboard",
        "60 visits after new plays, a tab open for 20 hours",
        f"each reads plays, tracks and the ledger anew: {_visits()} of queries; one instance of 1 vCPU and 1 GiB; a "
        "tab that is never closed costs up to "
        f"${model.HOURS_PER_MONTH * 3600 * (prices.CPU.usd + prices.MEMORY.usd):.0f} "
        "more",
    ),
    (
        "plays that are stored",
        f"{model.PLAYS_PER_LISTENER:,} a listener",
        f"three years of 50 a day, {model.PLAY_BYTES} bytes each",
    ),
    ("reads of a secret", f"{model.READS_PER_SECRET} a run", "the newest version, and whether there is a newer one"),
    ("images", f"{model.IMAGES_GB} GB", "two of each function and three of the dashboard are kept"),
]
TABLES: Mapping[str, Callable[[], str]] = {
    "summary": summary,
    "months": months,
    "batches": batches,
    "factors": factors,
    "batch": one_batch,
    "bill": one_bill,
    "allowances": without_allowances,
    "assumptions": assumptions,
    "prices": price_list,
}

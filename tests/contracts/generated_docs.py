"""The README's tables, made from the table files: `python tests/contracts/readme_tables.py` rewrites them."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TABLE_FILES = {
    path.stem: path
    for folder in ("functions/ingest/tables", "cli/tables", "spark_jobs/tables")
    for path in (ROOT / folder).glob("*.json")
}
_MARKED = r"(<!-- table {name} -->\n).*?(<!-- end of table -->)"


def table_text(path: Path) -> str:
    """One table file as Markdown: a summary that opens to all columns."""
    table = json.loads(path.read_text())
    partitioning = f"; partitioned by day of `{table['partitioning']['field']}`" if table["partitioning"] else ""
    clustering = f"; clustered by {_names(table['clustering'])}" if table["clustering"] else ""
    lines = [
        f"<details><summary><b>{path.stem}</b>: {table['description']}</summary>",
        "",
        f"Key: {_names(table['primary_key'])}{partitioning}{clustering}.",
        "",
        "| column | type | |",
        "|---|---|---|",
        *(_row(column) for column in table["columns"]),
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def with_tables(readme: str) -> str:
    """The README with every marked table written anew; an unmarked table is an error."""
    for name, path in sorted(TABLE_FILES.items()):
        pattern = re.compile(_MARKED.format(name=name), re.DOTALL)
        if not pattern.search(readme):
            raise ValueError(
                f"README.md has no place for the table {name}: <!-- table {name} --> … <!-- end of table -->"
            )
        text = table_text(path)
        readme = pattern.sub(lambda match, text=text: match[1] + text + match[2], readme)
    return readme


def _names(columns: list[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def _row(column: dict[str, str]) -> str:
    required = "" if column["mode"] == "NULLABLE" else ", required"
    return f"| `{column['name']}` | {column['type']}{required} | {column['description'].replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))

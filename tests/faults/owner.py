"""What the owner does by hand in a storm: `python -m cli import`, `import --undo` and `repair`."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.command_line import main
from cli.commands.import_history import store_plays, undo
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.spotify.data_export import export_row
from tests.faults.evidence import Evidence, row_key
from tests.faults.gathering import rows
from tests.faults.storms import Import


class Owner:
    """`go_round`: lets an event's round pass, which happens while a command waits."""

    def __init__(
        self,
        cloud: LaptopCloud,
        environment: Mapping[str, str],
        evidence: Evidence,
        go_round: Callable[[], None],
    ) -> None:
        self._cloud, self._environment, self._evidence, self._go_round = cloud, environment, evidence, go_round
        self._undo_at: dict[str, datetime] = {}

    def import_history(self, measure: Import, slot: datetime, path: Path) -> None:
        """Of the whole life up to then, what the API never shows among it. `path`: where the export is written."""
        until = slot - timedelta(hours=measure.ended_hours_ago)
        plays = [play for play in self._evidence.lives[measure.listener].plays if play.played_at <= until]
        if not plays:
            return
        path.write_text(json.dumps([export_row(play) for play in plays]))
        before = {row["import_id"] for row in rows(self._cloud, "imports")}
        self._command("import", measure.listener, str(path), "--anyway", "--timeout", "60")
        if measure.undone_after_hours is not None:
            due_at = slot + timedelta(hours=measure.undone_after_hours)
            new = {row["import_id"] for row in rows(self._cloud, "imports")} - before
            self._undo_at |= dict.fromkeys(new, due_at)

    def undo_imports(self, instant: datetime) -> list[str]:
        """Undo what is due; what did not work, to be repeated an hour later."""
        for import_id in [import_id for import_id, due_at in self._undo_at.items() if due_at <= instant]:
            its_plays = {row_key(row) for row in rows(self._cloud, "plays") if row["import_id"] == import_id}
            self._evidence.went_with.setdefault(import_id, set()).update(its_plays)
            if self._command("import", "--undo", import_id) == 0:
                del self._undo_at[import_id]
        return list(self._undo_at)

    def repair(self) -> int:
        return main(["repair"], self._environment)

    def _command(self, *arguments: str) -> int:
        """What `python -m cli` comes to; while it waits, events are delivered."""
        code = 1
        with pytest.MonkeyPatch.context() as patch:
            clock = SimpleNamespace(monotonic=time.monotonic, sleep=self._wait_and_go_round)
            for module in (store_plays, undo):
                patch.setattr(module, "time", clock)
            try:
                code = main(arguments, self._environment)
            except Exception as error:
                # Who is killed says nothing.
                if not self._cloud.faults.is_stopped:
                    self._evidence.broken_commands.append(f"{arguments}: {error!r}")
        self._cloud.faults.is_stopped = False
        return code

    def _wait_and_go_round(self, seconds: float) -> None:
        time.sleep(seconds)
        self._go_round()

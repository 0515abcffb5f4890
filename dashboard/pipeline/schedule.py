"""Parses the cron expression of the schedule and computes its slots: the instants at which runs are due. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
_ALWAYS = datetime.min.replace(tzinfo=UTC)

# What Terraform lets an owner choose, see `schedule` in terraform/variables.tf. The numbers divide a day, so that the
# runs of all days are equally far apart.
_CRON = re.compile(r"([0-5]?[0-9]) \*(?:/([2346]))? \* \* \*")


@dataclass(frozen=True)
class Schedule:
    """In UTC, as Cloud Scheduler is set. A slot is the instant of a run; it stands for the time up to the next one."""

    minute: int = 0
    interval_hours: int = 1
    since: datetime = _ALWAYS
    """When it replaced another one, whose slots are not known."""

    @property
    def interval(self) -> timedelta:
        return self.interval_hours * HOUR

    def slot_of(self, instant: datetime) -> datetime:
        """The newest slot that had begun: a run by hand belongs to it as well."""
        earlier = instant - self.minute * timedelta(minutes=1)
        hour = earlier.hour - earlier.hour % self.interval_hours
        return earlier.replace(hour=hour, minute=self.minute, second=0, microsecond=0)

    def next_after(self, instant: datetime) -> datetime:
        return self.slot_of(instant) + self.interval

    def slots(self, now: datetime, hours: int) -> list[datetime]:
        """The slots that have begun in so many hours, the oldest first."""
        newest = self.slot_of(now)
        return [newest - n * self.interval for n in reversed(range(hours // self.interval_hours))]


HOURLY = Schedule()


def to_schedule(cron: str) -> Schedule:
    """`M * * * *` or `M */N * * *`; anything else is a ValueError."""
    parts = _CRON.fullmatch(cron.strip())
    if parts is None:
        raise ValueError(f"{cron!r} is not `M * * * *` or `M */N * * *`")
    return Schedule(int(parts[1]), int(parts[2] or 1))

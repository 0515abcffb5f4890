"""When a listener's consent ends, and when to say so.

Spotify lets a refresh token live six months from the moment the listener agreed; refreshing does not prolong it
(developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens).
"""

import calendar
from datetime import datetime

_LIFETIME_MONTHS = 6
_DAYS_TO_WARN_AT = (30, 7, 1, 0)


def ends_at(consented_at: datetime) -> datetime:
    """Six calendar months later: the same day of the month, or the month's last where there is no such day."""
    years, month_index = divmod(consented_at.month - 1 + _LIFETIME_MONTHS, 12)
    year, month = consented_at.year + years, month_index + 1
    last_day = calendar.monthrange(year, month)[1]
    return consented_at.replace(year=year, month=month, day=min(consented_at.day, last_day))


def days_left(consent_ends_at: datetime, now: datetime) -> int:
    """Whole days; negative once consent has ended."""
    return (consent_ends_at - now).days


def is_warning_due(consent_ends_at: datetime, now: datetime) -> bool:
    return days_left(consent_ends_at, now) in _DAYS_TO_WARN_AT

"""Convert dates, times and durations of spreadsheets and Parquet to text. Dates and times are in ISO 8601."""

import datetime

_HALF_SECOND = datetime.timedelta(microseconds=500_000)


def iso_time(value: datetime.date | datetime.time, date_only: bool = False, time_only: bool = False) -> str:
    """Return a date or time in ISO 8601: `2026-05-01`, `08:30:00` or `2026-05-01T08:30:00`.

    Args:
        value: a date, a time of day, or both.
        date_only: whether to leave out the time of day, if the value has both.
        time_only: whether to leave out the date, if the value has both.
    """
    if isinstance(value, datetime.datetime) and date_only:
        return value.date().isoformat()
    if isinstance(value, datetime.datetime) and time_only:
        return value.time().isoformat()
    return value.isoformat()


def iso_duration(value: datetime.timedelta) -> str:
    """Return a duration in the form hours:minutes:seconds, such as `26:30:00` for 26.5 hours."""
    seconds = round(abs(value).total_seconds())
    sign = "-" if value < datetime.timedelta(0) else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def whole_seconds(value: datetime.date | datetime.time) -> datetime.date | datetime.time:
    """Return a time rounded to the nearest second. A plain date is returned unchanged.

    A time of day that rounds up to the end of the day becomes midnight, 00:00:00.
    """
    if isinstance(value, datetime.datetime):
        return (value + _HALF_SECOND).replace(microsecond=0)
    if isinstance(value, datetime.time):
        moment = datetime.datetime.combine(datetime.date(2000, 1, 1), value) + _HALF_SECOND
        return moment.time().replace(microsecond=0)
    return value

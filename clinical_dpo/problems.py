"""Collect the mistakes of a configuration, so that one error reports all of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from clinical_dpo.errors import UserError

T = TypeVar("T")


def together(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make all calls, even if some of them raise a UserError, and return their values.

    Raises:
        UserError: one error with the mistakes of all calls that raise a UserError.
    """
    values, problems = [], []
    for call in calls:
        try:
            values.append(call())
        except UserError as error:
            problems.append(error)
    raise_together(problems)
    return values


def raise_together(problems: Sequence[UserError]) -> None:
    """Raise one error with the messages of all problems, each on its own line. Without problems, do nothing."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UserError("\n".join(map(str, problems)))

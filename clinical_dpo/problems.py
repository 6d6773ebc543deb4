"""Collect the mistakes of a configuration, so that one error has all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clinical_dpo.errors import UserError


@contextmanager
def collecting(problems: list[UserError]) -> Iterator[None]:
    """Add the UserError of the block to `problems`, instead of raising it."""
    try:
        yield
    except UserError as error:
        problems.append(error)


def raise_together(problems: Sequence[UserError]) -> None:
    """Raise one error with the messages of all problems, each on its own line; nothing without problems."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UserError("\n".join(map(str, problems)))

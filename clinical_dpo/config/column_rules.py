"""Rules of the keys of a task file that are about the columns of its source."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.expressions import read_condition


def check_columns(task: Mapping[str, Any], where: str) -> None:
    """Refuse a condition that cannot be read.

    Args:
        task: the task's settings.
        where: the file; begins the message.

    Raises:
        UserError: with the key and the mend.
    """
    if "where" in task:
        try:
            read_condition(task["where"])
        except UserError as error:
            raise error.within(f"{where}: key 'where': ") from None

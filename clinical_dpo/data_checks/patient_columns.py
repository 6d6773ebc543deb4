"""Find columns that look like patients' ids and in which a test row has the same value as a row of another split."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from clinical_dpo.comparable import comparable_id
from clinical_dpo.io import Row

FEWEST = 20  # distinct values of a column that looks like ids by its values alone
_PEOPLE = "patient|paciente|paziente|pasient|proband|subject|participant|mrn|nhs|pid"
_SHORT = "pat|pt|person|case|fall|client|member|chart|dossier|hadm"  # words that need a suffix
_SUFFIX = "id|ident|identifier|key|nr|no|num|nummer|number|code"
_NAMED_ID = re.compile(rf".*(?:{_PEOPLE})(?:en|s)?(?:{_SUFFIX})|(?:{_SHORT})(?:en|s)?(?:{_SUFFIX})")
_NAMED = re.compile(_PEOPLE)
_WITH_DIGIT = re.compile(r"\S*\d\S*")
_ID = re.compile(
    r"[a-z]{0,4}[-_./]?\d{5,}|[a-z]{1,4}[-_./]?\d{2,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}"
)


class PatientColumn(TypedDict):
    """A column whose values look like patients' ids.

    Attributes:
        column: name of the column.
        values: number of distinct values.
        rows: number of test rows whose value also occurs in train, eval or dev.
        of: number of test rows.
    """

    column: str
    values: int
    rows: int
    of: int


def patient_columns(splits: Mapping[str, Sequence[Row]]) -> list[PatientColumn]:
    """Return the columns that look like patients' ids and have a value that is both in test and in another split.

    A column looks like patients' ids in one of three cases:

    - Its name clearly means patients' ids (`patient_id`, `Pat.-Nr.`).
    - Its name may mean patients' ids (`MRN`), and every value has a digit and no white space.
    - It has at least 20 different values, and each value looks like an id (`P0012`, `4711000`, a UUID).

    In all three cases, the column must have at least four different values, and at least one value must repeat.

    Args:
        splits: split -> records of the split's rows, with all columns of the source.
    """
    records = [record for part in splits.values() for record in part]
    shared = []
    for column in dict.fromkeys(name for record in records for name in record):
        texts = {split: [_text(record.get(column)) for record in part] for split, part in splits.items()}
        if not _looks_like_ids(column, [text for part in texts.values() for text in part if text]):
            continue
        values = {split: [comparable_id(text) for text in part] for split, part in texts.items()}
        trained = {value for split, part in values.items() if split != "test" for value in part if value}
        both = sum(value in trained for value in values["test"])
        if both:
            distinct = len(trained | {value for value in values["test"] if value})
            shared.append(PatientColumn(column=column, values=distinct, rows=both, of=len(values["test"])))
    return shared


def is_named_like_patients(column: str) -> bool:
    """Whether a column has a name that columns of patients' ids often have, such as `patient_id` or `MRN`."""
    name = _plain(column)
    return bool(_NAMED_ID.fullmatch(name) or _NAMED.fullmatch(name))


def _plain(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.casefold())


def _text(value: Any) -> str:
    """Return a text or a number as text in small letters, without outer white space; "" for other values."""
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip().casefold() if is_text else ""


def _looks_like_ids(column: str, texts: Sequence[str]) -> bool:
    counts = Counter(texts)
    # If no value repeats, no two rows share a patient. Two or three values are categories, such as "new" and "known".
    if len(counts) < 4 or len(counts) == len(texts):
        return False
    name = _plain(column)
    if _NAMED_ID.fullmatch(name) or (_NAMED.fullmatch(name) and all(map(_WITH_DIGIT.fullmatch, counts))):
        return True
    return len(counts) >= FEWEST and all(map(_ID.fullmatch, counts))

"""Check the texts of rows for traces of a faulty export.

Some faults raise an error. Other faults are counted, and repaired if the task file names the repair.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.tables import without_columns
from clinical_dpo.data.sources.text_repairs import FORMS, is_base64_file
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row
from clinical_dpo.limits import check_limit, limits

_BROKEN = re.compile("[\0\ud800-\udfff]")
_EXCEL_ERRORS = frozenset(
    ("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!")
)
_MISSING = frozenset(("nan", "NaN", "NULL", "null", "None", "<NA>", "NaT", "\\N", "undefined", "[object Object]"))
# A spreadsheet writes a number of 12 digits or more into CSV as its cell shows it: with 6 digits and an exponent.
_ROUNDED = re.compile(r"-?[1-9](?:\.[0-9]{1,5})?E\+(?:1[1-9]|[2-9][0-9])")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NOT_READ = "column not read; the reason is under `unread` of manifest.json"
_MOST_FORMS = 10  # rounds of repairs of one text, because a repaired text may need a further repair
_EXCERPT = 60  # characters of a text before and after its repair that a data card shows


@dataclass
class TextReport:
    """The faults that the check of texts has counted.

    Attributes:
        warnings: faults of texts that were not changed.
        repairs: faults of texts that were repaired.
        changes: fault -> an excerpt of the first repaired text, `before` and `after` the repair.
    """

    warnings: Tally = field(default_factory=Tally)
    repairs: Tally = field(default_factory=Tally)
    changes: dict[str, dict[str, str]] = field(default_factory=dict)


class _ErrorValue(UserError):
    """A text is an error value of a spreadsheet."""


def checked_texts(
    rows: Sequence[Row],
    where: str,
    repair: Collection[str] = (),
    numbers: Sequence[int] | None = None,
    unread: dict[str, str] | None = None,
) -> tuple[list[Row], TextReport]:
    """Check every text of every row, and make the repairs that `repair` names. Other faults are counted, not repaired.

    Column names and the keys of nested objects are converted to Unicode form NFC.

    Args:
        rows: the rows.
        where: the file or data set of the rows, for messages.
        repair: names of `text_repairs.REPAIRS`.
        numbers: row numbers, for messages; 1, 2, ... if None.
        unread: this function adds each column with an error value of Excel, as column -> reason. The returned rows lack
            all columns in `unread`. If `unread` is None, such a value is an error.

    Returns:
        The rows with repaired texts; and a report that counts faults, such as texts in a program's notation (HTML,
        written escapes and others), control characters, characters lost or garbled by a wrong encoding, invisible
        characters, and missing values that are spelled out.

    Raises:
        UserError: a text is an error value of Excel and `unread` is None; a text has more characters than
            `limits.characters`; a text or its path (column name and keys, such as `a.b`) contains NUL or half a
            surrogate pair; or two keys of a row or object differ only in Unicode form. The message names the location.
    """
    report = TextReport()
    checked = []
    for number, row in zip(numbers or range(1, len(rows) + 1), rows, strict=True):
        check = _RowCheck(where, number, repair, report, unread)
        checked.append(check.members(row, ""))
    return without_columns(checked, unread or {}), report


def text_facts(
    repairs: Tally, report: TextReport, unread: Mapping[str, str], warnings: Tally | None = None
) -> dict[str, Any]:
    """Return the entries about repairs, faults and unread columns for the provenance of rows.

    Args:
        repairs: repairs of the file itself, such as a dropped byte-order mark.
        report: the report from `checked_texts`. This function adds a warning to it for each column of `unread`.
        unread: name of a column that was left out -> why it was left out.
        warnings: warnings about the file itself, such as hidden rows.

    Returns:
        A dict with these entries, without empty ones:

        - `repairs`, of the file itself and of texts: description -> `count`, `first` (the first location) and `rows`.
        - `warnings`, of the file itself, of texts and of unread columns: the same fields. The entry of a fault that can
          be repaired also has `repair`, the name of the repair.
        - `changes`: the `changes` of `report`.
        - `unread`: as passed.
    """
    of_form = warnings.record() if warnings else {}
    for column in unread:
        report.warnings.add(_NOT_READ, f"column '{column}'")
    mends = {form.fault: {"repair": form.repair} for form in FORMS}
    facts = {
        "repairs": repairs.record() | report.repairs.record(),
        "warnings": of_form
        | {fault: entry | mends.get(fault, {}) for fault, entry in report.warnings.record().items()},
        "changes": report.changes,
        "unread": dict(unread),
    }
    return {name: value for name, value in facts.items() if value}


@dataclass(frozen=True)
class _RowCheck:
    """The check of one row's texts. Faults are counted in `report`."""

    where: str
    number: int
    repair: Collection[str]
    report: TextReport
    unread: dict[str, str] | None

    def value(self, value: Any, column: str) -> Any:
        """Return a value with its texts checked and repaired. For a nested value, `column` is a path such as `a.b`."""
        if isinstance(value, str):
            return self._text(value, column)
        if isinstance(value, Mapping):
            return self.members(value, f"{column}.")
        return [self.value(part, column) for part in value] if isinstance(value, list) else value

    def members(self, row: Mapping[str, Any], prefix: str) -> Row:
        """Return a row, or an object in a row, with its texts checked and repaired and its keys in Unicode form NFC.

        Args:
            row: the row, or an object in a row.
            prefix: path of the object, such as `context.`; empty for a row.

        Raises:
            UserError: in one of these cases:

                - Two keys of a row or object differ only in Unicode form.
                - A text is too long, or is an error value of Excel.
                - A text contains NUL or half a surrogate pair.
                - The key of a text, or the key of an object around the text, contains NUL or half a surrogate pair.
        """
        read = self.value if prefix else self._column
        members = {nfc(name): read(part, f"{prefix}{nfc(name)}") for name, part in row.items()}
        if len(members) < len(row):
            names = [nfc(name) for name in row]
            twice = next(name for name in names if names.count(name) > 1)
            kind = "keys" if prefix else "columns"
            raise UserError(
                f"{self.where}, row {self.number}: the names of two {kind} look like '{prefix}{twice}' and differ "
                f"only in Unicode form. Rename one of the {kind}."
            )
        return members

    def _column(self, value: Any, column: str) -> Any:
        """Return a column's value with its texts checked and repaired. For an error value, add the column to `unread`.

        Raises:
            UserError: as for `members`.
        """
        try:
            return self.value(value, column)
        except _ErrorValue as error:
            if self.unread is None:
                raise
            self.unread.setdefault(column, f"{error} Alternatively, name the column in `ignore`.")
            return None

    def _text(self, text: str, column: str) -> Any:
        location = f"row {self.number}, column '{column}'"
        most = limits().characters
        if len(text) > most:
            check_limit(f"{self.where}, {location}", "characters", len(text), "characters")
        self._refuse_broken(text, column)
        value = self._restored(text, location)
        if not isinstance(value, str):
            return value
        if value != text:
            self._refuse_broken(value, column)
        for form in FORMS:
            if form.shows(value):
                self.report.warnings.add(form.fault, location, self.number)
        for warning in _warnings(value):
            self.report.warnings.add(warning, location, self.number)
        return value

    def _restored(self, text: str, location: str) -> Any:
        """Apply the repairs listed in `self.repair` to a text, and count the repaired faults in `self.report`.

        The repairs are made in rounds until the text no longer changes, because a repaired text may need a further
        repair. There are at most _MOST_FORMS rounds.

        Returns:
            The repaired text. If the repair `values` parses a printed list or object, the result is the parsed value:
            `"['gout']" -> ["gout"]`.
        """
        value, faults = text, set[str]()
        forms = [form for form in FORMS if form.repair in self.repair]
        for _ in range(_MOST_FORMS):
            before = value
            for form in forms:
                if isinstance(value, str) and form.shows(value) and (restored := form.restored(value)) != value:
                    if form.fault not in faults:
                        self.report.repairs.add(f"{form.fault} repaired", location, self.number)
                        self.report.changes.setdefault(form.fault, _excerpts(value, str(restored)))
                    faults.add(form.fault)
                    value = restored
            if value == before:
                break
        return value

    def _refuse_broken(self, text: str, column: str) -> None:
        broken = _broken(text) or _broken(column)
        if broken:
            raise UserError(
                f"{self.where}, row {self.number}: the character U+{ord(broken[0]):04X} in column "
                f"'{_BROKEN.sub('?', column)}' is not text. Remove the character, or export the row again."
            )
        if text in _EXCEL_ERRORS:
            raise _ErrorValue(
                f"{self.where}, row {self.number}, column '{column}': the text is '{text}', an error value of a "
                "spreadsheet. Correct the cell. If the intended text begins with = or -, first format the cell as text."
            )


def _excerpts(before: str, after: str) -> dict[str, str]:
    """Return an excerpt of each text, from shortly before the first difference. The keys are `before` and `after`."""
    pairs = zip(before, after, strict=False)
    start = max(0, next((i for i, (old, new) in enumerate(pairs) if old != new), 0) - _EXCERPT // 3)
    return {"before": before[start : start + _EXCERPT], "after": after[start : start + _EXCERPT]}


def _broken(text: str) -> re.Match[str] | None:
    return _BROKEN.search(text) if "\0" in text or not text.isascii() else None  # most texts are ASCII


def _warnings(text: str) -> Iterator[str]:
    """Yield a description of each fault that a text has and that no repair can mend."""
    if _CONTROL.search(text):
        yield "control characters"
    if text in _MISSING or (text.startswith("####") and not text.strip("#")):
        yield "a missing value as a word, such as NULL"
    if "\ufffd" in text:
        yield "U+FFFD, where characters were lost"
    if _ROUNDED.fullmatch(text):
        yield "a number whose last digits a spreadsheet has dropped (1.23457E+11)"
    if is_base64_file(text):
        yield "Base64 of a file that is not text"

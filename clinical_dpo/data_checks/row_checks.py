"""Check a task's rows before training: repeats, leaks, labels, answers, lengths."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clinical_dpo.data_checks.duplicates import equal_texts, similar_texts, words
from clinical_dpo.data_checks.patient_columns import PatientColumn
from clinical_dpo.data_checks.thresholds import Finding
from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.lengths import RowLength

EXAMPLES = 5  # rows that a finding names
TRAINING = ("train", "eval", "dev")
_PLACEHOLDERS = {"", "na", "n a", "nan", "null", "tbd"}


@dataclass(frozen=True)
class RowName:
    """A row's split, and the row's name in tables: its id, or `train:12` if ids may identify patients."""

    split: str
    name: str


@dataclass(frozen=True)
class NamedRow(RowName):
    """A task row with its split and its name in tables."""

    row: TaskRow

    @property
    def prompt(self) -> str:
        """The prompt's text. The system message is left out, because it is the same in all rows."""
        return "\n".join(message["content"] for message in self.row["prompt"] if message["role"] != "system")

    @cached_property
    def words(self) -> str:
        """The prompt's words, separated by spaces."""
        return " ".join(words(self.prompt))

    @property
    def answer(self) -> str:
        """The reference answer's text."""
        return self.row["completion"][0]["content"]


def named_rows(splits: Mapping[str, Sequence[TaskRow]], private: bool) -> list[NamedRow]:
    """Return every row of every split with its name: its id, or split:number (`train:12`) if the rows are private."""
    return [
        NamedRow(split, f"{split}:{number}" if private else row["id"], row)
        for split, rows in splits.items()
        for number, row in enumerate(rows, start=1)
    ]


def row_findings(rows: Sequence[NamedRow], labels: Sequence[str] = ()) -> list[Finding]:
    """Return the findings of the checks that need no tokenizer: repeats and leaks, label balance, answers.

    A check that applies to no row has no finding.

    Args:
        rows: rows of all splits.
        labels: the task's labels, if it has any.
    """
    degenerate = [] if labels else [is_degenerate(named.answer) for named in rows]
    compared = [named for named in rows if "rejected" in named.row]
    equal = [words(named.row["rejected"]) == words(named.answer) for named in compared]
    leaks = label_leaks(rows, labels) if labels else answer_leaks(rows)
    return [
        *_repeats(rows),
        *_label_balance(rows),
        *_shares("degenerate_answers", [] if labels else rows, degenerate),
        *_shares("preferred_equals_rejected", compared, equal),
        *_shares("answer_in_prompt", rows, leaks),
    ]


def token_findings(
    rows: Sequence[RowName], lengths: Sequence[RowLength], limits: Mapping[str, int], model: str
) -> list[Finding]:
    """Compare token lengths with the limits of training, answers and the model's context, and return the findings.

    Args:
        rows: rows of all splits.
        lengths: token lengths of the rows, from `measure_lengths`.
        limits: numbers of tokens:

            - `max_length`: limit of prompt and answer together in training.
            - `max_new_tokens`: limit of a generated answer.
            - `written`: limit of all text that the model generates: `max_new_tokens` plus, for a reasoning model, the
              limit of its thought.
            - `context`: limit of a sequence that the model reads. It is missing if the model has no such limit.
        model: the model's name.
    """
    trained = [length for length in lengths if rows[length.row].split in ("train", "eval")]
    answered = [length for length in lengths if rows[length.row].split in ("dev", "test")]
    longest = limits["max_length"]
    too_long = [length.prompt >= longest for length in trained]
    cut = [length.prompt < longest < length.prompt + length.answer for length in trained]
    room = limits.get("context", float("inf")) - limits["written"]
    beyond = [length.prompt > room for length in answered]
    longer = [length.answer > limits["max_new_tokens"] + 1 for length in answered]  # more than the end token is cut off
    return [
        *_weighted("prompts_too_long", rows, trained, too_long, model),
        *_weighted("answers_cut", rows, trained, cut, model),
        *_weighted("context_exceeded", rows, answered, beyond, model),
        *_weighted("references_too_long", rows, answered, longer, model),
    ]


def patient_findings(shared: Sequence[PatientColumn]) -> list[Finding]:
    """Return the finding on test rows with a patient's id that also occurs in other splits.

    If `shared` has several columns, the finding counts the rows of the column with the largest `rows`. The examples
    are the first EXAMPLES columns with their counts: "mrn (3 of 40 test rows)".

    Args:
        shared: from `patient_columns`. If `shared` is empty, there is no finding.
    """
    if not shared:
        return []
    most = max(shared, key=lambda each: each["rows"])
    names = [f"{each['column']} ({each['rows']} of {each['of']} test rows)" for each in shared]
    return [Finding("patients_in_training", most["rows"] / most["of"], most["rows"], most["of"], names[:EXAMPLES])]


def spelling_findings(rows: Sequence[NamedRow], special: Iterable[str], model: str) -> list[Finding]:
    """Return one finding: the share of rows whose prompt or answer contains the spelling of a special token.

    For example, the HTML tag `<s>` is spelled like the begin token of some models. Without rows, the list has no
    finding.

    Args:
        rows: rows with a name, a prompt and an answer.
        special: spellings of the model's special tokens.
        model: the model's name.
    """
    pattern = re.compile("|".join(re.escape(token) for token in sorted(special)) or "(?!)")
    spelled = [bool(pattern.search(named.prompt) or pattern.search(named.answer)) for named in rows]
    return _shares("special_tokens", rows, spelled, model)


def frame_findings(shown: Sequence[Mapping[str, Any]], model: str) -> list[Finding]:
    """Return one finding: the share of the previewed rows that have faults in their begin or end tokens.

    Without faults, the share is 0.

    Args:
        shown: previewed rows, from `preview_rows`. If `shown` is empty, the list has no finding.
        model: the model's name.
    """
    wrong = [row for row in shown if row["faults"]]
    if not shown:
        return []
    examples = list(dict.fromkeys(row["row"] for row in wrong))[:EXAMPLES]
    return [Finding("begin_and_end", len(wrong) / len(shown), len(wrong), len(shown), examples, model)]


def is_degenerate(answer: str) -> bool:
    """Whether an answer has no content.

    Such an answer has at most one letter or digit, is a placeholder, or has four or more words, most of them the same
    word.
    """
    answer_words = words(answer)
    repetitive = len(answer_words) >= 4 and max(Counter(answer_words).values()) > len(answer_words) / 2
    return len("".join(answer_words)) < 2 or " ".join(answer_words) in _PLACEHOLDERS or repetitive


def answer_leaks(rows: Sequence[NamedRow]) -> list[bool]:
    """Return for each row whether its prompt contains the words of its answer.

    A prompt that also contains the words of all wrong options is not a leak, because it only lists the options.
    """

    def contains(prompt: str, text: str) -> bool:
        phrase = " ".join(words(text))
        return bool(phrase) and f" {phrase} " in prompt

    leaks = []
    for named in rows:
        prompt = f" {named.words} "
        options = named.row.get("options", [])
        listed = bool(options) and all(contains(prompt, option) for option in options)
        leaks.append(contains(prompt, named.answer) and not listed)
    return leaks


def label_leaks(rows: Sequence[NamedRow], labels: Sequence[str]) -> list[bool]:
    """Return for each row whether its prompt gives its label away.

    The mentions of each label are counted in every prompt. The prompt template may mention labels too: the lowest count
    of a label over all prompts is taken as its count in the template. A prompt gives the row's label away if this label
    is the only one that the prompt mentions more often than the template. If a label has no words, no prompt counts as
    giving a label away.

    A mention of the label "No UTI" is not a mention of "UTI", because the longest label is matched first.
    """
    label_of = {" ".join(words(label)): label for label in labels}
    if "" in label_of:
        return [False] * len(rows)
    longest_first = sorted(label_of, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\S)(?:{'|'.join(longest_first)})(?!\S)")
    counts = [Counter(label_of[phrase] for phrase in pattern.findall(named.words)) for named in rows]
    template = {label: min((count[label] for count in counts), default=0) for label in labels}
    mentioned = [{label for label in labels if count[label] > template[label]} for count in counts]
    return [mentions == {named.row["label"]} for named, mentions in zip(rows, mentioned, strict=True)]


def _repeats(rows: Sequence[NamedRow]) -> list[Finding]:
    groups = [named.split for named in rows]
    equal = equal_texts(named.words for named in rows)
    near = similar_texts((named.words for named in rows), groups)
    for i, first in equal.items():  # if all prompts are equal, no shingle is distinctive, and `near` lacks these pairs
        near[i].setdefault(groups[first], (first, 1.0))
        near[first].setdefault(groups[i], (i, 1.0))

    def partner(i: int, splits: Iterable[str]) -> int | None:
        return next((near[i][split][0] for split in splits if split in near[i]), None)

    def pairs(check: str, among: Iterable[str], others: Iterable[str] | None) -> list[Finding]:
        checked = [i for i, group in enumerate(groups) if group in among]
        similar = [(i, j) for i in checked if (j := partner(i, others or [groups[i]])) is not None]
        return _finding(check, len(similar), len(checked), pair_names(similar))

    def pair_names(similar: Sequence[tuple[int, int]]) -> list[str]:
        return [f"{rows[i].name} ~ {rows[j].name}" for i, j in similar[:EXAMPLES]]

    return [
        *_finding("exact_duplicates", len(equal), len(rows), pair_names(list(equal.items()))),
        *pairs("near_duplicates", set(groups), None),
        *pairs("test_in_training", ["test"], TRAINING),
        *pairs("dev_in_training", ["eval", "dev"], ["train"]),
    ]


def _label_balance(rows: Sequence[NamedRow]) -> list[Finding]:
    counts: dict[str, Counter[str]] = {}
    for named in rows:
        if "label" in named.row:
            counts.setdefault(named.split, Counter())[named.row["label"]] += 1
    if not counts:
        return []
    split = max(counts, key=lambda name: max(counts[name].values()) / counts[name].total())
    [(label, most)], total = counts[split].most_common(1), counts[split].total()
    return [Finding("label_balance", most / total, most, total, [f"{label} in {split}"])]


def _shares(check: str, rows: Sequence[RowName], affected: Sequence[bool], model: str = "") -> list[Finding]:
    names = [row.name for row, is_affected in zip(rows, affected, strict=True) if is_affected]
    return _finding(check, len(names), len(rows), names[:EXAMPLES], model)


def _weighted(
    check: str, rows: Sequence[RowName], lengths: Sequence[RowLength], affected: Sequence[bool], model: str
) -> list[Finding]:
    concerned = [length for length, is_affected in zip(lengths, affected, strict=True) if is_affected]
    total, count = (round(sum(length.weight for length in part)) for part in (lengths, concerned))
    first = sorted(length.row for length in concerned)[:EXAMPLES]
    return _finding(check, count, total, [rows[row].name for row in first], model)


def _finding(check: str, count: int, total: int, examples: Sequence[str], model: str = "") -> list[Finding]:
    return [Finding(check, count / total, count, total, examples, model)] if total else []

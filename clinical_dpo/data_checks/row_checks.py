"""Quality checks of a task's rows before anything trains on them: repeats, leaks, labels, answers, lengths."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clinical_dpo.data_checks.duplicates import equal_texts, similar_texts, words
from clinical_dpo.data_checks.thresholds import Finding
from clinical_dpo.io import Row
from clinical_dpo.tokenization.lengths import Measured

NAMED = 5  # rows named as examples
TRAINING = ("train", "eval", "dev")
_NOTHING = {"", "na", "n a", "nan", "null", "tbd"}


@dataclass(frozen=True)
class Place:
    """A row, where it stands, and what it is called in tables: its id, or the place alone where ids may tell who."""

    split: str
    number: int
    row: Row
    name: str

    @property
    def prompt(self) -> str:
        """The prompt's text."""
        return "\n".join(message["content"] for message in self.row["prompt"])

    @cached_property
    def words(self) -> str:
        """The prompt's words, parted by spaces."""
        return " ".join(words(self.prompt))

    @property
    def answer(self) -> str:
        """The reference answer's text."""
        return self.row["completion"][0]["content"]


def places(splits: Mapping[str, Sequence[Row]], private: bool) -> list[Place]:
    """Every row of every split; `private` rows are called `train:12`."""
    return [
        Place(split, number, row, f"{split}:{number}" if private else row["id"])
        for split, rows in splits.items()
        for number, row in enumerate(rows, start=1)
    ]


def row_findings(rows: Sequence[Place], labels: Sequence[str] = ()) -> list[Finding]:
    """What needs no tokenizer: repeats and leaks, label balance, answers. Checks that nothing applies to are left out.

    Args:
        rows: of all splits.
        labels: the task's labels, where it has them.
    """
    degenerate = [] if labels else [is_degenerate(place.answer) for place in rows]
    compared = [place for place in rows if "rejected" in place.row]
    equal = [words(place.row["rejected"]) == words(place.answer) for place in compared]
    leaks = label_leaks(rows, labels) if labels else answer_leaks(rows)
    return [
        *_repeats(rows),
        *_label_balance(rows),
        *_shares("degenerate_answers", [] if labels else rows, degenerate),
        *_shares("preferred_equals_rejected", compared, equal),
        *_shares("answer_in_prompt", rows, leaks),
    ]


def token_findings(
    rows: Sequence[Place], measured: Sequence[Measured], limits: Mapping[str, int], model: str
) -> list[Finding]:
    """Lengths against what training keeps and what the model can read.

    Args:
        rows: of all splits.
        measured: their tokens (`lengths.measure`).
        limits: `max_length`, `max_new_tokens`, `written` (with a thought's), and `context` where the model has one.
        model: its name.
    """
    trained = [one for one in measured if rows[one.row].split in ("train", "eval")]
    answered = [one for one in measured if rows[one.row].split in ("dev", "test")]
    longest = limits["max_length"]
    too_long = [one.prompt >= longest for one in trained]
    cut = [one.prompt < longest < one.prompt + one.answer for one in trained]
    room = limits.get("context", float("inf")) - limits["written"]
    beyond = [one.prompt > room for one in answered]
    longer = [one.answer > limits["max_new_tokens"] + 1 for one in answered]  # the end token is cut first
    return [
        *_weighted("prompts_too_long", rows, trained, too_long, model),
        *_weighted("answers_cut", rows, trained, cut, model),
        *_weighted("context_exceeded", rows, answered, beyond, model),
        *_weighted("references_too_long", rows, answered, longer, model),
    ]


def spelling_findings(rows: Sequence[Place], special: Iterable[str], model: str) -> list[Finding]:
    """Rows whose text spells a special token: `<s>` in HTML, `</s>` left over from another tool."""
    pattern = re.compile("|".join(re.escape(token) for token in sorted(special)) or "(?!)")
    spelled = [bool(pattern.search(place.prompt) or pattern.search(place.answer)) for place in rows]
    return _shares("special_tokens", rows, spelled, model)


def frame_findings(shown: Sequence[Mapping[str, Any]], model: str) -> list[Finding]:
    """Rows of the prompt artifact that begin or end wrongly (`prompt_preview.shown_rows`)."""
    wrong = [row for row in shown if row["begin_tokens"] not in (None, 1) or row.get("end_tokens", 1) != 1]
    if not shown:
        return []
    named = list(dict.fromkeys(row["row"] for row in wrong))[:NAMED]
    return [Finding("begin_and_end", len(wrong) / len(shown), len(wrong), len(shown), named, model)]


def is_degenerate(answer: str) -> bool:
    """Whether an answer says nothing: one character, a placeholder, or four words and more of which most are one."""
    found = words(answer)
    repeated = len(found) >= 4 and max(Counter(found).values()) > len(found) / 2
    return len("".join(found)) < 2 or " ".join(found) in _NOTHING or repeated


def answer_leaks(rows: Sequence[Place]) -> list[bool]:
    """Whether each prompt holds its answer, word by word, and does not list the wrong options beside it."""

    def holds(prompt: str, text: str) -> bool:
        found = " ".join(words(text))
        return bool(found) and f" {found} " in prompt

    leaks = []
    for place in rows:
        prompt = f" {place.words} "
        options = place.row.get("options", [])
        listed = bool(options) and all(holds(prompt, option) for option in options)
        leaks.append(holds(prompt, place.answer) and not listed)
    return leaks


def label_leaks(rows: Sequence[Place], labels: Sequence[str]) -> list[bool]:
    """Whether each prompt names its label, and no other, more often than the prompt that names it least.

    What every prompt names is the template's list of options. The longest label is read first: "No UTI" is not "UTI".
    """
    spelled = {" ".join(words(label)): label for label in labels}
    if "" in spelled:
        return [False] * len(rows)
    longest_first = sorted(spelled, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\S)(?:{'|'.join(longest_first)})(?!\S)")
    counts = [Counter(spelled[name] for name in pattern.findall(place.words)) for place in rows]
    usual = {label: min((count[label] for count in counts), default=0) for label in labels}
    named = [{label for label in labels if count[label] > usual[label]} for count in counts]
    return [names == {place.row["label"]} for place, names in zip(rows, named, strict=True)]


def _repeats(rows: Sequence[Place]) -> list[Finding]:
    groups = [place.split for place in rows]
    equal = equal_texts(place.words for place in rows)
    near = similar_texts((place.words for place in rows), groups)
    for i, first in equal.items():  # prompts of the same words as all others have no shingles of their own
        near[i].setdefault(groups[first], (first, 1.0))
        near[first].setdefault(groups[i], (i, 1.0))

    def partner(i: int, splits: Iterable[str]) -> int | None:
        return next((near[i][split][0] for split in splits if split in near[i]), None)

    def pairs(check: str, among: Iterable[str], others: Iterable[str] | None) -> list[Finding]:
        looked_at = [i for i, group in enumerate(groups) if group in among]
        found = [(i, j) for i in looked_at if (j := partner(i, others or [groups[i]])) is not None]
        named = [f"{rows[i].name} ~ {rows[j].name}" for i, j in found[:NAMED]]
        return _finding(check, len(found), len(looked_at), named)

    named = [f"{rows[i].name} ~ {rows[j].name}" for i, j in list(equal.items())[:NAMED]]
    return [
        *_finding("exact_duplicates", len(equal), len(rows), named),
        *pairs("near_duplicates", set(groups), None),
        *pairs("test_in_training", ["test"], TRAINING),
        *pairs("dev_in_training", ["eval", "dev"], ["train"]),
    ]


def _label_balance(rows: Sequence[Place]) -> list[Finding]:
    counts: dict[str, Counter[str]] = {}
    for place in rows:
        if "label" in place.row:
            counts.setdefault(place.split, Counter())[place.row["label"]] += 1
    if not counts:
        return []
    split = max(counts, key=lambda name: max(counts[name].values()) / counts[name].total())
    [(label, most)], total = counts[split].most_common(1), counts[split].total()
    return [Finding("label_balance", most / total, most, total, [f"{label} in {split}"])]


def _shares(check: str, rows: Sequence[Place], concerned: Sequence[bool], model: str = "") -> list[Finding]:
    named = [place.name for place, is_one in zip(rows, concerned, strict=True) if is_one]
    return _finding(check, len(named), len(rows), named[:NAMED], model)


def _weighted(
    check: str, rows: Sequence[Place], measured: Sequence[Measured], concerned: Sequence[bool], model: str
) -> list[Finding]:
    found = sorted((one for one, is_one in zip(measured, concerned, strict=True) if is_one), key=lambda one: one.row)
    total, count = (round(sum(one.weight for one in some)) for some in (measured, found))
    return _finding(check, count, total, [rows[one.row].name for one in found[:NAMED]], model)


def _finding(check: str, count: int, of: int, examples: Sequence[str], model: str = "") -> list[Finding]:
    return [Finding(check, count / of, count, of, examples, model)] if of else []

"""Items for a judge, replies that depend on an answer's wording, and verdicts as read from their file."""

from clinical_dpo.grading.judge.judge import COLUMNS, judge_items
from clinical_dpo.grading.raters.sheets import correctness_items, preference_items
from clinical_dpo.io import read_csv, write_csv
from tests.helpers.rating import SEED, study


def between(text, mark):
    """Text between the tags `<mark>` and `</mark>` of a judge's prompt."""
    return text.split(f"<{mark}>\n")[1].split(f"\n</{mark}>")[0]


def graded(messages):
    """Reply with a grade for the answer in a prompt: 1 for base, 3 for sft, 5 for dpo."""
    answer = between(messages[0]["content"], "answer")
    return "5" if "indeed" in answer else "3" if "some" in answer else "1/5 because it says nothing"


def items_of(kind, n=8):
    """Items of a preference sheet, or of a correctness sheet for any other kind."""
    rows, answers = study(n)
    if kind == "preference":
        return preference_items(rows, answers, ("dpo", "sft"), SEED)
    return correctness_items(rows, answers, SEED)


def judged(kind, server, tmp_path, n=8, **options):
    """Verdicts of a server on the items of a study, as read from their file, and the judge's record."""
    changes = options.pop("changes", {})
    rows, record = judge_items(
        kind, items_of(kind, n), server.endpoint(**changes), tmp_path / f"{kind}.jsonl", **options
    )
    write_csv(tmp_path / f"{kind}.csv", rows, COLUMNS)
    return read_csv(tmp_path / f"{kind}.csv"), record

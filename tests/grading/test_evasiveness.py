"""The detector of evasive answers: its errors, its invariances, and the figures on its page."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

import pytest

from clinical_dpo.grading.evasive_wording import EVASIONS
from clinical_dpo.grading.evasiveness import REASONS, clauses, verdict
from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.io import read_csv, read_json, read_text
from clinical_dpo.statistics.intervals import wilson
from tests.conftest import ROOT, public_data, real_data
from tests.helpers.task_rows import answers_of, task_rows

LABELLED = read_csv(ROOT / "tests/grading/evasiveness.csv")
VERDICTS = [verdict(row["question"], row["answer"]) for row in LABELLED]
PAGE = ROOT / "docs" / "evasiveness.md"
QUESTION = "Does zinc shorten the common cold?"
HALVES = {  # even rows were used to write the rules
    "development half": [row for row in range(len(LABELLED)) if int(LABELLED[row]["id"][1:]) % 2 == 0],
    "held-out half": [row for row in range(len(LABELLED)) if int(LABELLED[row]["id"][1:]) % 2 == 1],
    "of these, never read": [
        row for row in range(len(LABELLED)) if 90 < (n := int(LABELLED[row]["id"][1:])) <= 135 and n % 2 == 1
    ],
    "all": list(range(len(LABELLED))),
}


def confusion(rows: Sequence[int]) -> tuple[int, int, int]:
    """Numbers of true positives, of predicted positives and of evasive answers."""
    predicted = [VERDICTS[row].evasive for row in rows]
    true = [LABELLED[row]["evasive"] == "true" for row in rows]
    return sum(map(all, zip(predicted, true, strict=True))), sum(predicted), sum(true)


def share(count: int, n: int) -> str:
    low, high = wilson(count, n)
    assert low is not None and high is not None
    return f"{count / n:.3f} ({count}/{n}; {low:.3f} to {high:.3f})"


def measured(name: str) -> str:
    """A line of the page's table of errors."""
    hits, predicted, evasive = confusion(HALVES[name])
    return f"| {name} | {len(HALVES[name])} | {share(hits, predicted)} | {share(hits, evasive)} |"


def by_kind() -> list[str]:
    """Lines of the page's table of kinds."""
    total = Counter((row["kind"], row["evasive"]) for row in LABELLED)
    wrong = Counter(
        row["kind"]
        for row, result in zip(LABELLED, VERDICTS, strict=True)
        if result.evasive != (row["evasive"] == "true")
    )
    return [f"| {kind} | {evasive} | {n} | {wrong[kind]} |" for (kind, evasive), n in total.items()]


def reasons_of_conclusions() -> list[str]:
    """Reason of each real conclusion's verdict, in the order of their PubMed numbers as text."""
    items = read_json(real_data("pubmedqa", "ori_pqal.json"))
    return [verdict(items[name]["QUESTION"], items[name]["LONG_ANSWER"]).reason for name in sorted(items)]


def errors_on_conclusions() -> list[str]:
    """Lines of the page's table of real conclusions."""
    evasive = [reason != "none" for reason in reasons_of_conclusions()]
    halves = {"development half": evasive[::2], "held-out half": evasive[1::2], "all": evasive}
    return [f"| {name} | {share(sum(half), len(half))} |" for name, half in halves.items()]


@pytest.mark.parametrize("half", ["development half", "held-out half", "all"])
def test_finds_the_evasive_answers_of_the_labelled_set(half) -> None:
    hits, predicted, evasive = confusion(HALVES[half])
    assert hits / predicted >= 0.9 and hits / evasive >= 0.9, "\n".join([measured(half), *by_kind()])


def test_calls_few_real_conclusions_evasive() -> None:
    reasons = Counter(reasons_of_conclusions())
    assert 1 - reasons["none"] / reasons.total() <= 0.03, reasons


@pytest.mark.parametrize("name", HALVES)
def test_the_page_states_the_measured_errors(name) -> None:
    assert measured(name) in read_text(PAGE)


def test_the_page_states_the_errors_of_each_kind() -> None:
    page = read_text(PAGE)
    assert not [line for line in by_kind() if line not in page]


def test_the_page_states_the_share_of_real_conclusions() -> None:
    lines = errors_on_conclusions()
    page = read_text(PAGE)
    assert not [line for line in lines if line not in page]


def test_every_verdict_has_a_known_reason() -> None:
    assert set(EVASIONS) | {"empty", "off_topic", "none"} == set(REASONS)
    assert {result.reason for result in VERDICTS} <= set(REASONS)


def test_the_page_explains_every_reason() -> None:
    page = read_text(PAGE)
    assert not [reason for reason, meaning in REASONS.items() if f"| `{reason}` | {meaning} |" not in page]


each_labelled = pytest.mark.parametrize(
    ("row", "result"), list(zip(LABELLED, VERDICTS, strict=True)), ids=[row["id"] for row in LABELLED]
)


@each_labelled
def test_case_and_blanks_change_no_verdict(row, result) -> None:
    answer = row["answer"]
    assert result.evasive == (result.reason != "none")
    for variant in (answer.upper(), answer.lower(), "\n " + answer.replace(" ", "\n\t ") + "  "):
        again = verdict(row["question"], variant)
        assert again.reason == result.reason
        assert again.matched in variant and bool(again.matched) == bool(answer.strip())


@each_labelled
def test_a_referral_makes_no_answer_evasive(row, result) -> None:
    if not result.evasive:
        assert not verdict(row["question"], row["answer"] + " Please consult your doctor.").evasive


@each_labelled
def test_a_repeated_question_is_a_restatement(row, result) -> None:
    assert verdict(row["question"], row["question"]).reason == "restatement"


def test_case_and_a_referral_change_no_verdict_on_real_conclusions() -> None:
    for item in read_json(real_data("pubmedqa", "ori_pqal.json")).values():
        first = verdict(item["QUESTION"], item["LONG_ANSWER"])
        assert verdict(item["QUESTION"], item["LONG_ANSWER"].lower()).reason == first.reason
        assert first.matched and first.matched in item["LONG_ANSWER"]
        if not first.evasive:
            assert not verdict(item["QUESTION"], item["LONG_ANSWER"] + " Please consult your doctor.").evasive


@pytest.mark.parametrize(
    ("answer", "reason", "matched"),
    [
        ("", "empty", ""),
        ("I’m sorry, but I can’t help with that.", "refusal", "I can’t help"),
        ("Please consult\n your physician.", "deferral", "consult\n your physician"),
        ("Further trials are needed.", "more_research", "Further trials are needed"),
        ("Whether zinc shortens colds is unclear.", "undetermined", "is unclear"),
        ("It is not possible to say.", "undetermined", "not possible to say"),
        ("Does zinc shorten colds?", "restatement", "Does zinc shorten colds?"),
        ("We compared zinc with placebo.", "restatement", "We compared"),
        ("Thank you for asking!", "boilerplate", "Thank you for"),
        ("Thank you for asking! More research is needed.", "more_research", "More research is needed"),
        ("The common cold is an infection.", "background", "is an infection"),
        ("Ladders stood against the northern wall in the rain.", "off_topic", None),
        ("There are various aspects.", "vague", "various aspects"),
        ("Zinc shortens colds.", "none", "Zinc shortens colds."),
        ("Zinc shortens colds and more research is needed.", "none", None),
        ("Although more research is needed, zinc shortens colds.", "none", "zinc shortens colds."),
        ("'More research is needed' ended 12 of 20 reviews of zinc.", "none", None),
        ("One day (95% CI 0.5 to 1.4).", "none", None),
    ],
)
def test_a_verdict_has_its_reason_and_an_excerpt(answer, reason, matched) -> None:
    result = verdict(QUESTION, answer)
    assert result.reason == reason
    assert matched is None or result.matched == matched


def test_cuts_at_contrasts_and_reasons_but_not_at_abbreviations() -> None:
    assert clauses("While colds end, e.g. in 7.5 days, zinc helps, but tastes bad. Ask.") == [
        "While colds end, ",
        "e.g. in 7.5 days, zinc helps",
        "but tastes bad.",
        "Ask.",
    ]


def test_the_helpfulness_quotient_is_the_mean_grade() -> None:
    texts = ["Yes.", "Please consult a physician.", "Zinc shortened colds by a day.", "No, it does not.", "Unclear."]
    rows = task_rows(*[""] * 5, question=QUESTION)
    grades = [int(row["grade"]) for row in grade_answers(rows, answers_of(*texts), {}, "evasiveness")]
    assert grades == [1, 0, 1, 1, 0]
    assert sum(grades) / len(grades) == (5 - 2) / 5  # (N_total - N_evasive) / N_total


def test_a_long_answer_is_read_to_its_end() -> None:
    long = "Further " + "well designed studies of zinc and of " * 2000
    assert verdict(QUESTION, long + ". Zinc helps.").matched == "Zinc helps."


def test_import_needs_the_standard_library_alone() -> None:
    code = (
        "import sys, clinical_dpo.grading.evasiveness; sys.exit(bool({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


if __name__ == "__main__":  # the lines of the page
    print("\n".join([*map(measured, HALVES), "", *by_kind()]))
    if public_data("pubmedqa", "ori_pqal.json").exists():
        print("\n".join(["", *errors_on_conclusions()]))

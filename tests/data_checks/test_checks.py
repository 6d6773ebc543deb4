"""Each check on rows that it counts, and repeats against a full comparison."""

import random
from itertools import combinations

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.duplicates import equal_texts, similar_texts, words
from clinical_dpo.data_checks.row_checks import (
    answer_leaks,
    is_degenerate,
    label_leaks,
    named_rows,
    row_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import CHECKS, COLUMNS, Finding, apply_thresholds, refuse_stopped
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import properties
from clinical_dpo.tokenization import lengths
from clinical_dpo.tokenization.lengths import RowLength, measure_lengths, quantile, token_lengths
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.chat_tokenizers import chat_tokenizer
from tests.helpers.task_rows import task_row

CONFIG = read_yaml(ROOT / "config/config.yaml")


def findings_of(splits, labels=(), private=False):
    return {finding.check: finding for finding in row_findings(named_rows(splits, private), labels)}


def counts_and_examples(findings):
    return {name: (finding.rows, finding.of, list(finding.examples)) for name, finding in findings}


def shingles(text):
    return {tuple(text.split()[i : i + 5]) for i in range(len(text.split()) - 4)}


def test_near_duplicates_equal_those_of_a_full_comparison():
    rng = random.Random(0)
    vocabulary = [f"w{i}" for i in range(200)]
    head, tail = "read this note with care please and say", "does this patient have it yes or no"
    bodies = [rng.choices(vocabulary, k=60) for _ in range(60)]
    for body in bodies[:40]:  # copies with 1 to 4 words changed lie on both sides of the threshold
        copy = list(body)
        for position in rng.sample(range(60), rng.randint(1, 4)):
            copy[position] = "other"
        bodies.append(copy)
    texts = [f"{head} {' '.join(body)} {tail}" for body in bodies]
    rng.shuffle(texts)
    groups = ["train"] * 50 + ["test"] * 50

    sets = [shingles(text) - shingles(head) - shingles(tail) for text in texts]
    expected = {
        (i, j): similarity
        for i, j in combinations(range(100), 2)
        if (similarity := len(sets[i] & sets[j]) / len(sets[i] | sets[j])) >= 0.8
    }
    near = similar_texts(texts, groups)
    pairs = {(min(i, j), max(i, j)): s for i, of_text in enumerate(near) for j, s in of_text.values()}
    assert 5 < len(expected) < 40 and pairs == pytest.approx(expected)
    assert all(groups[j] == group for of_text in near for group, (j, _) in of_text.items())


def test_case_punctuation_and_unicode_form_do_not_distinguish_texts():
    assert words("Ｎa⁺ 135,  “UTI”?\n") == ["na", "135", "uti"]
    assert equal_texts(["a b", "c", "a b", "c", "c d"]) == {2: 0, 3: 1}


@pytest.fixture
def repeating_splits():
    rng = random.Random(1)
    notes = [" ".join(rng.choices([f"w{i}" for i in range(300)], k=40)) for _ in range(12)]
    return {
        "train": [task_row("a", notes[0]), task_row("b", notes[0] + " more"), task_row("c", notes[1])],
        "eval": [task_row("d", notes[2])],
        "dev": [task_row("e", notes[1].upper() + "!")],
        "test": [task_row("f", notes[2] + " indeed"), task_row("g", notes[3])],
    }


def test_repeats_are_counted_within_and_across_splits(repeating_splits):
    assert counts_and_examples(list(findings_of(repeating_splits).items())[:4]) == {
        "exact_duplicates": (1, 7, ["e ~ c"]),
        "near_duplicates": (2, 7, ["a ~ b", "b ~ a"]),
        "test_in_training": (1, 2, ["f ~ d"]),
        "dev_in_training": (1, 2, ["e ~ c"]),
    }


def test_repeats_of_private_rows_are_named_by_split_and_number(repeating_splits):
    assert findings_of(repeating_splits, private=True)["test_in_training"].examples == ["test:1 ~ eval:1"]


LABELS = ("UTI", "No UTI")


@pytest.mark.parametrize(
    ("note", "label", "leaks"),
    [
        ("Dysuria.", "UTI", False),
        ("Diagnosis: UTI. Dysuria.", "UTI", True),
        ("Impression: no  uti!", "No UTI", True),  # the word UTI in it does not count
        ("Impression: no UTI.", "UTI", False),  # the wrong label misleads, but is no leak
        ("UTI last year, no UTI now.", "No UTI", False),
        ("Routine.", "UTI", False),  # "uti" within a word
    ],
)
def test_a_label_is_a_leak_in_the_note_and_not_in_the_list_of_options(note, label, leaks):
    listed = "Answer UTI or No UTI."
    rows = [
        task_row("a", f"{note} {listed}", label, label=label),
        task_row("b", f"Cough. {listed}", "UTI", label="UTI"),
    ]
    assert label_leaks(named_rows({"train": rows}, False), LABELS) == [leaks, False]


def test_an_answer_in_its_prompt_is_a_leak_unless_all_options_are_there():
    options = ["Rickets", "Gout"]
    rows = [
        task_row("a", "Bleeding gums. It is SCURVY, they say.", "Scurvy", options=options),
        task_row("b", "Bleeding gums: rickets, scurvy or gout?", "Scurvy", options=options),
        task_row("c", "Bleeding gums.", "Scurvy", options=options),
        task_row("d", "Scurvyish gums.", "Scurvy"),
        task_row("e", "Vitamin C, 5 mg. Is it scurvy (bad)?", "vitamin c 5 mg"),
    ]
    assert answer_leaks(named_rows({"train": rows}, False)) == [True, False, False, False, True]


@pytest.mark.parametrize("answer", ["", "-", "A", "5", "N/A", "nan", " TBD ", "pain pain pain pain", "no no no no yes"])
def test_an_answer_without_content_is_degenerate(answer):
    assert is_degenerate(answer)


@pytest.mark.parametrize("answer", ["UTI", "No", "12", "no, no", "the pain of the knee", "None seen.", "熱中"])
def test_an_answer_with_content_is_not_degenerate(answer):
    assert not is_degenerate(answer)


def test_degenerate_and_equal_answers_are_counted():
    rows = [
        task_row("a", "p", "Gout in the toe", rejected="gout, in the TOE."),
        task_row("b", "q", "Gout", rejected="Rickets"),
        task_row("c", "r", "-"),
    ]
    checks = findings_of({"train": rows, "test": []})
    assert (checks["preferred_equals_rejected"].rows, checks["preferred_equals_rejected"].of) == (1, 2)
    assert (checks["degenerate_answers"].rows, checks["degenerate_answers"].of) == (1, 3)
    assert {"label_balance", "test_in_training"}.isdisjoint(checks)


def test_the_commonest_label_is_counted_in_its_worst_split():
    labelled = {
        "train": [task_row(f"t{i}", f"p{i}", "UTI", label=LABELS[i % 2]) for i in range(4)],
        "test": [task_row(f"s{i}", f"q{i}", "UTI", label=LABELS[i > 2]) for i in range(4)],
    }
    balance = findings_of(labelled, LABELS)["label_balance"]
    assert (balance.measured, list(balance.examples)) == (0.75, ["UTI in test"])
    assert "degenerate_answers" not in findings_of(labelled, LABELS)


FIVE_ROWS = named_rows({"train": [task_row(f"t{i}", "p") for i in range(4)], "test": [task_row("s", "p")]}, False)
LIMITS = {"max_length": 10, "max_new_tokens": 8, "written": 8, "context": 100}


def length_findings(test_answer, limits):
    """Findings on four train rows, and a test row with a prompt of 95 tokens and an answer of `test_answer`."""
    tokens = [(5, 5), (5, 6), (9, 1), (10, 1), (95, test_answer)]
    lengths = [RowLength(i, prompt, answer, 1.0) for i, (prompt, answer) in enumerate(tokens)]
    return {finding.check: finding for finding in token_findings(FIVE_ROWS, lengths, limits, "m")}


def test_lengths_are_compared_with_max_length_max_new_tokens_and_context():
    assert counts_and_examples(length_findings(10, LIMITS).items()) == {
        "prompts_too_long": (1, 4, ["t3"]),
        "answers_cut": (1, 4, ["t1"]),
        "context_exceeded": (1, 1, ["s"]),
        "references_too_long": (1, 1, ["s"]),
    }


def test_a_reference_that_loses_its_end_token_alone_is_not_too_long():
    assert length_findings(9, LIMITS)["references_too_long"].rows == 0


def test_a_model_without_context_limit_reads_every_prompt():
    limits = {name: limit for name, limit in LIMITS.items() if name != "context"}
    assert length_findings(9, limits)["context_exceeded"].rows == 0


@pytest.fixture
def many_rows(monkeypatch):
    """Rows of which a sample is measured; row 321 is the longest."""
    monkeypatch.setattr(lengths, "LONGEST", 50)
    monkeypatch.setattr(lengths, "SPREAD", 400)
    rng = random.Random(0)
    rows = [task_row(f"r{i}", " ".join(["dysuria"] * rng.randint(1, 9))) for i in range(850)]
    rows[321] = task_row("long", "fever " * 300)
    return rows


def test_a_sample_of_many_rows_represents_all(many_rows):
    measured = measure_lengths(many_rows, chat_tokenizer("llama3"))
    assert len(measured) == 450 and sum(length.weight for length in measured) == pytest.approx(len(many_rows))
    assert len({length.row for length in measured}) == len(measured) and measured[0].row == 321


def test_quantiles_of_a_sample_are_close_to_those_of_all_rows(many_rows):
    tokenizer = chat_tokenizer("llama3")
    exact = sorted(prompt for prompt, _ in token_lengths(many_rows, tokenizer))
    values = [(length.prompt, length.weight) for length in measure_lengths(many_rows, tokenizer)]
    for share in (0.05, 0.5, 0.95):
        assert abs(quantile(values, share) - exact[round(share * len(exact)) - 1]) <= 3
    assert quantile(values, 1.0) == exact[-1]


def test_all_of_few_rows_are_measured(many_rows):
    measured = measure_lengths(many_rows[:50], chat_tokenizer("llama3"))
    assert [length.weight for length in measured] == [1.0] * 50


def test_a_quantile_is_that_of_the_nearest_rank():
    assert [quantile([(3, 1), (1, 1), (2, 1), (4, 1)], share) for share in (0.25, 0.5, 0.51, 1)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("measured", "warn", "stop", "verdict"),
    [
        (0.1, 0.1, 0.2, "ok"),
        (0.11, 0.1, 0.2, "warn"),
        (0.3, 0.1, 0.2, "stop"),
        (1, None, None, "ok"),
        (0.3, None, 0.2, "stop"),
    ],
)
def test_a_share_above_its_limit_warns_or_stops(measured, warn, stop, verdict):
    thresholds = {"answers_cut": {"warn": warn, "stop": stop}}
    [row] = apply_thresholds([Finding("answers_cut", measured, 3, 10, ["a"], "m")], thresholds, "uti")
    assert row["verdict"] == verdict and tuple(row) == COLUMNS


@pytest.fixture
def stopping():
    return apply_thresholds(
        [Finding("test_in_training", 0.5, 5, 10, ["a ~ b"]), Finding("answers_cut", 0.9, 9, 10, ["c"], "m")],
        CONFIG["checks"],
        "uti",
    )


def test_a_check_that_stops_is_refused_with_rows_and_mend(stopping):
    with pytest.raises(UserError) as error:
        refuse_stopped(stopping, "data/checks.csv")
    share = "test_in_training: the measured share is 0.5, but at most 0.1 is allowed"
    for part in ("data/checks.csv", "'uti'", share, "5 of 10", "(a ~ b)", "Remove one"):
        assert part in str(error.value)
    share = "answers_cut with model 'm': the measured share is 0.9, but at most 0.25 is allowed"
    for part in (share, "(c)", "checks: {answers_cut: {stop:"):
        assert part in str(error.value)


def test_the_public_message_of_a_check_names_no_rows(stopping):
    with pytest.raises(UserError) as error:
        refuse_stopped(stopping, "data/checks.csv")
    assert error.value.public == str(error.value).replace(" (a ~ b)", "").replace(" (c)", "")


def test_a_check_that_warns_is_not_refused(stopping):
    refuse_stopped([row | {"verdict": "warn"} for row in stopping], "data/checks.csv")


def test_config_schema_and_code_have_the_same_checks():
    assert set(CHECKS) == set(CONFIG["checks"]) == properties("thresholds")
    assert set(CHECKS) == set(read_yaml(ROOT / "workflow/schemas/checks.schema.yaml")["properties"]["check"]["enum"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label_balanse": {"stop": 1}}, "Did you mean 'label_balance'"),
        ({"label_balance": {"stop": 1.5}}, "checks.label_balance.stop"),
        ({"label_balance": {"halt": 1}}, "checks.label_balance.halt"),
    ],
)
def test_a_wrong_threshold_is_refused_with_its_key(changed, message):
    for config in (
        merge(CONFIG, {"checks": changed}),
        merge(CONFIG, {"overrides": {"tasks": {"uti": {"checks": changed}}}}),
    ):
        with pytest.raises(UserError, match="checks") as error:
            load_study(config, ROOT)
        assert message in str(error.value)

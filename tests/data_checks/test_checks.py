"""Each check against rows that show it, repeats against a full comparison, and the public sets through all of them."""

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
    places,
    row_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import CHECKS, COLUMNS, Finding, apply_thresholds, refuse_stopped
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import properties, read_yaml
from clinical_dpo.tokenization import lengths
from clinical_dpo.tokenization.lengths import Measured, measure, quantile, token_lengths
from tests.conftest import ROOT
from tests.helpers.chat_tokenizers import chat_tokenizer

CONFIG = read_yaml(ROOT / "config/config.yaml")


def task_row(row_id, prompt, answer="x", **more):
    return {
        "id": row_id,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": answer}],
        **more,
    }


def found(splits, labels=(), private=False):
    return {one.check: one for one in row_findings(places(splits, private), labels)}


def shingles(text):
    return {tuple(text.split()[i : i + 5]) for i in range(len(text.split()) - 4)}


def test_near_duplicates_are_those_a_full_comparison_finds():
    rng = random.Random(0)
    vocabulary = [f"w{i}" for i in range(200)]
    head, tail = "read this note with care please and say", "does this patient have it yes or no"
    bodies = [rng.choices(vocabulary, k=60) for _ in range(60)]
    for body in bodies[:40]:  # copies with 1 to 4 words changed lie on both sides of the threshold
        copy = list(body)
        for place in rng.sample(range(60), rng.randint(1, 4)):
            copy[place] = "other"
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
    named = {(min(i, j), max(i, j)): s for i, one in enumerate(near) for j, s in one.values()}
    assert 5 < len(expected) < 40 and named == pytest.approx(expected)
    assert all(groups[j] == group for one in near for group, (j, _) in one.items())


def test_texts_of_the_same_words_are_equal_whatever_their_form():
    assert words("Ｎa⁺ 135,  “UTI”?\n") == ["na", "135", "uti"]
    assert equal_texts(["a b", "c", "a b", "c", "c d"]) == {2: 0, 3: 1}


def test_repeats_are_told_within_and_across_splits():
    rng = random.Random(1)
    notes = [" ".join(rng.choices([f"w{i}" for i in range(300)], k=40)) for _ in range(12)]
    splits = {
        "train": [task_row("a", notes[0]), task_row("b", notes[0] + " more"), task_row("c", notes[1])],
        "eval": [task_row("d", notes[2])],
        "dev": [task_row("e", notes[1].upper() + "!")],
        "test": [task_row("f", notes[2] + " indeed"), task_row("g", notes[3])],
    }
    repeats = found(splits)
    assert {name: (one.rows, one.of, list(one.examples)) for name, one in list(repeats.items())[:4]} == {
        "exact_duplicates": (1, 7, ["e ~ c"]),
        "near_duplicates": (2, 7, ["a ~ b", "b ~ a"]),
        "test_in_training": (1, 2, ["f ~ d"]),
        "dev_in_training": (1, 2, ["e ~ c"]),
    }
    assert found(splits, private=True)["test_in_training"].examples == ["test:1 ~ eval:1"]


LABELS = ("UTI", "No UTI")


@pytest.mark.parametrize(
    ("note", "label", "leaks"),
    [
        ("Dysuria.", "UTI", False),
        ("Diagnosis: UTI. Dysuria.", "UTI", True),
        ("Impression: no  uti!", "No UTI", True),  # and not UTI, whose word stands in it
        ("Impression: no UTI.", "UTI", False),  # the wrong label misleads, but tells nothing
        ("UTI last year, no UTI now.", "No UTI", False),
        ("Routine.", "UTI", False),  # within a word
    ],
)
def test_a_label_in_the_note_is_a_leak_and_in_the_list_of_options_is_none(note, label, leaks):
    listed = "Answer UTI or No UTI."
    rows = [
        task_row("a", f"{note} {listed}", label, label=label),
        task_row("b", f"Cough. {listed}", "UTI", label="UTI"),
    ]
    assert label_leaks(places({"train": rows}, False), LABELS) == [leaks, False]


def test_an_answer_in_its_prompt_is_a_leak_unless_all_options_stand_there():
    options = ["Rickets", "Gout"]
    rows = [
        task_row("a", "Bleeding gums. It is SCURVY, they say.", "Scurvy", options=options),
        task_row("b", "Bleeding gums: rickets, scurvy or gout?", "Scurvy", options=options),
        task_row("c", "Bleeding gums.", "Scurvy", options=options),
        task_row("d", "Scurvyish gums.", "Scurvy"),
        task_row("e", "Vitamin C, 5 mg. Is it scurvy (bad)?", "vitamin c 5 mg"),
    ]
    assert answer_leaks(places({"train": rows}, False)) == [True, False, False, False, True]


@pytest.mark.parametrize("answer", ["", "-", "A", "5", "N/A", "nan", " TBD ", "pain pain pain pain", "no no no no yes"])
def test_an_answer_that_says_nothing(answer):
    assert is_degenerate(answer)


@pytest.mark.parametrize("answer", ["UTI", "No", "12", "no, no", "the pain of the knee", "None seen.", "熱中"])
def test_an_answer_that_says_something(answer):
    assert not is_degenerate(answer)


def test_answers_and_labels_are_counted_where_they_apply():
    rows = [
        task_row("a", "p", "Gout in the toe", rejected="gout, in the TOE."),
        task_row("b", "q", "Gout", rejected="Rickets"),
        task_row("c", "r", "-"),
    ]
    checks = found({"train": rows, "test": []})
    assert (checks["preferred_equals_rejected"].rows, checks["preferred_equals_rejected"].of) == (1, 2)
    assert (checks["degenerate_answers"].rows, checks["degenerate_answers"].of) == (1, 3)
    assert {"label_balance", "test_in_training"}.isdisjoint(checks)
    labelled = {
        "train": [task_row(f"t{i}", f"p{i}", "UTI", label=LABELS[i % 2]) for i in range(4)],
        "test": [task_row(f"s{i}", f"q{i}", "UTI", label=LABELS[i > 2]) for i in range(4)],
    }
    balance = found(labelled, LABELS)["label_balance"]
    assert (balance.measured, list(balance.examples)) == (0.75, ["UTI in test"])
    assert "degenerate_answers" not in found(labelled, LABELS)


def test_lengths_against_what_training_keeps_and_the_model_reads():
    splits = {"train": [task_row(f"t{i}", "p") for i in range(4)], "test": [task_row("s", "p")]}
    tokens = [(5, 5), (5, 6), (9, 1), (10, 1), (95, 10)]
    measured = [Measured(i, prompt, answer, 1.0) for i, (prompt, answer) in enumerate(tokens)]
    limits = {"max_length": 10, "max_new_tokens": 8, "written": 8, "context": 100}
    rows = places(splits, False)
    checks = {one.check: one for one in token_findings(rows, measured, limits, "m")}
    assert {name: (one.rows, one.of, list(one.examples)) for name, one in checks.items()} == {
        "prompts_too_long": (1, 4, ["t3"]),
        "answers_cut": (1, 4, ["t1"]),
        "context_exceeded": (1, 1, ["s"]),
        "references_too_long": (1, 1, ["s"]),
    }
    measured[4] = Measured(4, 95, 9, 1.0)  # eight tokens and the end, which is cut
    assert token_findings(rows, measured, limits, "m")[3].rows == 0
    del limits["context"]
    assert token_findings(rows, measured, limits, "m")[2].rows == 0


def test_of_many_rows_some_stand_for_all(monkeypatch):
    monkeypatch.setattr(lengths, "LONGEST", 50)
    monkeypatch.setattr(lengths, "SPREAD", 400)
    rng = random.Random(0)
    rows = [task_row(f"r{i}", " ".join(["dysuria"] * rng.randint(1, 9))) for i in range(850)]
    rows[321] = task_row("long", "fever " * 300)
    tokenizer = chat_tokenizer("llama3")
    measured = measure(rows, tokenizer)
    assert len(measured) == 450 and sum(one.weight for one in measured) == pytest.approx(len(rows))
    assert len({one.row for one in measured}) == len(measured) and measured[0].row == 321
    exact = sorted(prompt for prompt, _ in token_lengths(rows, tokenizer))
    values = [(one.prompt, one.weight) for one in measured]
    for share in (0.05, 0.5, 0.95):
        assert abs(quantile(values, share) - exact[round(share * len(exact)) - 1]) <= 3
    assert quantile(values, 1.0) == exact[-1]
    assert [one.weight for one in measure(rows[:50], tokenizer)] == [1.0] * 50
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
def test_a_measure_above_its_limit_warns_or_stops(measured, warn, stop, verdict):
    thresholds = {"answers_cut": {"warn": warn, "stop": stop}}
    [row] = apply_thresholds([Finding("answers_cut", measured, 3, 10, ["a"], "m")], thresholds, "uti")
    assert row["verdict"] == verdict and tuple(row) == COLUMNS


def test_what_stops_is_told_with_rows_and_mend():
    table = apply_thresholds(
        [Finding("test_in_training", 0.5, 5, 10, ["a ~ b"]), Finding("answers_cut", 0.9, 9, 10, ["c"], "m")],
        CONFIG["checks"],
        "uti",
    )
    with pytest.raises(UserError) as error:
        refuse_stopped(table, "data/checks.csv")
    for part in ("data/checks.csv", "'uti'", "test_in_training: 0.5, above 0.1", "5 of 10", "(a ~ b)", "Remove one"):
        assert part in str(error.value)
    for part in ("answers_cut with m: 0.9, above 0.25", "(c)", "checks: {answers_cut: {stop:"):
        assert part in str(error.value)
    assert error.value.public == str(error.value).replace(" (a ~ b)", "").replace(" (c)", "")  # ids are a row's own
    refuse_stopped([row | {"verdict": "warn"} for row in table], "data/checks.csv")


def test_config_schema_and_code_name_the_same_checks():
    assert set(CHECKS) == set(CONFIG["checks"]) == properties("thresholds")
    assert set(CHECKS) == set(read_yaml(ROOT / "workflow/schemas/checks.schema.yaml")["properties"]["check"]["enum"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"label_balanse": {"stop": 1}}, "Did you mean 'label_balance'"),
        ({"label_balance": {"stop": 1.5}}, "checks.label_balance.stop"),
        ({"label_balance": {"halt": 1}}, "checks.label_balance.halt"),
    ],
)
def test_a_wrong_threshold_is_told(changed, told):
    for config in (
        merge(CONFIG, {"checks": changed}),
        merge(CONFIG, {"overrides": {"tasks": {"uti": {"checks": changed}}}}),
    ):
        with pytest.raises(UserError, match="checks") as error:
            load_study(config, ROOT)
        assert told in str(error.value)

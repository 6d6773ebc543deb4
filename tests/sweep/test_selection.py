"""Selection among trials: dev scores against scikit-learn and rouge-score, ties, and the winner's files."""

import math
import subprocess
import warnings

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import balanced_accuracy_score, f1_score

from clinical_dpo.checksums import CHECKSUMS, RECORDS, write_checksums
from clinical_dpo.io import write_csv, write_jsonl
from clinical_dpo.sweep.best_folder import write_best_folder
from clinical_dpo.sweep.selection import COLUMNS, best_trial, dev_score, scored_trials, ties
from tests.helpers.task_rows import answers_of, task_rows

UTI = {"selection_metric": "f1", "labels": ["UTI", "No UTI"], "max_new_tokens": 6}


def test_f1_is_that_of_the_positive_class_and_counts_invalid_answers_as_wrong():
    labels = ["UTI", "UTI", "No UTI", "UTI", "No UTI", "No UTI", "UTI"]
    texts = ["UTI", "No UTI", "UTI", "perhaps", "No UTI", "", "UTI."]
    score, invalid = dev_score(task_rows(*labels), answers_of(*texts)[::-1], UTI)
    predicted = ["UTI", "No UTI", "UTI", "invalid", "No UTI", "invalid", "UTI"]
    assert score == pytest.approx(f1_score(labels, predicted, labels=["UTI"], average="macro"))
    assert invalid == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("macro_f1", lambda labels, answers: f1_score(labels, answers, labels=UTI["labels"], average="macro")),
        ("balanced_accuracy", balanced_accuracy_score),
    ],
)
def test_metrics_of_both_labels_count_invalid_answers_as_wrong(metric, score):
    labels = ["UTI", "UTI", "No UTI", "UTI", "No UTI"]
    answers = ["UTI", "invalid", "No UTI", "No UTI", "UTI"]
    texts = ["" if answer == "invalid" else answer for answer in answers]
    found, _ = dev_score(task_rows(*labels), answers_of(*texts)[::-1], UTI | {"selection_metric": metric})
    with warnings.catch_warnings(action="ignore"):  # an invalid answer is no class of the labels
        assert found == pytest.approx(score(labels, answers))


def test_sweeps_with_several_best_trials_are_named(tmp_path):
    def table(model, *trials):
        path = tmp_path / f"uti/{model}/sft/selection.csv"
        rows = [
            dict.fromkeys(COLUMNS, "") | {"trial": name, "score": score, "chosen": str(chosen).lower()}
            for name, score, chosen in trials
        ]
        write_csv(path, rows, COLUMNS)
        return path

    tied = table("tied", ("a", 0.5, False), ("b", 0.5, True), ("c", 0.4, False))
    clear, single = table("clear", ("a", 0.5, False), ("b", 0.6, True)), table("single", ("a", "", True))
    assert ties([tied, clear, single]) == ["uti, tied, sft (2 trials)"]


def test_an_undefined_f1_scores_0():
    assert dev_score(task_rows("No UTI", "No UTI"), answers_of("No UTI", "?"), UTI) == (0.0, 0.5)


def test_exact_is_the_share_of_matches():
    rows = task_rows("Gout", "Asthma", "Sepsis", "Scurvy", accepted=["vitamin C deficiency"])
    answers = answers_of("gout.", "COPD", "", "Vitamin C deficiency")
    assert dev_score(rows, answers, {"selection_metric": "exact"}) == (0.5, 0.25)


def test_rouge_l_is_the_mean_over_the_answers():
    texts = ["The patient has gout", "", "Asthma was treated with steroids"]
    references = ["A patient with gout.", "Asthma.", "Asthma, treated with steroids."]
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    expected = [
        scorer.score(reference, text)["rougeL"].fmeasure for reference, text in zip(references, texts, strict=True)
    ]
    score, invalid = dev_score(task_rows(*references), answers_of(*texts)[::-1], {"selection_metric": "rouge_l"})
    assert score == pytest.approx(sum(expected) / 3) and 0 < score < 1
    assert invalid == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("trials", "winner"),
    [
        ([("a", 0.5, 0.1), ("b", 0.6, 0.9)], "b"),
        ([("a", 0.5, 0.2), ("b", 0.5, 0.1), ("c", 0.4, 0.0)], "b"),
        ([("b", 0.5, 0.1), ("a", 0.5, 0.1)], "b"),
        ([("a", 0.0, 0.2), ("b", 0.0, 0.1)], "b"),
        ([("a", 0.0, math.nan), ("b", 0.0, 9.0)], "b"),
    ],
)
def test_ties_go_to_the_lower_loss_then_to_the_order_of_the_sweep(trials, winner):
    rows = [{"trial": name, "score": score, "final_eval_loss": loss} for name, score, loss in trials]
    assert best_trial(rows) == winner


@pytest.fixture
def sweep(tmp_path):
    """Two trials' folders with weights, records and a log each, and dev rows that the second answers right."""
    trials = {"lr0_beta0.1": (0.5, "COPD"), "lr1_beta0.1": (0.7, "Gout")}
    write_jsonl(tmp_path / "dev.jsonl", task_rows(*["Gout"] * 4))
    for name, (loss, text) in trials.items():
        folder = tmp_path / name / "adapter"
        (folder / "tokenizer").mkdir(parents=True)
        (folder / "weights.safetensors").write_text(name)
        (folder / "tokenizer/vocab.json").write_text("{}")
        (folder / "run.json").write_text("{}")
        log = [(0, "eval", 0.9), (5, "train", 0.1), (5, "eval", loss)]
        rows = [dict(zip(("step", "split", "loss"), values, strict=True)) for values in log]
        write_csv(folder / "log.csv", rows, ("step", "split", "loss"))
        write_checksums(folder, without=RECORDS)
        write_jsonl(tmp_path / name / "dev.jsonl", answers_of(*[text] * 4))
    return tmp_path, list(trials)


def table(folder, trials, answered=True):
    logs = [str(folder / trial / "adapter/log.csv") for trial in trials]
    answers = [str(folder / trial / "dev.jsonl") for trial in trials] if answered else []
    return scored_trials(trials, logs, {"selection_metric": "exact"}, str(folder / "dev.jsonl"), answers)


def test_the_trial_with_the_best_dev_score_wins(sweep):
    rows = table(*sweep)
    assert [(row["chosen"], row["score"]) for row in rows] == [("false", 0), ("true", 1)]


def test_the_table_names_metric_n_and_loss_of_each_trial(sweep):
    folder, trials = sweep
    rows = table(folder, trials)
    assert [tuple(row) for row in rows] == [COLUMNS] * 2
    assert [row["trial"] for row in rows] == trials
    assert [(row["metric"], row["n"]) for row in rows] == [("exact", 4)] * 2
    assert [row["final_eval_loss"] for row in rows] == [0.5, 0.7]


def test_the_order_of_trials_changes_no_row(sweep):
    folder, trials = sweep
    assert sorted(map(str, table(folder, trials[::-1]))) == sorted(map(str, table(folder, trials)))


def test_a_single_trial_is_chosen_without_a_score(sweep):
    folder, trials = sweep
    [row] = table(folder, trials[:1], answered=False)
    assert row == dict.fromkeys(COLUMNS, "") | {
        "trial": "lr0_beta0.1",
        "n": 0,
        "final_eval_loss": 0.5,
        "chosen": "true",
    }


def assert_best_folder(best, trial):
    """`best` has the trial's files: weights are links, records are copies with modification times of their own."""
    names = sorted(path.relative_to(trial).as_posix() for path in trial.rglob("*") if path.is_file())
    assert sorted(path.relative_to(best).as_posix() for path in best.rglob("*") if path.is_file()) == names
    assert all((best / name).read_bytes() == (trial / name).read_bytes() for name in names)
    linked = {name for name in names if (best / name).samefile(trial / name)}
    assert linked == set(names) - {CHECKSUMS, *RECORDS}
    done = subprocess.run(["sha256sum", "--check", "--strict", CHECKSUMS], cwd=best, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count(": OK") == 2


def test_the_best_folder_replaces_an_older_one(sweep):
    folder, trials = sweep
    for trial in trials:
        write_best_folder(folder / trial / "adapter", folder / "best")
        assert_best_folder(folder / "best", folder / trial / "adapter")


def test_files_are_copied_where_links_are_refused(sweep, monkeypatch):
    folder, trials = sweep

    def refuse(source, target):
        raise OSError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    write_best_folder(folder / trials[0] / "adapter", folder / "best")
    for path in (folder / trials[0] / "adapter").glob("*.*"):
        assert (folder / "best" / path.name).read_bytes() == path.read_bytes()
        assert not (folder / "best" / path.name).samefile(path)

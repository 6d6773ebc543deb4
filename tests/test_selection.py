"""The choice among trials: dev scores against scikit-learn and rouge-score, ties, and the winner's files."""

import math

import pytest
import torch
from peft import LoraConfig, get_peft_model
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import f1_score

from clinical_dpo.generation import answers_of
from clinical_dpo.models import load_base, load_tokenizer, save_trained
from clinical_dpo.records import read_csv, write_csv, write_jsonl
from clinical_dpo.selection import choose, dev_score, select
from clinical_dpo.trials import COLUMNS, keep_only
from tests.conftest import MODEL

UTI = {"selection": "f1", "labels": ["UTI", "No UTI"], "max_new_tokens": 6}


def dev_rows(contents, **fields):
    return [
        {
            "id": f"d{i}",
            "prompt": [{"role": "user", "content": f"Patient {i} has dysuria. UTI?"}],
            "completion": [{"role": "assistant", "content": content}],
        }
        | fields
        for i, content in enumerate(contents)
    ]


def answers_to(rows, texts):
    return [{"id": row["id"], "text": text} for row, text in zip(rows, texts, strict=True)]


def test_f1_is_that_of_the_positive_class_and_counts_invalid_answers_as_wrong():
    labels = ["UTI", "UTI", "No UTI", "UTI", "No UTI", "No UTI", "UTI"]
    texts = ["UTI", "No UTI", "UTI", "perhaps", "No UTI", "", "UTI."]
    rows = dev_rows(labels)
    score, invalid = dev_score(rows, answers_to(rows, texts)[::-1], UTI)
    said = ["UTI", "No UTI", "UTI", "invalid", "No UTI", "invalid", "UTI"]
    assert score == pytest.approx(f1_score(labels, said, labels=["UTI"], average="macro"))
    assert invalid == pytest.approx(2 / 7)


def test_an_f1_that_is_not_defined_scores_nothing():
    rows = dev_rows(["No UTI", "No UTI"])
    assert dev_score(rows, answers_to(rows, ["No UTI", "?"]), UTI) == (0.0, 0.5)


def test_exact_is_the_share_of_matches():
    rows = dev_rows(["Gout", "Asthma", "Sepsis", "Scurvy"], accepted=["vitamin C deficiency"])
    score = dev_score(rows, answers_to(rows, ["gout.", "COPD", "", "Vitamin C deficiency"]), {"selection": "exact"})
    assert score == (0.5, 0.25)


def test_rouge_l_is_the_mean_over_the_answers():
    texts = ["The patient has gout", "", "Asthma was treated with steroids"]
    rows = dev_rows(["A patient with gout.", "Asthma.", "Asthma, treated with steroids."])
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    expected = [
        scorer.score(row["completion"][0]["content"], text)["rougeL"].fmeasure
        for row, text in zip(rows, texts, strict=True)
    ]
    score, invalid = dev_score(rows, answers_to(rows, texts)[::-1], {"selection": "rouge_l"})
    assert score == pytest.approx(sum(expected) / 3) and 0 < score < 1 and invalid == pytest.approx(1 / 3)


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
    assert choose(rows) == winner


@pytest.fixture
def sweep(tiny_base, tmp_path):
    """Two trials with random adapters and a log each, and dev rows that the second answers and the first does not."""
    folders = []
    for seed, loss in [(0, 0.5), (1, 0.7)]:
        torch.manual_seed(seed)
        settings = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
        folder = tmp_path / f"lr{seed}_beta0.1" / "adapter"
        save_trained(get_peft_model(load_base(tiny_base, MODEL), settings), load_tokenizer(tiny_base), folder)
        log = [(0, "eval", 0.9), (5, "train", 0.1), (5, "eval", loss)]
        rows = [dict(zip(("step", "split", "loss"), values, strict=True)) for values in log]
        write_csv(folder / "log.csv", rows, ("step", "split", "loss"))
        folders.append(str(folder))
    said = [answer["text"] for answer in answers_of(tiny_base, folders[1], MODEL, dev_rows([""] * 4), 6, 4)]
    write_jsonl(tmp_path / "dev.jsonl", dev_rows(said))
    return folders, tmp_path


def chosen(base, folders, tmp_path):
    table, best = tmp_path / "selection.csv", tmp_path / "best"
    task = {"selection": "rouge_l", "max_new_tokens": 6}
    select(str(base), folders, str(tmp_path / "dev.jsonl"), MODEL, task, 4, str(table), str(best))
    return read_csv(table), best


def assert_linked(best, folder):
    files = sorted(path for path in folder.iterdir())
    assert [path.name for path in sorted(best.iterdir())] == [path.name for path in files]
    assert all((best / path.name).samefile(path) for path in files)


def test_the_trial_with_the_best_dev_score_wins(tiny_base, sweep):
    folders, tmp_path = sweep
    rows, best = chosen(tiny_base, folders, tmp_path)
    assert [tuple(row) for row in rows] == [COLUMNS] * 2
    assert [row["trial"] for row in rows] == ["lr0_beta0.1", "lr1_beta0.1"]
    assert [row["chosen"] for row in rows] == ["false", "true"]
    assert float(rows[0]["score"]) < float(rows[1]["score"]) == 1
    assert [(row["metric"], row["n"]) for row in rows] == [("rouge_l", "4")] * 2
    assert [float(row["final_eval_loss"]) for row in rows] == [0.5, 0.7]
    assert_linked(best, tmp_path / "lr1_beta0.1/adapter")
    again, best = chosen(tiny_base, folders[::-1], tmp_path)  # over what stands there
    assert sorted(map(str, again)) == sorted(map(str, rows))
    assert_linked(best, tmp_path / "lr1_beta0.1/adapter")


def test_a_single_trial_is_its_own_best_without_a_score(sweep):
    folders, tmp_path = sweep
    table, best = tmp_path / "selection.csv", tmp_path / "best"
    keep_only(folders[0], str(table), str(best))
    assert read_csv(table) == [
        dict.fromkeys(COLUMNS, "") | {"trial": "lr0_beta0.1", "n": "0"} | {"final_eval_loss": "0.5", "chosen": "true"}
    ]
    assert_linked(best, tmp_path / "lr0_beta0.1/adapter")


def test_files_are_copied_where_links_are_refused(sweep, monkeypatch):
    folders, tmp_path = sweep
    best = tmp_path / "best"

    def refuse(source, target):
        raise OSError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    keep_only(folders[0], str(tmp_path / "selection.csv"), str(best))
    for path in (tmp_path / "lr0_beta0.1/adapter").iterdir():
        assert (best / path.name).read_bytes() == path.read_bytes()
        assert not (best / path.name).samefile(path)

"""Sentences of decisions: the answer, its numbers and price, and what else must be said."""

import pytest

from clinical_dpo.io import write_json
from clinical_dpo.report.decision_sentences import Price, over_seeds, prices, with_sentences
from clinical_dpo.report.latex import TABLES, latex_table
from clinical_dpo.statistics.decisions import COLUMNS
from tests.helpers.decision_rows import decision_row
from tests.helpers.trivial_rows import YES_TO_ALL, trivial_rows

PRICE = {"llama": Price(2.13, "GPU hours")}


def sentence(price=PRICE, recorded=0.05, sft=None, dpo=None, trivial=(), headline=None, stats=(), **fields):
    against_base = {"sft_vs_base": sft, "dpo_vs_base": dpo}
    rows = [decision_row(comparison=name, **row) for name, row in against_base.items() if row]
    rows.insert(0, decision_row(**fields))
    found = with_sentences(rows, price, recorded, trivial, headline=headline or rows[0]["metric"], stats=stats)
    assert all(row["sentence"] is None for row in found[1:])
    return found[0]["sentence"]


def test_no_better_by_the_margin_means_that_sft_is_enough():
    text = sentence(effect=-0.01, margin_ci_low=-0.034, margin_ci_high=0.011, decision="equivalent")
    assert text == (
        "SFT is enough: DPO is not better by 5 points or more (-1.0, 98% interval -3.4 to 1.1), "
        "at 2.1 times the GPU hours."
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"decision": "better", "effect": 0.07, "ci_low": 0.01, "ci_high": 0.13},
            "DPO is worth it: DPO is better (+7.0, 99% interval 1.0 to 13.0), at 2.1 times the GPU hours.",
        ),
        (
            {"decision": "better", "effect": 0.03, "ci_low": 0.002, "ci_high": 0.058},
            "DPO may be worth it: DPO is better, but perhaps by less than 5 points (+3.0, 99% interval 0.2 to 5.8), "
            "at 2.1 times the GPU hours.",
        ),
        (
            {"decision": "worse", "effect": -0.07, "ci_low": -0.13, "ci_high": -0.01},
            "SFT is enough: DPO is worse (-7.0, 99% interval -13.0 to -1.0), at 2.1 times the GPU hours.",
        ),
        (
            {"decision": "undecided", "effect": 0.02, "margin_ci_low": -0.06, "margin_ci_high": 0.1}
            | {"items_to_decide": 638},
            "Undecided: about 640 test items would decide (+2.0, 98% interval -6.0 to 10.0).",
        ),
        (
            {"decision": "not inferior", "effect": 0.02, "margin_ci_low": -0.04, "margin_ci_high": 0.08}
            | {"items_to_decide": 12_345},
            "Undecided: DPO is not worse by 5 points or more, and may be better (+2.0, 98% interval -4.0 to 8.0); "
            "about 12,000 test items would decide.",
        ),
        (
            {"decision": "undecided", "effect": None, "margin_ci_low": None, "margin_ci_high": None},
            "Undecided: the difference between DPO and SFT has no interval on these items.",
        ),
        ({"status": "pending", "decision": None}, "Grades awaited."),
        (  # in the units of the grades
            {"metric": "likert", "margin": 0.2, "decision": "not superior", "effect": -0.1}
            | {"margin_ci_low": -0.3, "margin_ci_high": 0.1},
            "SFT is enough: DPO is not better by 0.2 or more (-0.10, 98% interval -0.30 to 0.10), "
            "at 2.1 times the GPU hours.",
        ),
    ],
)
def test_each_decision_has_its_sentence(fields, text):
    assert sentence(recorded=fields.get("margin", 0.05), **fields) == text


def test_a_limit_keeps_the_digits_that_show_its_side_of_the_margin():
    text = sentence(effect=0.01, margin_ci_low=-0.0297, margin_ci_high=0.0498, decision="equivalent")
    assert "(+1.0, 98% interval -2.97 to 4.98)" in text


def test_sft_against_base_stands_beside_the_answer():
    text = sentence(
        effect=0, margin_ci_low=-0.02, margin_ci_high=0.02, decision="equivalent", sft={"decision": "worse"}
    )
    assert text.endswith(" SFT against Base: worse.")


def test_sft_that_is_worse_than_the_base_model_is_not_enough():
    equivalent = {"effect": 0.0, "margin_ci_low": -0.02, "margin_ci_high": 0.02, "decision": "equivalent"}
    for decision, start in (
        ("worse", "Neither is enough: DPO is not better by 5 points"),
        ("better", "SFT is enough: "),
    ):
        text = sentence(sft={"decision": decision}, **equivalent)
        assert text.startswith(start) and text.endswith(f" SFT against Base: {decision}.")


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ("worse", "worse than Base"),
        ("equivalent", "not better than Base by 5 points or more"),
        ("not superior", "not better than Base by 5 points or more"),
        ("better", None),
        ("not inferior", None),
        ("undecided", None),
    ],
)
def test_dpo_is_not_worth_it_if_the_base_model_is_as_good(decision, words):
    fields = {"decision": "better", "effect": 0.07, "ci_low": 0.01, "ci_high": 0.13, "sft": {"decision": "worse"}}
    text = sentence(dpo={"decision": decision}, **fields)
    if words is None:
        assert text == sentence(**fields) and text.startswith("DPO is worth it: ")
    else:
        assert text == (
            "Neither is enough: DPO is better than SFT (+7.0, 99% interval 1.0 to 13.0), at 2.1 times the GPU hours, "
            f"and {words}. SFT against Base: worse."
        )


def test_a_variant_that_is_no_better_than_a_trivial_answer_is_named():
    fields = {"decision": "no better than trivial", "effect": 0.07, "ci_low": 0.01, "ci_high": 0.13}
    assert sentence(trivial=trivial_rows(dpo=YES_TO_ALL), **fields) == (
        "Neither is enough: DPO is better than SFT (+7.0, 99% interval 1.0 to 13.0), at 2.1 times the GPU hours, and "
        "no better than a trivial answer. DPO is not shown to be better than the answer UTI to every item (+23.0, 99% "
        "interval -5.0 to 30.0, 100 items). DPO answers UTI to 98% of the items."
    )
    fields = {"decision": "equivalent", "effect": 0.0, "margin_ci_low": -0.02, "margin_ci_high": 0.02}
    text = sentence(trivial=trivial_rows(sft=YES_TO_ALL), **fields)
    assert text.startswith("Neither is enough: DPO is not better") and "SFT answers UTI to 98%" in text
    no_interval = YES_TO_ALL | {"ci_low": "", "ci_high": ""}
    assert " the answer UTI to every item. SFT answers" in sentence(trivial=trivial_rows(sft=no_interval), **fields)
    assert sentence(trivial=trivial_rows(), **fields) == sentence(**fields)


def test_right_answers_that_contradict_f1_are_told():
    fields = {"effect": -0.57, "ci_low": -0.64, "ci_high": -0.46, "decision": "worse"}
    tested = {"model": "llama", "comparison": "dpo_vs_sft", "secondary_measure": "f1_difference"}
    stats = [tested | {"effect": "0.11", "secondary_effect": "-0.57"}]
    text = sentence(stats=stats, **fields)
    assert text == sentence(**fields) + " Right answers point the other way: +11.0 points."
    agreeing = [stats[0] | {"effect": "-0.11"}]
    assert sentence(stats=agreeing, **fields) == sentence(**fields)
    assert sentence(stats=stats, metric="accuracy", **fields) == sentence(metric="accuracy", **fields)


def test_a_margin_that_changed_after_the_answers_is_told():
    fields = {"effect": 0.0, "margin_ci_low": -0.02, "margin_ci_high": 0.02, "decision": "equivalent"}
    assert sentence(recorded=0.02, **fields).endswith(" The margin was 0.02 when the first test answers were made.")
    assert "was not recorded before the test answers were made." in sentence(recorded=None, **fields)
    assert "was" not in sentence(**fields)


def test_a_headline_metric_without_a_paired_interval_is_named():
    fields = {"effect": 0.0, "margin_ci_low": -0.02, "margin_ci_high": 0.02, "decision": "equivalent"}
    text = sentence(metric="accuracy", headline="auroc", **fields)
    assert text.endswith(" The decision compares right answers: AUROC has no paired interval.")
    assert text.startswith(sentence(metric="accuracy", **fields))


@pytest.mark.parametrize(
    ("fields", "low", "words"),
    [
        ({"decision": "better"}, "-0.01", " (95% interval -1.0 to 5.2), so that other seeds may show no difference."),
        ({"decision": "better"}, "0.002", " (95% interval 0.2 to 5.2)."),
        ({"decision": "undecided"}, "-0.01", " (95% interval -1.0 to 5.2)."),
        ({"decision": "better"}, "", "."),
        ({"decision": "better", "metric": "accuracy"}, "-0.01", None),
        ({"decision": "better", "comparison": "dpo_vs_base"}, "-0.01", None),
    ],
)
def test_several_seeds_are_told_beside_the_decision_about_the_first(fields, low, words):
    seeds = {"task": "uti", "model": "llama", "comparison": "dpo_vs_sft", "measure": "f1_difference", "n_seeds": "3"}
    seeds |= {"effect": "0.021", "ci_low": low, "ci_high": low and "0.052"}
    expected = "" if words is None else f" Over 3 training seeds: +2.1{words}"
    assert over_seeds(decision_row(**fields), [seeds | {"model": "mistral"}, seeds]) == expected
    assert over_seeds(decision_row(**fields), []) == ""


def test_synthetic_data_and_proxy_grades_are_marked():
    text = sentence(status="pending", data="synthetic", proxy="true", grader="rouge_likert")
    assert text == "Grades awaited. [synthetic data, proxy grades (rouge_likert)]"


def test_the_price_is_the_hours_of_both_stages_and_of_the_reference_against_sft_alone(tmp_path):
    def run(stage, part, seconds, device):
        path = tmp_path / f"uti/llama/{stage}/lr1e-05{'_beta0.1' if stage == 'dpo' else ''}/{part}/run.json"
        record = {"wall_seconds": seconds, "steps": 10, "resumed_from_step": 0, "device": device}
        write_json(path, record | {"settings": {"batch_size": 4}, "evaluation_seconds": 0.0, "loading_seconds": 0.0})
        return path

    reference = tmp_path / "uti/llama/preferences/train.reference.json"
    write_json(reference, {"wall_seconds": 8, "loading_seconds": 2})
    runs = [run("sft", "adapter", 30, "A100"), run("sft", "probe", 10, "A100"), run("dpo", "adapter", 60, "A100")]
    assert prices(runs, []) == {"llama": (2.5, "GPU hours")}
    assert prices(runs, [reference]) == {"llama": (2.75, "GPU hours")}
    runs.append(run("dpo", "probe", 20, "cpu (x86_64)"))
    assert prices(runs, [reference]) == {"llama": (3.25, "training hours")}


def test_the_latex_table_breaks_sentences_into_lines():
    rows = [decision_row(sentence="SFT is enough: 5% & more.", published=""), decision_row(comparison="sft_vs_base")]
    rows = [dict.fromkeys([*COLUMNS, "published"], "") | row for row in rows]
    caption, columns = TABLES["decisions"]
    text = latex_table(rows, columns, caption=caption, label="tab:decisions")
    assert "p{8cm}" in text and r"SFT is enough: 5\% \& more." in text

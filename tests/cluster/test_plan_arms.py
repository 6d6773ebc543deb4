"""The plan of arms beside that of SFT and DPO."""

import pytest

from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.plans import by

MODEL = "llama3-8b-instruct"
RATES = [1e-5 * number for number in range(1, 16)]  # as many as DPO has trials
ARMS = {"few_shot": {"examples": 3}, "sft_longer": {"learning_rate": RATES}, "dpo_sft": {"sft_weight": 1.0}}


def planned(arms):
    """(rule, stage) -> row of uti on Llama-3-8B."""
    study = load_study(merge(PUBLISHED, {"overrides": {"tasks": {"uti": {"arms": arms}}}}), ROOT)
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    return {key[2:]: row for key, row in rows.items() if key[:2] == ("uti", MODEL)}


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


def test_trained_arms_have_the_work_of_their_loss():
    """dpo_sft reads what DPO reads. sft_longer reads one answer, with the ranks of SFT and its own. It has no probe."""
    rows = planned(ARMS)
    for rule in ("probe", "train"):
        assert rows[rule, "dpo_sft"]["jobs"] == rows[rule, "dpo"]["jobs"] == 15
        assert rows[rule, "dpo_sft"]["pflop"] == pytest.approx(rows[rule, "dpo"]["pflop"])
    assert ("probe", "sft_longer") not in rows and rows["train", "sft_longer"]["jobs"] == 15
    each = {stage: rows["train", stage]["pflop"] / rows["train", stage]["jobs"] for stage in ("sft", "sft_longer")}
    # 1,000 steps of 4 rows and 200 eval rows of 304 tokens, with 168 million weights of the LoRA more
    more = 167_772_160 * 304 * (6 * 4000 + 2 * 200) / 1e15
    assert each["sft_longer"] - each["sft"] == pytest.approx(more)
    assert rows["train", "sft_longer"]["article_hours"] is rows["train", "dpo_sft"]["article_hours"] is None
    assert rows["train", "sft_longer"]["passes"] == rows["train", "dpo"]["passes"]


def test_few_shot_prompts_hold_the_tokens_of_their_examples():
    plain, few, more = (
        planned({"few_shot": {"examples": count}} if count else {})["predict", ""] for count in (0, 3, 6)
    )
    assert (plain["jobs"], few["jobs"]) == (3, 4)
    assert few["pflop"] - plain["pflop"] > 0 and more["pflop"] > few["pflop"]
    # each further example is a prompt of 300 and an answer of 4 tokens of every test row
    tokens = 3 * 304
    least = 2 * 6_979_321_856 * tokens * items() / 1e15
    assert least < more["pflop"] - few["pflop"] < 1.2 * least


def items():
    return load_study(PUBLISHED, ROOT).tasks["uti"]["splits"]["test"]


def test_arms_leave_the_plan_of_sft_and_dpo_as_it_is():
    plain, with_arms = planned({}), planned(ARMS)
    for key in (("train", "sft"), ("probe", "dpo"), ("train", "dpo"), ("compute_reference_logps", "")):
        assert with_arms[key] == plain[key]

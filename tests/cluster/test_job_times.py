"""Shares of the peak come from finished jobs, and the plan's error from jobs that it did not use."""

import pytest

from clinical_dpo.cluster.cards import CARDS, card_of_device, cpu
from clinical_dpo.cluster.job_times import (
    ASSUMED,
    ASSUMED_SHARE,
    Finished,
    job_seconds,
    measured_shares,
    plan_errors,
    planned_card,
    share_of,
    start_seconds,
)
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

JOBS = [Finished("SFT", 10, 5, 25), Finished("SFT", 20, 5, 105), Finished("answers", 3, 5, 35)]


def study(**compute):
    return load_study(merge(PUBLISHED, {"compute": compute}), ROOT)


def test_a_share_is_the_work_at_the_peak_over_the_time_without_loading():
    shares = measured_shares(JOBS)
    assert shares["SFT"].value == pytest.approx(30 / 120)
    assert (shares["SFT"].low, shares["SFT"].high, shares["SFT"].jobs) == (0.2, 0.5, 2)
    assert shares["answers"].value == pytest.approx(0.1)


def test_a_kind_without_finished_jobs_has_the_share_of_a_similar_kind():
    shares = measured_shares(JOBS)
    assert share_of("DPO", shares) == share_of("reference", shares) == shares["SFT"]
    assert share_of("answers", measured_shares(JOBS[:2])) == ASSUMED and share_of("SFT", {}) == ASSUMED


def test_a_jobs_time_is_its_start_and_its_work_at_the_share():
    assert job_seconds(35, 7, 0.35) == pytest.approx(107)


def test_the_error_of_a_plan_comes_from_the_other_jobs_of_a_kind():
    sft, answers = plan_errors(JOBS)
    first, second = 5 + 10 / 0.2, 5 + 20 / 0.5  # each with the other's share
    assert sft["error"] == pytest.approx((abs(first / 25 - 1) + abs(second / 105 - 1)) / 2)
    assert sft["assumed_ratio"] == pytest.approx(130 / (10 + 30 / ASSUMED_SHARE))
    assert answers["error"] is None and plan_errors([]) == []


@pytest.mark.parametrize(
    ("device", "card"),
    [
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100-PCIE-40GB", "a100_40gb"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", "h100_pcie"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA RTX A6000", "a6000"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
    ],
)
def test_pytorchs_name_of_a_card_is_recognised(device, card):
    assert card_of_device(device, 8) == CARDS[card]


def test_an_unknown_card_is_none_and_a_cpu_counts_its_threads():
    assert card_of_device("AMD Instinct MI300X", 8) is None
    assert card_of_device("cpu (x86_64)", 8) == cpu(8) and cpu(8).float32_flops == 8 * cpu(1).float32_flops


def test_the_card_of_the_plan_is_the_configs():
    llama = "llama3-8b-instruct"
    assert planned_card(study(), llama).name == "a100"
    assert planned_card(study(gpu_model="h100"), llama).name == "h100"
    assert planned_card(study(gpu_model="h100", card="l4"), llama).name == "l4"
    assert (
        planned_card(study(gpu_model="tesla"), llama).name == planned_card(study(gpu_model=None), llama).name == "a100"
    )


def test_a_job_starts_after_its_weights_are_read():
    assert start_seconds({"parameters": 8_000_000_000, "dtype": "bfloat16"}) == pytest.approx(20 + 16)


def test_the_schema_lists_every_card():
    from clinical_dpo.schemas import SCHEMAS
    from clinical_dpo.yaml_files import read_yaml

    schema = read_yaml(SCHEMAS / "config.schema.yaml")["properties"]["compute"]["properties"]["card"]
    assert schema["enum"] == [None, *schema["enum"][1:]] and set(schema["enum"][1:]) == set(CARDS)

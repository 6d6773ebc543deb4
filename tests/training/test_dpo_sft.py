"""DPO with the SFT loss against stock TRL's loss types `sigmoid` and `sft`, within float32 rounding."""

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.dpo_trainer import chosen_loss
from tests.helpers.training_cases import (
    DPO,
    dpo_data,
    dpo_run,
    largest_differences,
    logged,
    logged_file,
    stock_dpo,
    trained_study,
)

STEPS, WEIGHT = 9, 0.7
SGD = {"optimizer": "sgd", "learning_rate": 0.3, "lr_scheduler_type": "constant", "warmup_steps": 0}
STOCK = {"optim": "sgd", "learning_rate": 0.3, "max_steps": STEPS, "loss_type": ["sigmoid", "sft"]}
STOCK |= {"eval_strategy": "steps", "eval_steps": 3, "eval_on_start": True}
ONE_PAIR = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4, "per_device_eval_batch_size": 1}


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    return trained_study(tiny_base, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory):
    """Layout -> folder of a run with two pairs per micro-batch, whose answers have different lengths."""
    base, folder = study
    out = tmp_path_factory.mktemp("trained")
    for layout in ("flat", "padded"):
        run = dpo_run(base, out / layout, STEPS, sft_weight=WEIGHT, layout=layout, **SGD)
        train_dpo(run, *dpo_data(folder))
    return {layout: out / layout for layout in ("flat", "padded")}


@pytest.fixture(scope="module")
def stock(study):
    base, folder = study
    trainer = stock_dpo(base, folder, **STOCK, **ONE_PAIR, loss_weights=[1.0, WEIGHT])
    trainer.train()
    return trainer


@pytest.mark.parametrize("layout", ["flat", "padded"])
def test_losses_and_weights_equal_stock_trl_with_one_pair_per_micro_batch(trained, stock, layout):
    expected, actual = logged(stock.state.log_history), logged_file(trained[layout] / "log.csv")
    assert len(actual["train"]["loss"]) == STEPS and len(actual["eval"]["loss"]) == 4
    for split in ("train", "eval"):
        assert largest_differences(expected[split], actual[split])["loss"] < 2e-5
    weights, rank = load_file(trained[layout] / "adapter_model.safetensors"), DPO["lora"]["rank"]
    for name, value in get_peft_model_state_dict(stock.model).items():
        ours = weights[name][-rank:] if "lora_A" in name else weights[name][:, -rank:]
        torch.testing.assert_close(ours, value.cpu(), atol=2e-6, rtol=0)


def test_the_weight_counts(study, trained, tmp_path):
    base, folder = study
    train_dpo(dpo_run(base, tmp_path / "plain", STEPS, **SGD), *dpo_data(folder))
    plain, added = (logged_file(path / "log.csv")["eval"] for path in (tmp_path / "plain", trained["flat"]))
    assert plain["loss"][0] == pytest.approx(0.6931, abs=1e-4) and added["loss"][0] > plain["loss"][0] + 0.1
    assert added["logps/chosen"][0] == pytest.approx(plain["logps/chosen"][0])
    assert added["logps/chosen"][-1] > plain["logps/chosen"][-1]


def test_each_pair_counts_alike_whatever_the_length_of_its_answer():
    logps = torch.tensor([[-1.0, -2.0, -3.0], [-4.0, 0.0, 0.0], [-9.0, -9.0, -9.0], [-9.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.bool)
    assert chosen_loss(logps, mask).item() == pytest.approx((2.0 + 4.0) / 2)

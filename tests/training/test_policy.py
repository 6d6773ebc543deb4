"""The policy and the reference model of DPO against plain PEFT and stock TRL."""

import shutil

import pandas as pd
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl
from clinical_dpo.models.load import device, load_base, load_variant
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training import dpo
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.dpo_trainer import tied
from clinical_dpo.training.flat.model import answer_logps, picked_logps, use_flat_layout, without_adapter
from clinical_dpo.training.lora import lora_layers, lora_names
from clinical_dpo.training.reference_logps import pair_logps, pair_rows
from clinical_dpo.training.row_logps import rows_layout
from clinical_dpo.training.sft_ranks import policy_with_frozen_sft_ranks
from tests.conftest import MODEL
from tests.helpers.training_cases import (
    DPO,
    SETTINGS,
    assert_sft_ranks_kept,
    dpo_data,
    dpo_run,
    logits,
    merged,
    stock_dpo,
    trained_study,
)


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    return trained_study(tiny_base, tmp_path_factory.mktemp("study"))


def test_the_untrained_policy_equals_the_sft_model(study):
    """One adapter holds ranks 4 and 3 of scales 4 and 1."""
    base, folder = study
    tokenizer = load_tokenizer(base)
    policy = policy_with_frozen_sft_ranks(
        load_base(base, MODEL), folder / "sft", DPO["lora"], MODEL["lora_targets"]
    ).eval()
    expected = logits(merged(base, folder / "sft"), tokenizer)
    torch.testing.assert_close(logits(policy, tokenizer), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(expected, logits(load_base(base, MODEL), tokenizer), atol=1e-2)


def test_all_linear_layers_are_those_of_peft(tiny_base):
    model = load_base(tiny_base, MODEL)
    names = lora_names(model, "all-linear")
    assert names == sorted(MODEL["lora_targets"])
    peft = get_peft_model(load_base(tiny_base, MODEL), LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM"))
    ours = get_peft_model(model, LoraConfig(target_modules=names, task_type="CAUSAL_LM"))
    assert lora_layers(ours) == lora_layers(peft) == dict.fromkeys(names, 2)


@pytest.mark.parametrize("targets", [["query_key_value"], ["q_proj", "v_pro"], ["lm_head"], ["embed_tokens"]])
def test_lora_targets_that_match_no_linear_layer_are_refused_by_name(tiny_base, targets):
    with pytest.raises(UserError, match=rf"'lora_targets': the model has no linear layer '{targets[-1]}'.*all-linear"):
        lora_names(load_base(tiny_base, MODEL), targets)


def test_the_reference_model_is_the_sft_model_and_not_the_base(study):
    """Log-probabilities equal those of stock TRL's reference pass; the base model's differ by up to some nats."""
    base, folder = study
    trainer = stock_dpo(base, folder)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(24)])
    chosen, rejected = trainer.compute_ref_log_probs(trainer.model, batch)
    stored = pd.read_parquet(folder / "train.parquet")
    assert stored["id"].tolist() == [f"r{i}" for i in range(24)]
    torch.testing.assert_close(torch.tensor(stored["chosen"]).float(), chosen, atol=2e-4, rtol=1e-5)
    torch.testing.assert_close(torch.tensor(stored["rejected"]).float(), rejected, atol=2e-4, rtol=1e-5)
    plain = without_adapter(load_variant(base, None, MODEL))
    use_flat_layout(plain)
    pairs = read_jsonl(folder / "train.pairs.jsonl")
    base_logps = pair_logps(plain, load_tokenizer(base), pairs, 256, 4)
    assert (torch.tensor(base_logps["chosen"]) - chosen).abs().max() > 0.5


def test_the_reference_model_cuts_answers_as_training_does(study):
    """Cut at 40 tokens, the answers of some pairs no longer differ."""
    base, folder = study
    trainer = stock_dpo(base, folder, max_length=40)
    kept = {pair["prompt"][0]["content"] for pair in trainer.train_dataset}
    pairs = [row for row in read_jsonl(folder / "train.pairs.jsonl") if row["prompt"][0]["content"] in kept]
    assert 4 < len(pairs) < 24
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(pairs))])
    expected = torch.stack(trainer.compute_ref_log_probs(trainer.model, batch))
    reference = without_adapter(load_variant(base, folder / "sft", MODEL))
    use_flat_layout(reference)
    logps = pair_logps(reference, load_tokenizer(base), pairs, 40, 5)
    torch.testing.assert_close(torch.tensor([logps["chosen"], logps["rejected"]]), expected, atol=2e-4, rtol=1e-5)


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory):
    """The trainer at the end of a DPO run, and the folder of the saved adapter."""
    base, folder = study
    out = tmp_path_factory.mktemp("trained") / "dpo"
    trainers, train_and_save = [], dpo.train_and_save

    def record(run, prepared, trainer, branches, **more):
        trainers.append(trainer)
        train_and_save(run, prepared, trainer, branches, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dpo, "train_and_save", record)
        train_dpo(dpo_run(base, out), *dpo_data(folder))
    return trainers[0], out


def test_dpo_trains_the_new_ranks_and_keeps_the_sft_ranks(study, trained):
    _, folder = study
    _, out = trained
    sft = load_file(folder / "sft/adapter_model.safetensors")
    policy = load_file(out / "adapter_model.safetensors")
    assert_sft_ranks_kept(sft, policy)


def test_plain_peft_computes_the_saved_policy_s_log_probabilities(study, trained):
    """They equal the log-probabilities of the model in memory at the end of training."""
    base, folder = study
    trainer, out = trained
    tokenizer, model = load_tokenizer(base), without_adapter(trainer.model).eval()
    plain = PeftModel.from_pretrained(load_base(base, MODEL), str(out)).eval()
    for pair in read_jsonl(folder / "eval.pairs.jsonl"):
        layout = rows_layout(*pair_rows([pair], tokenizer, 256), 2)
        computed = answer_logps(model, layout)
        ids = layout["input_ids"][:, : layout["segments"][0][1]].to(device())  # the prompt with the chosen answer
        with torch.no_grad():
            logps = plain(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
        first = int(layout["prediction_mask"][0].nonzero()[0])
        assert computed[0].item() == pytest.approx(logps[first:].sum().item(), abs=1e-4)
    assert not torch.allclose(logits(plain, tokenizer), logits(merged(base, folder / "sft"), tokenizer), atol=1e-3)


def test_a_policy_that_is_not_the_reference_model_before_the_first_step_is_refused(study, tmp_path):
    base, folder = study
    for path in folder.iterdir():
        if path.is_file():
            shutil.copyfile(path, tmp_path / path.name)
    shutil.copytree(folder / "sft", tmp_path / "sft")
    stored = pd.read_parquet(tmp_path / "train.parquet")
    stored["chosen"] -= 0.05
    stored.to_parquet(tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"differ before the first step, by 0\.0[45].* nats.*Delete preferences"):
        train_dpo(dpo_run(base, tmp_path / "out"), *dpo_data(tmp_path))
    stored["chosen"] = float("nan")
    stored.to_parquet(tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"are not finite numbers\. Lower the learning rate of sft"):
        train_dpo(dpo_run(base, tmp_path / "out"), *dpo_data(tmp_path))
    assert not (tmp_path / "out").exists()


def test_log_probabilities_over_a_large_vocabulary_are_right_to_a_millionth():
    torch.manual_seed(0)
    logits, tokens = torch.randn(64, 49152) * 4, torch.randint(49152, (64,))
    exact = logits.double().log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    assert (picked_logps(logits, tokens).double() - exact).abs().max() < 4e-6


def test_all_pairs_are_tied_before_the_first_step_and_none_at_the_end(trained):
    _, out = trained
    first, *_, last = [row for row in read_csv(out / "log.csv") if row["split"] == "eval"]
    assert float(first["loss"]) == pytest.approx(0.6931, abs=1e-4)
    assert float(first["rewards/ties"]) == 1 and float(first["rewards/accuracies"]) == 0
    assert abs(float(first["rewards/margins"])) < 1e-6
    assert float(last["rewards/ties"]) == 0 and float(last["rewards/margins"]) > 0


def test_rewards_are_tied_within_the_rounding_of_their_log_probabilities():
    margins = torch.tensor([0.0, 9e-7, -9e-7, 3e-6, 3e-6, -1e-3])
    logps = torch.tensor([-1.0, -1.0, -1.0, -1.0, -90.0, -90.0, *[-1.0] * 6])
    assert tied(margins, logps, beta=0.1).tolist() == [True, True, True, False, True, False]


def test_an_optimizer_that_changes_frozen_ranks_is_refused(study, tmp_path):
    base, folder = study
    with pytest.raises(UserError, match=r"key 'optimizer': the optimizer 'adamw_8bit'.*Set optimizer: adamw_torch"):
        train_dpo(dpo_run(base, tmp_path / "dpo", optimizer="adamw_8bit"), *dpo_data(folder))


def test_log_probabilities_of_other_pairs_are_refused(study, tmp_path):
    base, folder = study
    train_pairs, eval_pairs, train_logps, _, sft = dpo_data(folder)
    run = dpo_run(base, tmp_path / "dpo", lora=SETTINGS["lora"])
    with pytest.raises(UserError, match=r"train\.parquet: the ids in this file differ.*Delete .*train\.parquet"):
        train_dpo(run, train_pairs, eval_pairs, train_logps, train_logps, sft)

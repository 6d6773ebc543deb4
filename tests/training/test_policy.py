"""The policy and the reference of DPO against plain PEFT and stock TRL."""

import pandas as pd
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl
from clinical_dpo.models.load import device, load_base, load_variant
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training import dpo
from clinical_dpo.training.dpo import policy_with_frozen_sft_ranks, train_dpo
from clinical_dpo.training.dpo_trainer import tied
from clinical_dpo.training.flat.model import answer_logps, use_flat_layout, without_adapter
from clinical_dpo.training.reference_logps import pairs_layout, score_pairs
from tests.conftest import MODEL
from tests.helpers.training_cases import DPO, SETTINGS, dpo_data, dpo_run, logits, merged, stock_dpo, trained_study


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    return trained_study(tiny_base, tmp_path_factory.mktemp("study"))


def test_untrained_policy_is_the_sft_model(study):
    """Ranks 4 and 3, scales 4 and 1 in one adapter."""
    base, folder = study
    tokenizer = load_tokenizer(base)
    policy = policy_with_frozen_sft_ranks(
        load_base(base, MODEL), folder / "sft", DPO["lora"], MODEL["lora_targets"]
    ).eval()
    expected = logits(merged(base, folder / "sft"), tokenizer)
    torch.testing.assert_close(logits(policy, tokenizer), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(expected, logits(load_base(base, MODEL), tokenizer), atol=1e-2)


def test_reference_is_the_sft_model_and_not_the_base(study):
    """Stock TRL's own reference pass gives the same log-probabilities; the base model's are nats away."""
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
    found = score_pairs(plain, load_tokenizer(base), pairs, 256, 4)
    assert (torch.tensor(found["chosen"]) - chosen).abs().max() > 0.5


def test_answers_are_cut_in_the_reference_as_in_training(study):
    """At 40 tokens some pairs keep no difference between their answers."""
    base, folder = study
    trainer = stock_dpo(base, folder, max_length=40)
    kept = {pair["prompt"][0]["content"] for pair in trainer.train_dataset}
    pairs = [row for row in read_jsonl(folder / "train.pairs.jsonl") if row["prompt"][0]["content"] in kept]
    assert 4 < len(pairs) < 24
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(pairs))])
    expected = torch.stack(trainer.compute_ref_log_probs(trainer.model, batch))
    reference = without_adapter(load_variant(base, folder / "sft", MODEL))
    use_flat_layout(reference)
    found = score_pairs(reference, load_tokenizer(base), pairs, 40, 5)
    torch.testing.assert_close(torch.tensor([found["chosen"], found["rejected"]]), expected, atol=2e-4, rtol=1e-5)


def test_only_the_new_ranks_are_trained_and_plain_peft_loads_the_result(study, tmp_path, monkeypatch):
    """The log-probabilities training ended with are those of the saved adapter in plain PEFT."""
    base, folder = study
    trained, train_and_save = [], dpo.train_and_save

    def remember(run, prepared, trainer, branches):
        trained.append(trainer)
        train_and_save(run, prepared, trainer, branches)

    monkeypatch.setattr(dpo, "train_and_save", remember)
    train_dpo(dpo_run(base, tmp_path / "dpo"), *dpo_data(folder))
    sft = load_file(folder / "sft/adapter_model.safetensors")
    wide = load_file(tmp_path / "dpo/adapter_model.safetensors")
    for name, value in sft.items():
        if "lora_A" in name:
            assert torch.equal(wide[name][:4], value)
        else:
            torch.testing.assert_close(wide[name][:, :4], value * 4)  # SFT's scale is 4, DPO's 1
            assert wide[name][:, 4:].abs().max() > 0
    tokenizer, model = load_tokenizer(base), without_adapter(trained[0].model).eval()
    pairs = read_jsonl(folder / "eval.pairs.jsonl")
    plain = PeftModel.from_pretrained(load_base(base, MODEL), str(tmp_path / "dpo")).eval()
    for pair in pairs:
        layout = pairs_layout([pair], tokenizer, 256)
        found = answer_logps(model, layout)
        ids = layout["input_ids"][:, : layout["segments"][0][1]].to(device())  # the prompt with the chosen answer
        with torch.no_grad():
            table = plain(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
        first = int(layout["predicted"][0].nonzero()[0])
        assert found[0].item() == pytest.approx(table[first:].sum().item(), abs=1e-4)
    assert not torch.allclose(logits(plain, tokenizer), logits(merged(base, folder / "sft"), tokenizer), atol=1e-3)


def test_before_the_first_step_all_pairs_are_tied(study, tmp_path):
    base, folder = study
    train_dpo(dpo_run(base, tmp_path / "dpo"), *dpo_data(folder))
    first, *_, last = [row for row in read_csv(tmp_path / "dpo/log.csv") if row["split"] == "eval"]
    assert float(first["loss"]) == pytest.approx(0.6931, abs=1e-4)
    assert float(first["rewards/ties"]) == 1 and float(first["rewards/accuracies"]) == 0
    assert abs(float(first["rewards/margins"])) < 1e-6
    assert float(last["rewards/ties"]) == 0 and float(last["rewards/margins"]) > 0


def test_rewards_are_tied_within_the_rounding_of_their_log_probabilities():
    margins = torch.tensor([0.0, 9e-7, -9e-7, 3e-6, 3e-6, -1e-3])
    logps = torch.tensor([-1.0, -1.0, -1.0, -1.0, -90.0, -90.0, *[-1.0] * 6])
    assert tied(margins, logps, beta=0.1).tolist() == [True, True, True, False, True, False]


def test_an_optimizer_that_moves_frozen_ranks_is_refused(study, tmp_path):
    base, folder = study
    with pytest.raises(UserError, match=r"adamw_8bit.*frozen SFT ranks"):
        train_dpo(dpo_run(base, tmp_path / "dpo", optimizer="adamw_8bit"), *dpo_data(folder))


def test_pairs_of_another_reference_are_refused(study, tmp_path):
    base, folder = study
    train_rows, eval_rows, train_reference, _, sft = dpo_data(folder)
    with pytest.raises(UserError, match=r"train\.parquet: holds other pairs"):
        train_dpo(
            dpo_run(base, tmp_path / "dpo", lora=SETTINGS["lora"]),
            train_rows,
            eval_rows,
            train_reference,
            train_reference,
            sft,
        )

"""Training of tiny models of several architectures against stock TRL; docs/architectures.md has the results."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json
from clinical_dpo.models.load import load_base
from clinical_dpo.training.flat.architectures import FLAT_ARCHITECTURES, computed_layout
from clinical_dpo.training.flat.layout import hidden_inputs, to_padded
from clinical_dpo.training.flat.model import picked_logps, use_flat_layout
from clinical_dpo.training.lora import lora_names
from clinical_dpo.training.row_logps import flat_row_logps, rows_layout
from clinical_dpo.training.sft import train_sft
from tests.conftest import MODEL, ROOT
from tests.helpers.architectures import CHECKS, COLUMNS, CONFIGS, TRAINING, WINDOW, cell, model_file, save_base
from tests.helpers.training_cases import sft_data, sft_run, write_rows

COMMAND = "python -m tests.helpers.architectures > docs/architectures.md"


def document_rows():
    """Architecture -> column -> cell of the table in the document."""
    text = (ROOT / "docs/architectures.md").read_text(encoding="utf-8")
    header, _, *lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: dict(zip(header[1:], cells[1:], strict=True)) for cells in lines}


@pytest.fixture(scope="module", params=CONFIGS)
def base(request, tmp_path_factory):
    return save_base(request.param, tmp_path_factory.mktemp("base") / request.param)


@pytest.mark.slow
@pytest.mark.parametrize("column", CHECKS)
def test_training_has_the_result_of_the_document(base, tmp_path, column):
    """The check of each cell raises an error if training does not equal stock TRL, or plain transformers in NF4."""
    assert cell(column, base.name, base, tmp_path) == document_rows()[base.name][column], f"run: {COMMAND}"


def test_the_document_has_every_architecture():
    rows = document_rows()
    assert rows.keys() == CONFIGS.keys() > set(FLAT_ARCHITECTURES)
    assert all(tuple(row) == COLUMNS and row["LoRA"] == row["padded"] for row in rows.values())


def pair_of_rows():
    """Two prompts, one longer than the window, with a chosen and a rejected answer each; and the prompts' lengths."""
    draw = torch.Generator().manual_seed(3)
    prompts = [torch.randint(3, 99, (length,), generator=draw).tolist() for length in (2 * WINDOW, 5)]
    answers = [[7, 8, 9], [7] * (2 * WINDOW), [7, 9], [11, 12]]
    return [prompt + answer for prompt, answer in zip(prompts * 2, answers, strict=True)], [2 * WINDOW, 5] * 2


def gradients(model, loss):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def losses(logps):
    """The SFT loss of the chosen answers, and the DPO loss with a constant reference model."""
    chosen, rejected = logps.view(2, -1)
    return -chosen.mean(), -torch.nn.functional.logsigmoid(0.1 * (chosen - rejected - 3.0)).mean()


@pytest.mark.parametrize("architecture", FLAT_ARCHITECTURES)
def test_losses_and_gradients_equal_those_of_rows_computed_alone(architecture):
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(CONFIGS[architecture]({"vocab_size": 99}))
    rows, starts = pair_of_rows()
    alone = []
    for row, start in zip(rows, starts, strict=True):
        logps = model(torch.tensor([row])).logits[0].log_softmax(-1)
        alone.append(sum(logps[index - 1, row[index]] for index in range(start, len(row))))
    expected = [(loss, gradients(model, loss)) for loss in losses(torch.stack(alone))]
    use_flat_layout(model)
    layout = rows_layout(rows, starts, 2)
    hidden = model.base_model(**hidden_inputs(layout), use_cache=False).last_hidden_state
    logps = picked_logps(model.get_output_embeddings()(hidden), layout["shift_labels"])
    computed = losses(to_padded(logps, layout["prediction_mask"]).sum(1))
    for (loss, grads), actual in zip(expected, computed, strict=True):
        torch.testing.assert_close(actual, loss, rtol=1e-5, atol=1e-5)
        actual_grads = gradients(model, actual)
        assert actual_grads.keys() == grads.keys()
        for name, grad in grads.items():
            tolerance = 1e-4 * grad.abs().max().item()
            torch.testing.assert_close(actual_grads[name], grad, rtol=1e-4, atol=tolerance, msg=name)


def test_a_run_says_once_that_it_pads_and_why(tmp_path, capsys):
    base = save_base("gemma2", tmp_path / "base")
    write_rows(tmp_path)
    run = sft_run(base, tmp_path / "sft", 1, model=model_file("gemma2"), **TRAINING)
    train_sft(run, *sft_data(tmp_path))
    record = read_json(tmp_path / "sft/run.json")
    assert record["layout"] == "padded" and record["padding_share"] > 0
    assert record["padded_because"] == "the flat layout is not tested for the architecture gemma2"
    assert capsys.readouterr().out.count(f"Rows are padded, because {record['padded_because']}.") == 1


def test_an_attention_that_an_architecture_lacks_is_refused_with_the_key(tmp_path):
    base = save_base("gemma2", tmp_path / "base")
    with pytest.raises(UserError, match=r"ours.yaml: key 'attention': .* 'sdpa' .* 'gemma2'. Set `attention: eager`"):
        load_base(base, MODEL | {"name": "ours", "attention": "sdpa"})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("final_logit_softcapping", 30.0), ("attn_logit_softcapping", 50.0), ("use_bidirectional_attention", True)],
)
def test_a_setting_that_the_flat_layout_does_not_support_pads_a_listed_architecture(setting, value):
    config = CONFIGS["gemma3_text"]({"vocab_size": 99, setting: value})
    model = AutoModelForCausalLM.from_config(config)
    assert computed_layout(model, "flex") == ("padded", f"the flat layout does not support {setting} of gemma3_text")
    assert computed_layout(model, "padded") == ("padded", None)
    with pytest.raises(ValueError, match=setting):
        use_flat_layout(model)


@pytest.mark.parametrize("architecture", ["qwen3", "gemma3_text"])
@pytest.mark.parametrize("mistake", ["no window", "one rotary base", "one kind of layer"])
def test_a_mistake_in_a_layer_would_change_the_log_probabilities(architecture, mistake):
    """The comparisons above can see the window, both rotary bases and the order of the layers."""
    if (architecture, mistake) == ("qwen3", "one rotary base"):
        pytest.skip("Qwen3 has one rotary base")
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(CONFIGS[architecture]({"vocab_size": 99}))
    row = torch.randint(3, 99, (1, 3 * WINDOW)).tolist()
    use_flat_layout(model)
    before = flat_row_logps(model, row, [2 * WINDOW], 1)
    for layer in model.base_model.layers:
        if mistake == "no window":
            layer.self_attn.sliding_window = None
        elif mistake == "one kind of layer":
            layer.self_attn.sliding_window = WINDOW
    if mistake == "one rotary base":
        rotary = model.base_model.rotary_emb
        rotary.sliding_attention_inv_freq = rotary.full_attention_inv_freq
    assert (flat_row_logps(model, row, [2 * WINDOW], 1) - before).abs() > 1e-3


def test_all_linear_layers_of_a_mixture_are_its_attention_and_the_log_says_so(tmp_path, capsys):
    base = load_base(save_base("mixtral", tmp_path / "base"), model_file("mixtral"))
    assert lora_names(base, "all-linear") == ["k_proj", "o_proj", "q_proj", "v_proj"]
    experts = sum(weight.numel() for name, weight in base.named_parameters() if ".experts." in name)
    assert experts and f"The experts ({experts:,} weights) get no LoRA" in capsys.readouterr().out
    lora_names(load_base(save_base("llama", tmp_path / "llama"), model_file("llama")), "all-linear")
    assert "experts" not in capsys.readouterr().out


def test_a_model_that_reads_images_has_a_lora_on_its_language_model_alone(tmp_path):
    base = save_base("gemma3", tmp_path / "base")
    write_rows(tmp_path)
    run = sft_run(base, tmp_path / "sft", 1, model=model_file("gemma3", lora_targets="all-linear"), **TRAINING)
    train_sft(run, *sft_data(tmp_path))
    weights = load_file(tmp_path / "sft/adapter_model.safetensors")
    assert weights and all(".language_model." in name for name in weights)
    assert read_json(tmp_path / "sft/run.json")["lora_layers"].keys() == set(MODEL["lora_targets"])

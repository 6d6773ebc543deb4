"""Tiny random models of several architectures, and training of each against stock TRL and plain transformers.

`python -m tests.helpers.architectures > docs/architectures.md` writes that page.
"""

import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)
from trl import DPOConfig, DPOTrainer

from clinical_dpo.io import read_json, read_jsonl, write_json
from clinical_dpo.models.load import BASE_RECORD, keep_differentiable, load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.flat.architectures import FLAT_ARCHITECTURES, computed_layout
from clinical_dpo.training.reference_logps import compute_reference_logps
from clinical_dpo.training.sft import train_sft
from tests.conftest import MODEL
from tests.helpers.chat_tokenizers import chat_tokenizer
from tests.helpers.training_cases import (
    DPO,
    STOCK,
    dataset,
    dpo_data,
    dpo_run,
    logged,
    logged_file,
    pair_files,
    rows,
    sft_data,
    sft_run,
    stock_dpo,
    stock_sft,
    write_rows,
)

MLP = ("gate_proj", "up_proj", "down_proj")
WINDOW = 16  # tokens, fewer than in any prompt of `rows`
SIZE = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "initializer_range": 0.1}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
WIDE = SIZE | HEADS | {"head_dim": 24}  # heads that are together wider than the model
SLIDING_THEN_FULL = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": WINDOW}
GEMMA3 = WIDE | SLIDING_THEN_FULL | {"query_pre_attn_scalar": 10}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
CONFIGS = {  # `model_type` -> its configuration of a vocabulary
    "llama": lambda tokens: LlamaConfig(**SIZE | HEADS | tokens),
    "mistral": lambda tokens: MistralConfig(**SIZE | HEADS | tokens, sliding_window=WINDOW),
    "qwen2": lambda tokens: Qwen2Config(**SIZE | HEADS | tokens),
    "qwen3": lambda tokens: Qwen3Config(
        **WIDE | tokens, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
    ),
    "gemma3_text": lambda tokens: Gemma3TextConfig(**GEMMA3 | tokens),
    "gemma3": lambda tokens: Gemma3Config(
        text_config=GEMMA3 | tokens,
        vision_config=VISION | {"image_size": 28, "patch_size": 14},
        image_token_index=100_000,
        mm_tokens_per_image=4,
    ),
    "gemma2": lambda tokens: Gemma2Config(**WIDE | SLIDING_THEN_FULL | tokens, final_logit_softcapping=2.0),
    "granite": lambda tokens: GraniteConfig(**SIZE | HEADS | tokens, logits_scaling=3.0),
    "olmo2": lambda tokens: Olmo2Config(**SIZE | HEADS | tokens),
    "phi3": lambda tokens: Phi3Config(**SIZE | HEADS | {"pad_token_id": 0} | tokens),
    "mixtral": lambda tokens: MixtralConfig(**SIZE | HEADS | tokens, num_local_experts=4),
    "falcon": lambda tokens: FalconConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.1, alibi=True, **tokens
    ),
    "gpt2": lambda tokens: GPT2Config(
        n_embd=64, n_layer=2, n_head=4, initializer_range=0.1, **dict.fromkeys(DROPOUTS, 0.0), **tokens
    ),
}
NF4 = {"type": "nf4", "double": True, "compute_dtype": "float32"}
LORA = {"rank": 4, "alpha": 16, "dropout": 0.0}
STEPS, LEARNING_RATE = 2, 0.1
SGD = {"optimizer": "sgd", "learning_rate": LEARNING_RATE, "lr_scheduler_type": "constant", "warmup_steps": 0}
AS_STOCK = {"max_steps": STEPS, "optim": "sgd", "learning_rate": LEARNING_RATE, "per_device_train_batch_size": 4}
TRAINING = {"lora": LORA, "micro_batch_size": 4, "eval_steps": 1000, **SGD}
CLOSE = {"rtol": 2e-5, "atol": 2e-5}  # float32 rounding of a metric, in nats and shares
CLOSE_WEIGHTS = {"rtol": 1e-4, "atol": 1e-6}  # SGD: a difference between weights is one between gradients


def save_base(architecture, folder):
    """Save a random model of an architecture with a tokenizer. Norms have random weights too."""
    texts = tuple(part[0]["content"] for row in rows(24) for part in (row["prompt"], row["completion"]))
    tokenizer = chat_tokenizer("llama3", texts)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(CONFIGS[architecture]({"vocab_size": len(tokenizer), **ids}))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_json(folder / BASE_RECORD, {"source": "folder", "id": architecture, "revision": "test"})
    return folder


def model_file(architecture, **changes):
    """Settings of a model file. PEFT trains layers of Llama's names, or all linear layers; of Mixtral the attention."""
    settings = {"attention": "eager"} if architecture == "gemma2" else {}  # its capped scores have no other form
    if architecture in ("phi3", "falcon", "gpt2"):
        settings["lora_targets"] = "all-linear"
    if architecture == "mixtral":
        settings["lora_targets"] = [name for name in MODEL["lora_targets"] if name not in MLP]  # its MLPs are experts
    return MODEL | settings | changes


def stock_targets(architecture):
    """PEFT's target modules that equal `lora_targets` of the model file."""
    if architecture == "gemma3":
        return rf".*language_model.*\.({'|'.join(MODEL['lora_targets'])})"
    return None


def assert_same_training(stock, out, weights):
    """Losses, gradient norms, log-probabilities and trained weights equal those of stock TRL."""
    expected, actual = logged(stock.state.log_history)["train"], logged_file(out / "log.csv")["train"]
    assert expected.keys() >= {"loss", "grad_norm", "entropy"} and len(expected["loss"]) == STEPS
    for metric, values in expected.items():
        assert_close(metric, torch.tensor(actual[metric]), torch.tensor(values), CLOSE)
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert_close(name, weights[1][name], value.detach(), CLOSE_WEIGHTS)


def assert_close(name, actual, expected, tolerance):
    torch.testing.assert_close(actual, expected, **tolerance, msg=lambda text: f"{name}: {text}")


def train_lora(base, folder, model, layout):
    """Train both stages. Yields the stage's name and folder after each."""
    train_sft(sft_run(base, folder / "sft", STEPS, layout=layout, model=model, **TRAINING), *sft_data(folder))
    yield "sft", folder / "sft"
    compute_reference_logps(base, folder / "sft", model, pair_files(folder), 256, 4)
    train_dpo(dpo_run(base, folder / "dpo", STEPS, layout=layout, model=model, **TRAINING), *dpo_data(folder))
    yield "dpo", folder / "dpo"


def compare_lora(base, folder, architecture, layout):
    """SFT, and DPO from the SFT model, equal stock TRL. Returns the layout that both computed."""
    write_rows(folder)
    model, targets = model_file(architecture), stock_targets(architecture)
    for stage, out in train_lora(base, folder, model, layout):
        make = stock_sft if stage == "sft" else stock_dpo
        stock = make(base, folder, LORA, model, targets, **AS_STOCK)
        stock.train()
        ours, rank = load_file(out / "adapter_model.safetensors"), LORA["rank"] if stage == "dpo" else 0
        ours = {name: value[rank:] if "lora_A" in name else value[:, rank:] for name, value in ours.items()}
        assert_same_training(stock, out, (get_peft_model_state_dict(stock.model), ours))
    return read_json(out / "run.json")["layout"]


def compare_full(base, folder, architecture):
    """Training of all weights equals stock TRL in both stages."""
    write_rows(folder)
    model, full = model_file(architecture), TRAINING | {"adapter": "full"}
    train_sft(sft_run(base, folder / "sft", STEPS, model=model, **full), *sft_data(folder))
    sft = stock_sft(base, folder, None, model, **AS_STOCK)
    sft.train()
    compute_reference_logps(base, folder / "sft", model, pair_files(folder), 256, 4)
    train_dpo(dpo_run(base, folder / "dpo", STEPS, model=model, **full), *dpo_data(folder))
    stock = DPOTrainer(
        model=load_base(folder / "sft", model),
        ref_model=load_base(folder / "sft", model),
        args=DPOConfig(**STOCK | AS_STOCK | {"output_dir": str(folder / "stock"), "beta": DPO["beta"]}),
        train_dataset=dataset(folder, "train.pairs.jsonl", ("prompt", "chosen", "rejected")),
        processing_class=load_tokenizer(base),
    )
    stock.train()
    for trainer, out in ((sft, folder / "sft"), (stock, folder / "dpo")):
        saved = {name: weight.detach() for name, weight in load_base(out, model).named_parameters()}
        assert_same_training(trainer, out, (dict(trainer.model.named_parameters()), saved))


def compare_four_bit(base, folder, architecture):
    """Four-bit training begins and ends with the log-probabilities that plain transformers and PEFT compute."""
    write_rows(folder)
    model = model_file(architecture, quantization=NF4)
    tokenizer = load_tokenizer(base)
    (_, sft), (_, dpo) = train_lora(base, folder, model, "flat")
    rows = read_jsonl(folder / "eval.jsonl")
    losses = logged_file(sft / "log.csv")["eval"]["loss"]
    for loss, adapter in zip(losses, (None, sft), strict=True):
        means = [-logps.mean() for logps in plain_logps(base, adapter, tokenizer, rows, "completion")]
        torch.testing.assert_close(torch.tensor(loss), torch.stack(means).mean(), **CLOSE)
    pairs, log = read_jsonl(folder / "eval.pairs.jsonl"), logged_file(dpo / "log.csv")["eval"]
    for side in ("chosen", "rejected"):
        for logp, adapter in zip(log[f"logps/{side}"], (sft, dpo), strict=True):
            sums = [logps.sum() for logps in plain_logps(base, adapter, tokenizer, pairs, side)]
            torch.testing.assert_close(torch.tensor(logp), torch.stack(sums).mean(), **CLOSE)
    assert read_json(dpo / "run.json")["four_bit"]


@torch.no_grad()
def plain_logps(base, adapter, tokenizer, rows, answer):
    """Log-probabilities of each row's answer tokens by plain transformers and PEFT in four bits, a row at a time."""
    four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, quantization_config=four_bits).eval()
    keep_differentiable(model)
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter)).eval()
    for row in rows:
        prompt, whole = (
            tokenizer.apply_chat_template(messages, add_generation_prompt=new, return_dict=True)["input_ids"]
            for messages, new in ((row["prompt"], True), (row["prompt"] + row[answer], False))
        )
        logps = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        yield torch.stack([logps[index - 1, whole[index]] for index in range(len(prompt), len(whole))])


COLUMNS = ("flat", "padded", "NF4", "LoRA", "full")
CHECKS = ("flat", "padded", "NF4", "full")  # flat and padded train the LoRA


def cell(column, architecture, base, folder):
    """Run the check of a cell of the table, and return the cell. An unequal result is an AssertionError."""
    flat = architecture in FLAT_ARCHITECTURES
    if column == "flat" and not flat:
        assert computed_layout(load_base(base, model_file(architecture)), "flat")[0] == "padded"
        return "no"
    if column in ("flat", "padded"):
        configured = "padded" if column == "padded" and flat else "flat"
        assert compare_lora(base, folder, architecture, configured) == column
    elif column == "NF4":
        compare_four_bit(base, folder, architecture)
    else:
        compare_full(base, folder, architecture)
    return "equal"


def document():
    """Run all checks, and return the text of docs/architectures.md."""
    lines = [INTRODUCTION, f"| architecture | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for architecture in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            base = save_base(architecture, Path(folder) / architecture)
            cells = {}
            for column in CHECKS:
                work = Path(folder) / column
                work.mkdir()
                cells[column] = cell(column, architecture, base, work)
        cells["LoRA"] = cells["padded"]
        lines.append(f"| {architecture} | {' | '.join(cells[column] for column in COLUMNS)} |")
    return "\n".join(lines) + "\n"


INTRODUCTION = """\
# Architectures

Names are `model_type` in a model's config.json. Each cell is the result of SFT and then of DPO on a random model of two
layers, on a CPU in float32, with prompts that are longer than the attention windows.

- `equal` in the columns flat, padded, LoRA and full: losses, gradient norms, log-probabilities and trained weights
  equal those of stock TRL within float32 rounding. Flat and padded train a LoRA, and LoRA repeats the result of padded.
  Full trains all weights in the layout that the architecture computes.
- `equal` in the column NF4: with a LoRA on four-bit weights, the log-probabilities before and after training equal
  those of plain transformers and PEFT.
- `no` in the column flat: rows are padded whatever `layout` says. The log says so once, and `run.json` has `layout` and
  `padded_because`. This also holds for every architecture that is not on this page, and for a model whose config.json
  has a setting that the flat layout does not support (capped or scaled logits, attention in both directions).

`gemma3` reads images as well. Here it reads text, and its LoRA is on its language model alone. `mixtral` is a mixture
of experts, and its LoRA is on its attention alone: transformers keeps the weights of all experts in one tensor, which
is no linear layer. With `lora_targets: all-linear` the log says how many weights the experts have. Full training
trains the experts too. Labels by likelihood and generated answers are tested for all these architectures
(`tests/inference/test_architectures.py`).

`python -m tests.helpers.architectures > docs/architectures.md` writes this page.
`tests/training/test_architectures.py` runs every cell again.
"""

if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # training prints its progress
        text = document()
    sys.stdout.write(text)

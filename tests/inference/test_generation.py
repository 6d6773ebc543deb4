"""Greedy answers against plain `generate`, one unpadded prompt at a time."""

from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from clinical_dpo.checksums import write_checksums
from clinical_dpo.inference.generate import generate_answers, write_answers
from clinical_dpo.io import read_json, read_jsonl, sha256, write_jsonl
from clinical_dpo.models.load import load_base, load_variant, save_trained
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import MODEL

LENGTH = 12


def rows(n):
    words = ["dysuria", "frequency", "pyuria", "cough", "headache", "fever", "rash", "nausea"]
    notes = [" ".join(words[(i * k) % 8] for k in range(1, 3 + 5 * i % 23)) for i in range(n)]
    return [
        {"id": f"r{i}", "prompt": [{"role": "user", "content": f"Patient {i} has {note}. UTI?"}]}
        for i, note in enumerate(notes)
    ]


@pytest.fixture(scope="module")
def loaded(tiny_base):
    return load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)


@pytest.fixture(scope="module")
def adapters(tiny_base, tmp_path_factory):
    """Two trials with random adapters that change the answers; their names have dots, as a sweep's have."""
    trials = {}
    for seed, name in enumerate(["lr1e-05", "lr1e-06_beta0.1"]):
        torch.manual_seed(seed)
        settings = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
        folder = tmp_path_factory.mktemp("trials") / name / "adapter"
        save_trained(get_peft_model(load_base(tiny_base, MODEL), settings), load_tokenizer(tiny_base), folder)
        trials[name] = str(folder)
    return trials


def plain(model, tokenizer, row, ends, length=LENGTH):
    """New tokens of stock `generate` on one prompt, without padding."""
    inputs = tokenizer.apply_chat_template(
        row["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, max_new_tokens=length, do_sample=False, eos_token_id=ends, pad_token_id=0)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


def some_ends(model, tokenizer):
    """Ends that some answers reach early, some late and some never."""
    answers = [plain(model, tokenizer, row, tokenizer.eos_token_id) for row in rows(15)]
    third = {answer[2] for answer in answers if len(answer) > 2}
    return [tokenizer.eos_token_id, min(third, key=lambda token: sum(token in answer for answer in answers))]


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_answers_equal_plain_generate_whatever_the_batch(loaded, batch_size):
    model, tokenizer = loaded
    answers = generate_answers(model, tokenizer, rows(15), LENGTH, batch_size)
    assert [answer["id"] for answer in answers] == [row["id"] for row in rows(15)]
    for row, answer in zip(rows(15), answers, strict=True):
        tokens = plain(model, tokenizer, row, tokenizer.eos_token_id)
        stopped = tokens[-1] == tokenizer.eos_token_id
        assert answer["text"] == tokenizer.decode(tokens, skip_special_tokens=True).strip()
        assert answer["tokens"] == len(tokens) - stopped
        assert answer["finish_reason"] == ("stop" if stopped else "length")


def test_the_order_of_the_rows_does_not_matter(loaded):
    forward = generate_answers(*loaded, rows(15), LENGTH, 4)
    assert generate_answers(*loaded, rows(15)[::-1], LENGTH, 4)[::-1] == forward
    assert len({answer["text"] for answer in forward}) > 1


def test_an_answer_stops_at_every_end_the_model_names(tiny_base):
    """Llama-3 ends turns with one token and texts with another: generation_config holds a list."""
    model, tokenizer = load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)
    ends = some_ends(model, tokenizer)
    model.generation_config.eos_token_id = ends
    answers = generate_answers(model, tokenizer, rows(15), LENGTH, 7)
    assert {"stop"} <= {answer["finish_reason"] for answer in answers}
    for row, answer in zip(rows(15), answers, strict=True):
        tokens = plain(model, tokenizer, row, ends)
        stopped = tokens[-1] in ends
        assert answer["finish_reason"] == ("stop" if stopped else "length")
        kept = tokens[:-1] if stopped else tokens
        assert answer["tokens"] == len(kept)
        assert answer["text"] == tokenizer.decode(kept, skip_special_tokens=True).strip()


@pytest.mark.parametrize("named", [None, 5])
def test_the_tokenizer_s_end_counts_whatever_the_model_names(tiny_base, named):
    model, tokenizer = load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)
    end = plain(model, tokenizer, rows(1)[0], [])[1]
    model.generation_config.eos_token_id = named
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    answer = generate_answers(model, tokenizer, rows(1), LENGTH, 1)[0]
    assert answer["finish_reason"] == "stop" and answer["tokens"] <= 1


@pytest.mark.parametrize("length", [1, 5])
def test_the_longest_answer_has_max_new_tokens(loaded, length):
    answers = generate_answers(*loaded, rows(9), length, 4)
    assert max(answer["tokens"] for answer in answers) <= length
    assert all(answer["tokens"] == length for answer in answers if answer["finish_reason"] == "length")


def test_sampling_settings_of_the_authors_are_not_used(tiny_base, loaded):
    model = load_base(tiny_base, MODEL).eval()
    model.generation_config.update(do_sample=True, temperature=5.0, top_p=0.9, num_beams=3)
    model.generation_config.update(repetition_penalty=1.5, no_repeat_ngram_size=2, min_new_tokens=LENGTH)
    assert generate_answers(model, loaded[1], rows(5), LENGTH, 5) == generate_answers(*loaded, rows(5), LENGTH, 5)


def test_written_answers_are_those_of_the_model_that_was_asked(tiny_base, adapters, tmp_path):
    """Each adapter answers otherwise than the other and than the base model; the record says what was asked of what."""
    write_jsonl(tmp_path / "rows.jsonl", rows(9))
    told = {}
    for name, folder in {"base": None, **adapters}.items():
        out, record = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.json"
        write_checksums(tiny_base)
        if folder:
            write_checksums(Path(folder))
        write_answers(tiny_base, folder, MODEL, {str(out): str(tmp_path / "rows.jsonl")}, LENGTH, 4, record)
        asked = generate_answers(load_variant(tiny_base, folder, MODEL), load_tokenizer(tiny_base), rows(9), LENGTH, 4)
        told[name] = read_jsonl(out)
        assert told[name] == asked
        made = read_json(record)
        assert (made["model"], made["max_new_tokens"]) == (MODEL, LENGTH)
        assert made["inputs"][str(tmp_path / "rows.jsonl")] == sha256(tmp_path / "rows.jsonl")
        assert made["versions"]["transformers"] == version("transformers")
    assert len({str(answers) for answers in told.values()}) == 3

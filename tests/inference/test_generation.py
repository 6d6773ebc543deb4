"""Greedy answers against plain `generate`, with an unpadded prompt at a time."""

from importlib.metadata import version
from pathlib import Path

import pytest

from clinical_dpo.checksums import write_checksums
from clinical_dpo.inference.answers_file import write_answers
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.io import read_json, read_jsonl, sha256, write_jsonl
from clinical_dpo.models.load import load_base, load_variant, save_trained
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import MODEL
from tests.helpers.adapters import with_random_lora
from tests.helpers.task_rows import task_row

LENGTH = 12


def rows(n):
    """Rows with prompts of different lengths."""
    words = ["dysuria", "frequency", "pyuria", "cough", "headache", "fever", "rash", "nausea"]
    notes = [" ".join(words[(i * k) % 8] for k in range(1, 3 + 5 * i % 23)) for i in range(n)]
    return [task_row(f"r{i}", f"Patient {i} has {note}. UTI?") for i, note in enumerate(notes)]


@pytest.fixture(scope="module")
def loaded(tiny_base):
    return load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)


@pytest.fixture(scope="module")
def adapters(tiny_base, tmp_path_factory):
    """Two trials with random adapters that change the answers. Their names have dots, as in a sweep."""
    trials = {}
    for seed, name in enumerate(["lr1e-05", "lr1e-06_beta0.1"]):
        folder = tmp_path_factory.mktemp("trials") / name / "adapter"
        save_trained(with_random_lora(load_base(tiny_base, MODEL), seed), load_tokenizer(tiny_base), folder)
        trials[name] = str(folder)
    return trials


def plain(model, tokenizer, row, ends, length=LENGTH):
    """New tokens of plain `generate` for a prompt without padding."""
    inputs = tokenizer.apply_chat_template(
        row["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, max_new_tokens=length, do_sample=False, eos_token_id=ends, pad_token_id=0)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


def some_ends(model, tokenizer):
    """End tokens that some answers reach early, some late and some never."""
    answers = [plain(model, tokenizer, row, tokenizer.eos_token_id) for row in rows(15)]
    third_tokens = {answer[2] for answer in answers if len(answer) > 2}
    return [tokenizer.eos_token_id, min(third_tokens, key=lambda token: sum(token in answer for answer in answers))]


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_answers_equal_those_of_plain_generate_at_any_batch_size(loaded, batch_size):
    model, tokenizer = loaded
    answers = generate_answers(model, tokenizer, rows(15), LENGTH, batch_size)
    assert [answer["id"] for answer in answers] == [row["id"] for row in rows(15)]
    for row, answer in zip(rows(15), answers, strict=True):
        tokens = plain(model, tokenizer, row, tokenizer.eos_token_id)
        stopped = tokens[-1] == tokenizer.eos_token_id
        assert answer["text"] == tokenizer.decode(tokens, skip_special_tokens=True).strip()
        assert answer["tokens"] == len(tokens) - stopped
        assert answer["finish_reason"] == ("stop" if stopped else "length")


def test_the_order_of_the_rows_changes_no_answer(loaded):
    forward = generate_answers(*loaded, rows(15), LENGTH, 4)
    assert generate_answers(*loaded, rows(15)[::-1], LENGTH, 4)[::-1] == forward
    assert len({answer["text"] for answer in forward}) > 1


def test_an_answer_stops_at_every_end_token_of_the_model(tiny_base):
    """Llama-3 ends turns and texts with different tokens, so its generation_config holds a list."""
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


@pytest.mark.parametrize("configured", [None, 5])
def test_an_answer_stops_at_the_tokenizer_s_end_token(tiny_base, configured):
    model, tokenizer = load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base)
    end = plain(model, tokenizer, rows(1)[0], [])[1]
    model.generation_config.eos_token_id = configured
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    answer = generate_answers(model, tokenizer, rows(1), LENGTH, 1)[0]
    assert answer["finish_reason"] == "stop" and answer["tokens"] <= 1


@pytest.mark.parametrize("length", [1, 5])
def test_the_longest_answer_has_max_new_tokens(loaded, length):
    answers = generate_answers(*loaded, rows(9), length, 4)
    assert max(answer["tokens"] for answer in answers) <= length
    assert all(answer["tokens"] == length for answer in answers if answer["finish_reason"] == "length")


def test_generation_settings_of_the_authors_are_not_used(tiny_base, loaded):
    model = load_base(tiny_base, MODEL).eval()
    model.generation_config.update(do_sample=True, temperature=5.0, top_p=0.9, num_beams=3)
    model.generation_config.update(repetition_penalty=1.5, no_repeat_ngram_size=2, min_new_tokens=LENGTH)
    assert generate_answers(model, loaded[1], rows(5), LENGTH, 5) == generate_answers(*loaded, rows(5), LENGTH, 5)


@pytest.fixture(scope="module")
def written(tiny_base, adapters, tmp_path_factory):
    """A folder with rows, and with answers and record of the base model and of each trial; folders of the trials."""
    folder, trials = tmp_path_factory.mktemp("written"), {"base": None, **adapters}
    write_jsonl(folder / "rows.jsonl", rows(9))
    write_checksums(tiny_base)
    for name, adapter in trials.items():
        if adapter:
            write_checksums(Path(adapter))
        files = {str(folder / f"{name}.jsonl"): str(folder / "rows.jsonl")}
        write_answers(tiny_base, adapter, MODEL, files, {"max_new_tokens": LENGTH}, 4, folder / f"{name}.json")
    return folder, trials


def test_each_variant_s_file_holds_its_own_answers(tiny_base, written):
    """Each adapter's answers differ from those of the other and of the base model."""
    folder, trials = written
    answers = {name: read_jsonl(folder / f"{name}.jsonl") for name in trials}
    for name, adapter in trials.items():
        model, tokenizer = load_variant(tiny_base, adapter, MODEL), load_tokenizer(tiny_base)
        assert answers[name] == generate_answers(model, tokenizer, rows(9), LENGTH, 4)
    assert len({str(variant_answers) for variant_answers in answers.values()}) == 3


def test_the_record_of_answers_holds_model_settings_inputs_and_versions(written):
    folder, trials = written
    for name in trials:
        record = read_json(folder / f"{name}.json")
        assert (record["model"], record["max_new_tokens"]) == (MODEL, LENGTH)
        assert record["inputs"][str(folder / "rows.jsonl")] == sha256(folder / "rows.jsonl")
        assert record["versions"]["transformers"] == version("transformers")

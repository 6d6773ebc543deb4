"""Preview the first rows of a task as a model reads them in training and generation, with special tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data_checks.row_checks import NamedRow
from clinical_dpo.escaping import code_span, markdown, printable
from clinical_dpo.tokenization.tokenizer import special_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion

SHOWN = 3


def preview_rows(rows: Sequence[NamedRow], tokenizer: Any, max_length: int, private: bool) -> list[dict[str, Any]]:
    """Return the first rows of train as SFT reads them, and the first rows of test as generation reads them.

    Args:
        rows: rows of all splits.
        tokenizer: the model's tokenizer.
        max_length: largest number of tokens of prompt and answer together; training cuts the rest.
        private: whether to omit texts and text tokens.

    Returns:
        For each row `stage` (sft or generation), `row` (its name), `prompt_tokens`, `begin_tokens` (number of
        begin-of-text tokens; None if the model has none) and `special_tokens` ([position from 0, token]). For SFT also
        `answer_tokens`, `end_tokens` (end-of-text tokens in the answer) and `cut`. Unless private, also `text` and
        `token_ids`, and for SFT `loss` (1 for a token in the loss, else 0).
    """
    special = special_tokens(tokenizer)
    shown = []
    for stage, split in (("sft", "train"), ("generation", "test")):
        for named in [row for row in rows if row.split == split][:SHOWN]:
            if stage == "sft":
                prompt, answer = tokenize_completion(named.row, tokenizer, "completion")
            else:
                prompt, answer = prompt_tokens(named.row, tokenizer), []
            ids = (prompt + answer)[:max_length] if stage == "sft" else prompt
            entry: dict[str, Any] = {
                "stage": stage,
                "row": named.name,
                "prompt_tokens": len(prompt),
                "begin_tokens": None if tokenizer.bos_token_id is None else ids.count(tokenizer.bos_token_id),
                "special_tokens": [[i, special[token]] for i, token in enumerate(ids) if token in special],
            }
            if stage == "sft":
                ends = answer.count(tokenizer.eos_token_id)
                entry |= {"answer_tokens": len(answer), "end_tokens": ends, "cut": len(prompt + answer) > max_length}
            if not private:
                entry |= {"text": _decoded(tokenizer, ids), "token_ids": ids}
                if stage == "sft":
                    entry["loss"] = [int(i >= len(prompt)) for i in range(len(ids))]
            shown.append(entry)
    return shown


def preview_page(shown: Sequence[Mapping[str, Any]], tokenizer: Any, task: str, model: str) -> str:
    """Return previewed rows as a Markdown page. Of private rows, the page shows only numbers and special tokens."""
    lines = [f"# {markdown(task)} as {markdown(model)} reads it", ""]
    lines += ["Special tokens are written out. The loss covers the answer alone.", ""]
    titles = {"sft": "Training", "generation": "Generation"}
    for entry in shown:
        lines += [f"## {titles[entry['stage']]}: row {code_span(entry['row'])}", "", _counts(entry), ""]
        if "text" not in entry:
            tokens = ", ".join(f"{position} {code_span(token)}" for position, token in entry["special_tokens"])
            lines += [f"Special tokens, by position: {tokens or 'none'}.", "", "The text is private and not shown.", ""]
            continue
        ids = entry["token_ids"]
        prompt_end = len(ids) - sum(entry.get("loss", []))
        parts = {"Prompt (no loss)": ids[:prompt_end], "Answer (loss)": ids[prompt_end:]}
        for title, part in parts.items() if entry["stage"] == "sft" else [("Prompt", ids)]:
            lines += [f"{title}:", "", *_fenced(_decoded(tokenizer, part)), ""]
            lines += [f"Token ids: {' '.join(map(str, part)) or 'none'}", ""]
    return "\n".join(lines)


def _counts(entry: Mapping[str, Any]) -> str:
    counts = [f"{entry['prompt_tokens']} tokens of prompt"]
    if entry["stage"] == "sft":
        counts.append(f"{entry['answer_tokens']} of answer{' (cut at max_length)' if entry['cut'] else ''}")
    counts.append(f"begin-of-text tokens: {entry['begin_tokens'] or 0}")
    if entry["stage"] == "sft":
        counts.append(f"end-of-text tokens in the answer: {entry['end_tokens']}")
    return "; ".join(counts) + "."


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def _fenced(text: str) -> list[str]:
    """Return a text as a code block. Its fence is longer than any in the text; control characters are escaped."""
    text = printable(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}text", text, fence]

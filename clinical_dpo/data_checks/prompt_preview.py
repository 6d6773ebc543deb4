"""The first rows of a task exactly as a model sees them: by the code that trains and answers, special tokens shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data_checks.row_checks import Place
from clinical_dpo.escaping import code_span, markdown, printable
from clinical_dpo.tokenization.tokenizer import special_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion

SHOWN = 3


def shown_rows(rows: Sequence[Place], tokenizer: Any, max_length: int, private: bool) -> list[dict[str, Any]]:
    """The first rows of train as SFT reads them, and of test as answers are generated from them.

    Args:
        rows: of all splits.
        tokenizer: the model's.
        max_length: tokens of prompt and answer that training keeps.
        private: show no text, nor tokens that are text.

    Returns:
        For each row `stage` (sft or generation), `row` (its name), `prompt_tokens`, `begin_tokens` (how often the
        begin-of-text token stands in it; None where the model has none) and `special_tokens` ([place, token], from 0);
        of SFT `answer_tokens`, `end_tokens` (end-of-text tokens in the answer) and `cut`; unless private `text`,
        `token_ids` and of SFT `loss` (1 where a token is learnt, else 0).
    """
    special = special_tokens(tokenizer)
    shown = []
    for stage, split in (("sft", "train"), ("generation", "test")):
        for place in [row for row in rows if row.split == split][:SHOWN]:
            if stage == "sft":
                prompt, answer = tokenize_completion(place.row, tokenizer, "completion")
            else:
                prompt, answer = prompt_tokens(place.row, tokenizer), []
            ids = (prompt + answer)[:max_length] if stage == "sft" else prompt
            entry: dict[str, Any] = {
                "stage": stage,
                "row": place.name,
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


def artifact(shown: Sequence[Mapping[str, Any]], tokenizer: Any, task: str, model: str) -> str:
    """The same as a Markdown page; of private rows the numbers alone."""
    lines = [f"# What {markdown(model)} sees of {markdown(task)}", ""]
    lines += ["Special tokens are written out. The loss is taken on the answer alone.", ""]
    titles = {"sft": "Training", "generation": "Generation"}
    for entry in shown:
        lines += [f"## {titles[entry['stage']]}: row {code_span(entry['row'])}", "", _counts(entry), ""]
        if "text" not in entry:
            found = ", ".join(f"{place} {code_span(token)}" for place, token in entry["special_tokens"])
            lines += [f"Special tokens, by place: {found or 'none'}.", "", "The text is private and not shown.", ""]
            continue
        ids, learnt = entry["token_ids"], sum(entry.get("loss", []))
        parts = {"Prompt (no loss)": ids[: len(ids) - learnt], "Answer (loss)": ids[len(ids) - learnt :]}
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
    """A code block whose fence no line of the text can end. Signs that command a terminal are spelled out."""
    text = printable(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}text", text, fence]

"""Preview the first rows of a task as a model reads them in training and generation, with special tokens."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from clinical_dpo.data_checks.row_checks import NamedRow
from clinical_dpo.escaping import code_span, markdown, printable
from clinical_dpo.tokenization.chat import turn_ends
from clinical_dpo.tokenization.tokenizer import special_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion

SHOWN = 3


def preview_rows(rows: Sequence[NamedRow], tokenizer: Any, max_length: int, private: bool) -> list[dict[str, Any]]:
    """Return the first rows of train as SFT reads them, and the first rows of test as generation reads them.

    Args:
        rows: rows of all splits.
        tokenizer: the model's tokenizer.
        max_length: largest number of tokens of prompt and answer together; training cuts off further tokens.
        private: whether to omit the texts and the ids of their tokens.

    Returns:
        For each row a dict:

        - `stage` (sft or generation), `row` (the row's name) and `prompt_tokens` (number of tokens of the prompt).
        - `begin_tokens`: number of begin-of-text tokens; None if the model has none.
        - `faults`: see `frame_faults`.
        - `special_tokens`: for each special token, a list of its position (from 0) and its spelling.
        - For SFT, `answer_tokens`, `end_tokens` (number of end tokens in the answer) and `cut` (whether prompt and
          answer exceed `max_length`).
        - Unless `private`, `text` and `token_ids`. For SFT, also `loss`: for each token, 1 if the loss counts it, else
          0.
    """
    special, ends = special_tokens(tokenizer), {tokenizer.eos_token_id, *turn_ends(tokenizer)}
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
                "faults": frame_faults(prompt, answer, tokenizer),
                "special_tokens": [[i, special[token]] for i, token in enumerate(ids) if token in special],
            }
            if stage == "sft":
                ended = sum(token in ends for token in answer)
                entry |= {"answer_tokens": len(answer), "end_tokens": ended, "cut": len(prompt + answer) > max_length}
            if not private:
                entry |= {"text": _decoded(tokenizer, ids), "token_ids": ids}
                if stage == "sft":
                    entry["loss"] = [int(i >= len(prompt)) for i in range(len(ids))]
            shown.append(entry)
    return shown


def frame_faults(prompt: Sequence[int], answer: Sequence[int], tokenizer: Any) -> list[str]:
    """Return descriptions of what is wrong with the begin and end tokens of a conversation.

    If the tokenizer has a begin-of-text token, this token must open the prompt. It may also open every later turn, as
    in ChatML. It must not directly follow another begin-of-text token in the prompt. It must not occur in the answer,
    unless it is also an end token.

    Unless the answer is empty, it must contain an end token: the end-of-text token, or a token with which the chat
    template ends a turn. After its first end token, the answer may contain only white space and other kinds of end
    tokens. The first end token must not occur again.

    Args:
        prompt: token ids of the prompt.
        answer: token ids of the answer; empty for a prompt to generate from.
        tokenizer: the model's tokenizer.
    """
    begin, ends = tokenizer.bos_token_id, {tokenizer.eos_token_id, *turn_ends(tokenizer)}
    faults = []
    if begin is not None:
        if list(prompt[:1]) != [begin]:
            faults.append("no begin-of-text token at the start")
        if any(pair == (begin, begin) for pair in pairwise(prompt)):
            faults.append("two begin-of-text tokens in a row")
        if begin in answer and begin not in ends:
            faults.append("a begin-of-text token in the answer")
    first = next((i for i, token in enumerate(answer) if token in ends), None)
    if answer and first is None:
        faults.append("no end token in the answer")
    elif first is not None:
        rest = list(answer[first + 1 :])
        if answer[first] in rest:
            faults.append("the same end token twice in the answer")
        if _decoded(tokenizer, [token for token in rest if token not in ends]).strip():
            faults.append("text after the answer's end token")
    return faults


def preview_page(shown: Sequence[Mapping[str, Any]], tokenizer: Any, task: str, model: str) -> str:
    """Return previewed rows as a Markdown page.

    Of a private row, the page shows only the row's name, the numbers of tokens, the faults, and the special tokens with
    their positions.

    Args:
        shown: rows from `preview_rows`.
        tokenizer: the model's tokenizer.
        task: name of the task.
        model: name of the model.
    """
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
        counts.append(f"end tokens in the answer: {entry['end_tokens']}")
    counts += [f"fault: {fault}" for fault in entry.get("faults", [])]
    return "; ".join(counts) + "."


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def _fenced(text: str) -> list[str]:
    """Return a text as a code block. The fence is longer than any fence in the text; control characters are escaped."""
    text = printable(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}text", text, fence]

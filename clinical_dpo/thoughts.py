"""Split the text of a reasoning model into thought and answer."""

import re
from typing import NamedTuple

_NAMES = (
    r"think|thinking|thought|thoughts|reason|reasoning|reflection|analysis|scratchpad|begin_of_thought|end_of_thought"
)
_MARK = re.compile(
    rf"<\s*(?P<close>/)?\s*\|?\s*(?P<tag>{_NAMES})\s*\|?\s*>"  # <think>, </Thinking>, <|begin_of_thought|>
    r"|\[\s*(?P<closed>/)?\s*(?P<square>think)\s*\]"  # [THINK], as Mistral's reasoning models write
    r"|<(?P<gemma>unused94|unused95)>"  # marks of MedGemma
    r"|(?P<kimi>◁/?think▷)",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*\w*\s*)?<\|channel\|>\s*(\w+)[^<]*<\|message\|>(.*?)(?=<\|(?:start|channel|end|return|call)\|>|"
    r"\Z)",
    re.DOTALL,
)
# The channels of a text from which the tokenizer dropped the special tokens.
_BARE_CHANNEL = re.compile(r"\s*(?:analysis|commentary)(?=\S)(.*)assistant\s*final(?=\S|\s)(.*)", re.DOTALL)
_WRAPPED = re.compile(r"\s*<\s*(answer|final_answer|output|response)\s*>(.*?)(?:<\s*/\s*\1\s*>\s*)?", re.DOTALL | re.I)


class ThoughtAndAnswer(NamedTuple):
    """The text of a model, split into thought and answer, each without white space around it."""

    thought: str  # empty if the text has no thought
    answer: str  # empty if the last thought was cut before its end
    cut: bool  # whether the last thought was cut before its end


def split_thought(text: str) -> ThoughtAndAnswer:
    """Split the text that a model wrote into thought and answer.

    A thought is between two marks (<think>, <thinking>, <reasoning> and similar, or [THINK]). In the harmony format,
    all channels but `final` belong to the thought. Case does not matter. A text may have several thoughts. The chat
    templates of some models write the opening mark at the end of the prompt. The text then has only the closing mark,
    and all text before this mark belongs to the thought.
    """
    if "<|channel|>" in text:
        return _from_channels(text)
    if bare := _BARE_CHANNEL.fullmatch(text):
        return ThoughtAndAnswer(bare[1].strip(), bare[2].strip(), False)
    thought: list[str] = []
    answer: list[str] = []
    start, open_mark = 0, ""
    for mark in _MARK.finditer(text):
        kind, closes = _kind(mark)
        if open_mark and not (closes and kind == open_mark):
            continue  # a mark of another kind inside a thought belongs to the thought
        part = text[start : mark.start()]
        start = mark.end()
        if closes and not open_mark:
            thought, answer = [*thought, *answer, part], []
        else:
            (thought if open_mark else answer).append(part)
            open_mark = "" if closes else kind
    (thought if open_mark else answer).append(text[start:])
    final = "" if open_mark else "".join(answer).strip()
    if wrapped := _WRAPPED.fullmatch(final):
        final = wrapped[2].strip()
    return ThoughtAndAnswer("\n".join(filter(None, map(str.strip, thought))), final, bool(open_mark))


def _kind(mark: re.Match[str]) -> tuple[str, bool]:
    """Return the kind of a mark, and whether the mark closes a thought: `</think>` -> `("think", True)`.

    The mark that opens a thought and the mark that closes it have the same kind.

    Args:
        mark: a match of _MARK.
    """
    if mark["gemma"]:
        return "gemma", mark["gemma"].endswith("5")
    if mark["kimi"]:
        return "kimi", "/" in mark["kimi"]
    if mark["square"]:
        return "square", bool(mark["closed"])
    tag = mark["tag"].lower()
    return tag.removeprefix("begin_of_").removeprefix("end_of_"), bool(mark["close"]) or tag.startswith("end_of_")


def _from_channels(text: str) -> ThoughtAndAnswer:
    """Split a text in the harmony format.

    The last message in the channel `final` is the answer. Earlier messages in this channel are dropped. The messages in
    all other channels belong to the thought.
    """
    messages = [(name.lower(), words.strip()) for name, words in _CHANNEL.findall(text)]
    final = [words for name, words in messages if name == "final"]
    thought = "\n".join(words for name, words in messages if name != "final")
    return ThoughtAndAnswer(thought, final[-1] if final else "", not final)

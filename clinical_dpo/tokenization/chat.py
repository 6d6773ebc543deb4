"""Convert a conversation to token ids. Only the chat template writes special tokens.

If a message contains the spelling of a special token, such as `<|eot_id|>`, the spelling is encoded as plain text. The
encoders of the models' vendors do the same. The library transformers would encode the spelling as the special token.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from clinical_dpo.errors import UserError
from clinical_dpo.tokenization.tokenizer import special_tokens

# Noncharacters of Unicode, which no text should contain. _OPEN and _CLOSE are put around the spelling of a special
# token in a text, and _NAME around the new name of a renamed special token.
_OPEN, _CLOSE, _NAME = "\ufdd0", "\ufdd1", "\ufdd2"
_SPELLING = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_ANY_MARK = re.compile(f"[{_OPEN}{_CLOSE}{_NAME}]")
_ANSWER = "This is the answer."


def chat_text(tokenizer: Any, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool = False) -> str:
    """Return a conversation as the text that the tokenizer's chat template writes. `text_tokens` encodes this text.

    Spellings of special tokens in the messages are marked, so that `text_tokens` encodes them as plain text.

    Raises:
        UserError: the template refuses the conversation.
    """
    if spells_special_token(tokenizer, messages):
        pattern = _spellings(tokenizer)
        messages = [
            {**message, "content": pattern.sub(f"{_OPEN}\\g<0>{_CLOSE}", _ANY_MARK.sub("\ufffd", message["content"]))}
            for message in messages
        ]
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except TemplateError as error:
        raise _refused(error, messages) from None


def _refused(error: TemplateError, messages: Sequence[Mapping[str, Any]]) -> UserError:
    """Return the error for a conversation that a chat template refuses."""
    roles = [message["role"] for message in messages]
    mend = "Set `chat_template` in the model file to a template that takes this conversation."
    if "system" in roles:
        mend = "Remove `system_prompt` from the task file, and write its text into `prompt`. Or s" + mend[1:]
    return UserError(
        f"the model's chat template refuses a conversation with the roles {', '.join(roles)} ({error}). {mend}"
    )


def text_tokens(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of `text`. The text is a result of `chat_text`, or a part of such a result."""
    if _OPEN not in text:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    names, backend = _renamed(tokenizer)
    # Text of the template and messages, spelling, text, spelling, ..., text. A template may have cut a pair of marks.
    parts = [_ANY_MARK.sub("", part) for part in _SPELLING.split(text)]
    for i in range(0, len(parts), 2):
        parts[i] = _spellings(tokenizer).sub(lambda match: names.get(match[0], match[0]), parts[i])
    return list(backend.encode("".join(parts), add_special_tokens=False).ids)


def chat_tokens(
    tokenizer: Any, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool = False
) -> list[int]:
    """Return the token ids of a conversation.

    Raises:
        UserError: the chat template refuses the conversation.
    """
    return text_tokens(tokenizer, chat_text(tokenizer, messages, add_generation_prompt))


def spells_special_token(tokenizer: Any, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a message spells a special token of the tokenizer."""
    pattern = _spellings(tokenizer)
    return any(pattern.search(message["content"]) for message in messages)


@lru_cache(maxsize=4)
def turn_ends(tokenizer: Any) -> frozenset[int]:
    """Find the token that ends an answer: the first control token that the chat template writes after an answer.

    Returns:
        A set with one token id. The set is empty if the template writes no such token, or refuses a conversation of one
        question and its answer.
    """
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _ANSWER}]
    try:
        _, answer, rest = chat_text(tokenizer, messages).rpartition(_ANSWER)
    except UserError:
        return frozenset()
    control = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    tokens = text_tokens(tokenizer, rest) if answer else []
    return frozenset([token for token in tokens if token in control][:1])


@lru_cache(maxsize=4)
def _spellings(tokenizer: Any) -> re.Pattern[str]:
    """Return a pattern that matches the spelling of any special token. Longer spellings are tried first."""
    words = sorted(special_tokens(tokenizer).values(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)) or "(?!)")


@lru_cache(maxsize=4)
def _renamed(tokenizer: Any) -> tuple[dict[str, str], Any]:
    """Copy a tokenizer, and give the special tokens of the copy new names.

    The copy encodes a new name as the special token, and the old spelling as plain text. A new name begins and ends
    with the character _NAME. `text_tokens` removes this character from every text, so no text can contain a new name by
    accident. All tokens have the same ids in the copy as in the tokenizer.

    Returns:
        A dict, special token -> new name; and the copy.

    Raises:
        UserError: the tokenizer has no tokenizer.json, so it cannot be copied.
    """
    from tokenizers import Tokenizer  # takes a second to import; most texts spell no special token

    if not tokenizer.is_fast:
        raise UserError(
            "A text contains the string of a special token, and this tokenizer would encode it as that token. Use a "
            "model with a tokenizer.json, or remove the string from the text. The data check `special_tokens` counts "
            "the rows that contain such a string."
        )
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    model = state["model"]
    special = [token for token in state["added_tokens"] if token["special"]]
    ids = {token["content"]: token["id"] for token in special}
    names = {word: f"{_NAME}{number}{_NAME}" for word, number in ids.items()}
    for token in special:
        token["content"] = names[token["content"]]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in model["vocab"].items()}
    else:  # pieces with scores
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:  # the vendors' encoders make no special token of pieces of text
        pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"])
        model["merges"] = [[a, b] for a, b in pairs if not {a, b, a + b} & names.keys()]
    state |= {"truncation": None, "padding": None}
    copy = Tokenizer.from_str(json.dumps(state))
    if wrong := [word for word, name in names.items() if copy.token_to_id(name) != ids[word]]:
        raise ValueError(
            f"the special token '{wrong[0]}' has another id in the copy of the tokenizer than in the original"
        )
    return names, copy

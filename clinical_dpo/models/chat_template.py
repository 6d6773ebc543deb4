"""Write the chat template of a base model, with fixed values for its variables and its date.

The template comes from the model file, or else from the tokenizer. Variables and date are written into the template, so
every program that loads the tokenizer renders the same prompts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.tokenization.tokenizer import load_tokenizer

FILE = "chat_template.jinja"
_CLOCK = "strftime_now"  # transformers' function of the present time, in a template
_CODES = ("%-d", "%-m", *(f"%{letter}" for letter in "aAbBdmyYjHIMSpxXcUWuwGV"))


@dataclass(frozen=True)
class ChatFormat:
    """The chat template of a model, the values of its variables, and the date that the template takes as today."""

    template: str | None = None  # Jinja template, in place of the tokenizer's own
    variables: Mapping[str, Any] = field(default_factory=dict)  # name in the template -> value
    date: str = "2024-07-26"  # ISO date that templates get as the present


def write_chat_template(folder: Path, chat: ChatFormat, name: str) -> dict[str, Any]:
    """Write the chat template into a model's folder, and check that the template renders a question.

    Args:
        folder: folder with the tokenizer.
        chat: chat template, its variables and date.
        name: the model, for messages.

    Returns:
        Fields for base.json. `chat_template` is "model file" if the model file has another template than the tokenizer.
        `chat_template_kwargs` has the variables, if there are any. `template_date` is the date, if the template uses
        the present date. A field without a value is left out.

    Raises:
        UserError: there is no template, the template lacks a variable of `chat`, or the template does not render a
            question.
    """
    tokenizer = load_tokenizer(folder)
    own = tokenizer.get_chat_template() if tokenizer.chat_template else None
    template = chat.template or own
    if not template:
        raise PublicError(
            f"{name}: the tokenizer has no chat template. Set `chat_template` in the model file to a Jinja template "
            "of the format that the model was trained on. The model's page on the hub or its paper shows the format."
        )
    for variable in chat.variables:
        if not re.search(rf"\b{re.escape(variable)}\b", template):
            raise PublicError(
                f"{name}: key 'chat_template_kwargs.{variable}': the chat template has no variable '{variable}'. "
                "Correct the name of the key, or remove the key."
            )
    fixed = fixed_template(template, chat)
    if fixed != own:
        (folder / FILE).unlink(missing_ok=True)  # a link to the model's own file
        (folder / FILE).write_text(fixed, encoding="utf-8")
    try:
        load_tokenizer(folder).apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True)
    except Exception as error:  # a template can raise any error
        mend = "Correct the template, or set another `chat_template` in the model file."
        if not chat.template:
            mend = "This is the tokenizer's own template. Set another `chat_template` in the model file."
        if chat.variables:
            mend += " Or correct `chat_template_kwargs`."
        raise UserError(
            f"{name}: key 'chat_template': the template does not render a question: {error}. {mend}"
        ) from None
    return {
        **({"chat_template": "model file"} if chat.template and chat.template != own else {}),
        **({"chat_template_kwargs": dict(chat.variables)} if chat.variables else {}),
        **({"template_date": chat.date} if _CLOCK in template else {}),
    }


def fixed_template(template: str, chat: ChatFormat) -> str:
    """Begin a template with lines that set the variables of `chat`. The template is not rendered.

    If the template calls `strftime_now`, a further line defines `strftime_now` so that it returns the date of `chat`
    instead of the present date.

    Returns:
        The lines and, after them, the unchanged template.
    """
    lines = [f"{{% set {name} = {_literal(value)} %}}\n" for name, value in sorted(chat.variables.items())]
    if _CLOCK in template:
        day = date.fromisoformat(chat.date)
        # The format is an argument, mostly a constant of the template, such as "%d %b %Y".
        replaced = "".join(f".replace('{code}', '{day.strftime(code)}')" for code in _CODES if code in template)
        lines.append(f"{{% macro {_CLOCK}(format) %}}{{{{ format{replaced} }}}}{{% endmacro %}}\n")
    return "".join(lines) + template


def _literal(value: Any) -> str:
    """Return a value as a Jinja template spells it, such as `true` for True."""
    return repr(value).lower() if value is None or isinstance(value, bool) else repr(value)

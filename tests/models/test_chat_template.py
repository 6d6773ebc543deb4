"""The chat template of a base model's folder: replaced by the model file's, with fixed variables and date."""

import shutil
from datetime import datetime

import pytest
from transformers.utils import chat_template_utils

from clinical_dpo.errors import UserError
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import link_folder
from clinical_dpo.models.load import base_record
from clinical_dpo.tokenization.tokenizer import load_tokenizer

OWN = "{{ bos_token }}{% for message in messages %}{{ message.content }}{{ eos_token }}{% endfor %}"
THINKING = (
    "{% for message in messages %}{{ message.content }}{% endfor %}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think></think>' }}{% endif %}"
)
# As in Llama 3.1.
CLOCK = """{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{{- "Today Date: " + date_string }}{% for message in messages %}{{ message.content }}{% endfor %}"""
QUESTION = [{"role": "user", "content": "?"}]


@pytest.fixture
def given(tiny_base, tmp_path):
    """A user's folder of a model whose tokenizer has the template OWN."""
    folder = tmp_path / "given"
    shutil.copytree(tiny_base, folder)
    (folder / "chat_template.jinja").write_text(OWN)
    return folder


def rendered(folder, chat):
    """A question as the model in a folder reads it after `link_folder`, and the fields of base.json about it."""
    out = folder.parent / "model"
    link_folder(str(folder), out, chat=chat)
    record = base_record(out)
    facts = {key: record[key] for key in record if key.startswith(("chat", "template"))}
    return load_tokenizer(out).apply_chat_template(QUESTION, tokenize=False), facts


def test_the_model_files_template_replaces_the_tokenizers_own(given):
    own, facts = rendered(given, ChatFormat())
    assert own.endswith("?" + load_tokenizer(given).eos_token) and facts == {}
    text, facts = rendered(given, ChatFormat("Q: {{ messages[0].content }}"))
    assert (text, facts) == ("Q: ?", {"chat_template": "model file"})
    assert (given / "chat_template.jinja").read_text() == OWN  # the user's file is as it was


def test_variables_of_the_template_are_set_for_every_program(given):
    (given / "chat_template.jinja").write_text(THINKING)
    assert rendered(given, ChatFormat())[0] == "?"
    text, facts = rendered(given, ChatFormat(variables={"enable_thinking": False}))
    assert (text, facts) == ("?<think></think>", {"chat_template_kwargs": {"enable_thinking": False}})


@pytest.mark.parametrize("value", ['it\'s "two"', 3, None, True])
def test_values_of_variables_are_those_of_yaml(given, value):
    text, _ = rendered(given, ChatFormat("{{ messages[0].content }}{{ shown }}", {"shown": value}))
    assert text == f"?{value}"


def test_a_template_that_reads_the_clock_gets_the_runs_date_on_every_day(given, monkeypatch):
    (given / "chat_template.jinja").write_text(CLOCK)
    days = []
    for year in (2031, 2032):

        class Then(datetime):
            now = classmethod(lambda kind, zone=None, year=year: datetime(year, 5, 6))

        monkeypatch.setattr(chat_template_utils, "datetime", Then)
        days.append(rendered(given, ChatFormat(date="2025-01-09")))
    assert days == [("Today Date: 09 Jan 2025?", {"template_date": "2025-01-09"})] * 2
    assert load_tokenizer(given).apply_chat_template(QUESTION, tokenize=False) == "Today Date: 06 May 2032?"


@pytest.mark.parametrize(
    ("chat", "message"),
    [
        (
            ChatFormat(variables={"enable_thinkin": False}),
            r"'chat_template_kwargs\.enable_thinkin': the chat",
        ),
        (ChatFormat("{{ messages[0].content"), "'chat_template': the template does not render a question"),
        (ChatFormat("{{ raise_exception('never') }}"), "'chat_template': the template does not render .*never"),
    ],
)
def test_a_template_or_variable_that_cannot_work_is_refused_with_its_key(given, chat, message):
    with pytest.raises(UserError, match=message):
        link_folder(str(given), given.parent / "model", chat=chat)

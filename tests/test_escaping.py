"""Text from outside stays text in Markdown, on web pages, in figures, in LaTeX and in a terminal."""

import ast
import copy
import json
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from markdown_it import MarkdownIt

from clinical_dpo.data_checks.data_card import card
from clinical_dpo.data_checks.prompt_preview import artifact
from clinical_dpo.errors import UserError
from clinical_dpo.escaping import Markdown, Settings, code_span, markdown, printable
from clinical_dpo.report.figures.style import drawing, stamp, title_panel
from clinical_dpo.report.latex import escape
from tests.conftest import ROOT
from tests.helpers.data_cards import MANIFEST, TASK

READER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
ATTACKS = [
    "<script>alert(1)</script>",
    "<!-- a comment",
    "[a link](javascript:alert(1))",
    "![an image](http://evil.example/x.png)",
    "<http://evil.example>",
    "[ref]: http://evil.example",
    "`code` and ``more``",
    "**bold** and __bold__ and *so* _on_",
    "a | b || c \\| d",
    "# heading",
    "- list",
    "1. list",
    "1) list",
    "+ list",
    "> quotation",
    "---",
    "===",
    "~~gone~~",
    "&lt;b&gt; &amp; &copy;",
    "line\n\n# heading\n- list",
    "back\\slash \\* \\",
    "$x$ and $$y$$",
    "snake_case_name 5_000",
    "```\nfence",
    "    code",
]
COMMANDS = ["\x1b[31mred", "\x1b]0;title\x07", "\rover", "\x9b2J", "gpj.\u202egnp", "\u2066x\u2069", "\ud800", "\0"]


@pytest.mark.parametrize("text", ATTACKS)
def test_markdown_shows_a_text_as_it_is(text):
    """In a paragraph, a heading and a cell of a table, by a Markdown parser."""
    plain = " ".join(text.split())
    for source in (markdown(text), f"# {markdown(text)}", f"| a |\n| --- |\n| {markdown(text)} |"):
        inline = [token for token in READER.parse(source) if token.type == "inline"]
        kinds = {child.type for token in inline for child in token.children}
        assert kinds == {"text"} or kinds == {"text", "text_special"}, (source, kinds)
        assert inline[-1].children and "".join(child.content for child in inline[-1].children) == plain
    assert len(READER.parse(markdown(text))) == 3  # one paragraph
    span = READER.parse(f"row {code_span(text)} end")[1].children
    assert [child.type for child in span] == ["text", "code_inline", "text"] and span[1].content == plain


def test_what_is_markdown_already_stays_so():
    assert markdown(Markdown("**stop**")) == "**stop**" and markdown(markdown("a*b")) == "a\\*b"


@pytest.mark.parametrize("text", ATTACKS)
def test_a_data_card_keeps_its_tables_whatever_a_task_says(text):
    """The card has as many tables, cells, headings and paragraphs as that of a task of plain words."""

    def blocks(word):
        source = MANIFEST["source"] | {"id": word, "config": word, "path": word, "sheet": word, "drops": {word: 1}}
        manifest = MANIFEST | {"source": source, "labels": {"train": {word: 1}, "eval": {}, "dev": {}, "test": {}}}
        task = TASK | {"title": word, "description": word, "licence": word, "citation": word}
        tokens = READER.parse(card(task, manifest, {word: []}, []))
        inner = {child.type for token in tokens for child in token.children or ()}
        return [token.type for token in tokens], inner - {"text_special"}

    assert blocks(text) == blocks("plain")


@pytest.mark.parametrize("text", ATTACKS)
def test_a_row_s_name_ends_no_code_of_a_prompt_page(text):
    entry = {"stage": "sft", "row": text, "prompt_tokens": 1, "answer_tokens": 1, "cut": False, "begin_tokens": 0}
    page = artifact([entry | {"end_tokens": 1, "special_tokens": [[0, "`</s>`"]]}], None, "uti", "llama")
    tokens = READER.parse(page)
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner == {"text", "code_inline"}
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2"]


@pytest.mark.parametrize("text", COMMANDS)
def test_what_commands_a_terminal_is_spelled_out(text):
    for shown in (printable(text), str(UserError(text)), markdown(text), code_span(text), escape(text)):
        assert shown.isprintable() and shown.isascii()
    assert printable("naïve\n\ttab → 5 µg שלום 🙂") == "naïve\n\ttab → 5 µg שלום 🙂"


def test_neither_log_nor_terminal_obeys_what_a_job_says(tmp_path):
    body = """
import sys, warnings
from types import SimpleNamespace
from clinical_dpo.errors import UserError
from clinical_dpo.script import job
with job(SimpleNamespace(log=["job.log"], params={})):
    print("said \\x1b[2J \\u202e")
    warnings.warn("warned \\x1b[2J")
    raise ENDING("id \\x1b]0;x\\x07 \\ud800 \\u202e wrong")
"""
    for ending in ("UserError", "KeyError", "ValueError"):
        done = subprocess.run(
            [sys.executable, "-c", body.replace("ENDING", ending)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            timeout=60,
        )
        log = (tmp_path / "job.log").read_bytes()
        assert done.returncode == 1
        for told in (done.stderr, log):
            assert b"wrong" in told and b"\x1b" not in told and b"\x07" not in told and "\u202e" not in told.decode()
        assert b"said \\x1b[2J \\u202e" in log and b"warned \\x1b[2J" in log


@pytest.mark.parametrize("title", ["costs $5 to $6", r"$\nothing$ $", "</text><script>x</script>", "a\x1bb\u202ec"])
def test_a_title_is_drawn_as_it_is(tmp_path, title):
    path = tmp_path / "figure.svg"
    with drawing(3, 2, [path]) as figure:
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.6))
        title_panel(axes, title, title)
        stamp(figure, title)
    root = ElementTree.parse(path).getroot()
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count(printable(title)) == 3
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_settings_are_spelled_without_the_sign_that_begins_an_element():
    """What Snakemake's report prints of a rule; what its scripts get are the settings themselves."""
    values = {"title": "</script><script>alert(1)</script> \\<", "panels": [{"watermark": "<!--"}]}
    settings = Settings(values)
    assert "<" not in repr(settings) and "<" not in str(settings) and ast.literal_eval(repr(settings)) == values
    for sent in (pickle.loads(pickle.dumps(settings)), copy.deepcopy(settings)):
        assert sent == values and type(sent) is dict
    assert json.loads(json.dumps(settings)) == values


SNAKEFILE = """
include: {functions!r}

rule draw:
    output:
        report("drawn.txt", category="Figures", labels={{"figure": "drawn"}})
    params:
        settings=named(title={title!r}, tasks=[{{"watermark": {title!r}}}])
    run:
        assert params.settings["title"] == {title!r}
        open(output[0], "w").write("x")
"""


def test_snakemake_s_own_report_takes_no_title_for_an_element(tmp_path):
    functions = str(ROOT / "workflow/functions/rerun_settings.smk")
    title = "</script><script>alert(1)</script>\u202e\x1b[2J"
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(functions=functions, title=title))
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for more in ([], ["--report", "report.html"]):
        done = subprocess.run([*command, *more], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "\x1b[2J" not in done.stdout + done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page and "<script>alert" not in page and "</script><script>alert" not in page

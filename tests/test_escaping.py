"""Text from outside is displayed as plain text in Markdown, on web pages, in figures, in LaTeX and in a terminal."""

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

from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.data_checks.prompt_preview import preview_page
from clinical_dpo.errors import UserError
from clinical_dpo.escaping import Markdown, Settings, code_span, markdown, printable
from clinical_dpo.report.figures.panels import title_panel
from clinical_dpo.report.figures.style import drawing, stamp
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
def test_markdown_displays_a_text_unchanged(text):
    """A Markdown parser reads it back from a paragraph, a heading and a table cell."""
    plain = " ".join(text.split())
    for source in (markdown(text), f"# {markdown(text)}", f"| a |\n| --- |\n| {markdown(text)} |"):
        inline = [token for token in READER.parse(source) if token.type == "inline"]
        kinds = {child.type for token in inline for child in token.children}
        assert kinds == {"text"} or kinds == {"text", "text_special"}, (source, kinds)
        assert inline[-1].children and "".join(child.content for child in inline[-1].children) == plain
    assert len(READER.parse(markdown(text))) == 3  # one paragraph


@pytest.mark.parametrize("text", ATTACKS)
def test_a_code_span_displays_a_text_unchanged(text):
    plain = " ".join(text.split())
    span = READER.parse(f"row {code_span(text)} end")[1].children
    assert [child.type for child in span] == ["text", "code_inline", "text"] and span[1].content == plain


def test_markdown_is_not_escaped_twice():
    assert markdown(Markdown("**stop**")) == "**stop**" and markdown(markdown("a*b")) == "a\\*b"


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_of_a_task_changes_the_structure_of_a_data_card(text):
    """The card has the same tables, cells, headings and paragraphs as the card of a task with plain words."""

    def blocks(word):
        source = MANIFEST["source"] | {"id": word, "config": word, "path": word, "sheet": word, "drops": {word: 1}}
        manifest = MANIFEST | {"source": source, "labels": {"train": {word: 1}, "eval": {}, "dev": {}, "test": {}}}
        task = TASK | {"title": word, "description": word, "licence": word, "citation": word}
        tokens = READER.parse(data_card(task, manifest, {word: []}, []))
        inner = {child.type for token in tokens for child in token.children or ()}
        return [token.type for token in tokens], inner - {"text_special"}

    assert blocks(text) == blocks("plain")


@pytest.mark.parametrize("text", ATTACKS)
def test_no_row_id_ends_a_code_block_of_a_prompt_page(text):
    entry = {"stage": "sft", "row": text, "prompt_tokens": 1, "answer_tokens": 1, "cut": False, "begin_tokens": 0}
    page = preview_page([entry | {"end_tokens": 1, "special_tokens": [[0, "`</s>`"]]}], None, "uti", "llama")
    tokens = READER.parse(page)
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner == {"text", "code_inline"}
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2"]


@pytest.mark.parametrize("text", COMMANDS)
def test_terminal_commands_are_escaped(text):
    for shown in (printable(text), str(UserError(text)), markdown(text), code_span(text), escape(text)):
        assert shown.isprintable() and shown.isascii()


def test_printable_text_is_not_escaped():
    assert printable("naïve\n\ttab → 5 µg שלום 🙂") == "naïve\n\ttab → 5 µg שלום 🙂"


@pytest.mark.parametrize("ending", ["UserError", "KeyError", "ValueError"])
def test_no_output_of_a_job_commands_its_log_or_the_terminal(tmp_path, ending):
    body = """
import sys, warnings
from types import SimpleNamespace
from clinical_dpo.errors import UserError
from clinical_dpo.script import job
with job(SimpleNamespace(log=["job.log"], output=[], params={})):
    print("printed \\x1b[2J \\u202e")
    warnings.warn("warned \\x1b[2J")
    raise ENDING("id \\x1b]0;x\\x07 \\ud800 \\u202e wrong")
"""
    done = subprocess.run(
        [sys.executable, "-c", body.replace("ENDING", ending)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        timeout=60,
    )
    log = (tmp_path / "job.log").read_bytes()
    assert done.returncode == 1
    for output in (done.stderr, log):
        assert b"wrong" in output
        assert b"\x1b" not in output and b"\x07" not in output and "\u202e" not in output.decode()
    assert b"printed \\x1b[2J \\u202e" in log and b"warned \\x1b[2J" in log


@pytest.mark.parametrize("title", ["costs $5 to $6", r"$\nothing$ $", "</text><script>x</script>", "a\x1bb\u202ec"])
def test_a_title_is_drawn_unchanged(tmp_path, title):
    path = tmp_path / "figure.svg"
    with drawing(3, 2, [path]) as figure:
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.6))
        title_panel(axes, title, title)
        stamp(figure, title)
    root = ElementTree.parse(path).getroot()
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count(printable(title)) == 3
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_the_repr_of_settings_contains_no_element():
    """Snakemake's report prints the `repr`. Scripts receive the values themselves."""
    values = {"title": "</script><script>alert(1)</script> \\<", "panels": [{"watermark": "<!--"}]}
    settings = Settings(values)
    assert "<" not in repr(settings) and "<" not in str(settings) and ast.literal_eval(repr(settings)) == values
    for received in (pickle.loads(pickle.dumps(settings)), copy.deepcopy(settings)):
        assert received == values and type(received) is dict
    assert json.loads(json.dumps(settings)) == values


SNAKEFILE = """
include: {functions!r}

rule draw:
    output:
        report("drawn.txt", category="Figures", labels={{"figure": "drawn"}})
    params:
        settings=rule_settings(title={title!r}, tasks=[{{"watermark": {title!r}}}])
    run:
        assert params.settings["title"] == {title!r}
        open(output[0], "w").write("x")
"""


def test_snakemakes_report_reads_no_title_as_an_element(tmp_path):
    functions = str(ROOT / "workflow/functions/rerun_settings.smk")
    title = "</script><script>alert(1)</script>\u202e\x1b[2J"
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(functions=functions, title=title))
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for options in ([], ["--report", "report.html"]):
        done = subprocess.run([*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "\x1b[2J" not in done.stdout + done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page and "<script>alert" not in page and "</script><script>alert" not in page

"""A bar in a terminal: what it shows, and that no other text is lost to it."""

import os
import pty
import subprocess
import sys
import textwrap
from subprocess import PIPE

import pytest

from clinical_dpo.line_length import LONGEST
from tests.conftest import ROOT
from tests.helpers.terminal import in_terminal

START = """
import logging, os, subprocess, sys, time
from snakemake_interface_logger_plugins.common import LogEvent
from clinical_dpo.terminal.display import Display
from clinical_dpo.terminal.progress import RunProgress

logger = logging.getLogger("run")
logger.setLevel(logging.INFO)
display = Display(RunProgress(["train"] * 9 + ["plot"]), "running")
logger.addHandler(display)
display.open()


def say(event, **fields):
    logger.info("", extra={"event": event, **fields})


def start(job, rule="train"):
    say(LogEvent.JOB_INFO, jobid=job, rule_name=rule, wildcards={"task": f"task{job}"})


def child(code):
    subprocess.run([sys.executable, "-c", "import os, sys;" + code], check=True)
"""


def shown(code, *arguments):
    """What a terminal shows while the bar is open and `code` runs, and after."""
    program = START + textwrap.dedent(code)
    seen = in_terminal([*arguments, sys.executable, "-c", program], ROOT, {"PYTHONPATH": str(ROOT)})
    assert seen.status == 0, seen.text
    return seen


def test_the_bar_has_jobs_time_left_and_what_runs():
    seen = shown("""
        for job in range(8):
            start(job)
        display.refresh()
        say(LogEvent.JOB_FINISHED, job_id=0)
        say(LogEvent.JOB_ERROR, jobid=1)
        display.refresh()
        display.close()
    """)
    first = next(screen for screen in seen.screens if "and 3 more running" in screen)
    assert "0 of 10 jobs, 0:00:0" in first and "left" not in first and "failed" not in first
    assert all(f"train  task=task{job}" in first for job in range(5))
    last = next(screen for screen in reversed(seen.screens) if "1 of 10 jobs" in screen)
    assert "so far, about 0:00:0" in last and "left, 1 failed" in last
    assert "task=task0" not in last and "task=task1" not in last and "task=task6" in last
    assert "jobs" not in seen.text and "task" not in seen.text  # the bar leaves nothing behind


def test_text_of_the_run_and_of_its_processes_stays_above_the_bar():
    seen = shown(r"""
        start(1)
        child("print('one', flush=True); os.write(2, b'two\\n'); os.write(2, b'long ' * 30 + b'three\\n')")
        print("four")
        print("\x1b[31mfive\x1b[0m", file=sys.stderr)
        os.write(2, b"six\r\n")
        display.refresh()
        child("os.write(2, b'seven, without an end')")
        display.close()
        print("eight")
    """)
    expected = ["one", "two", "long " * 30 + "three", "four", "five", "six", "seven, without an end", "eight"]
    assert seen.text.splitlines() == expected
    assert any("six" in screen and "of 10 jobs" in screen for screen in seen.screens)


def test_no_line_is_lost_while_the_bar_grows_and_shrinks():
    seen = shown(r"""
        import threading

        def change():
            for job in range(500):
                start(job % 7)
                say(LogEvent.JOB_ERROR, jobid=3 * job % 7)

        changing = threading.Thread(target=change)
        changing.start()
        lines = 0
        while changing.is_alive():
            lines += 1
            print("line", lines, file=sys.stderr)
            time.sleep(0.0005)
        display.close()
        print(lines)
    """)
    *text, lines = seen.text.splitlines()
    assert int(lines) > 100 and text == [f"line {i + 1}" for i in range(int(lines))]


def test_a_line_of_any_length_is_broken_and_no_word_is_lost():
    seen = shown("""
        os.write(2, " ".join(f"word{i}" for i in range(2000)).encode() + b"\\n")
        display.close()
    """)
    assert seen.text.split() == [f"word{i}" for i in range(2000)]
    assert max(map(len, seen.text.splitlines())) <= LONGEST


def test_control_characters_of_other_text_do_not_reach_the_terminal():
    seen = shown(r"""
        print("before")
        child("os.write(2, b'a\\x1b[2Jb\\x07\\n')")
        display.close()
    """)
    assert seen.text.splitlines()[0] == "before" and "\x07" not in seen.text


def test_the_end_of_the_program_closes_the_bar():
    seen = shown("""
        start(1)
        print("only line")
        time.sleep(1)
    """)
    assert seen.text == "only line\n"


def test_a_process_that_outlives_the_run_does_not_hold_it_up():
    seen = shown("""
        process = subprocess.Popen(["sleep", "300"])
        print("line")
        display.close()
        print("end", process.poll())
        process.kill()
    """)
    assert seen.text.split() == ["line", "end", "None"]


def test_a_run_whose_terminal_is_closed_goes_on(tmp_path):
    program = START + textwrap.dedent(f"""
        import signal
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        print("ready", flush=True)
        sys.stdin.read()
        child("[print('x' * 99, file=sys.stderr) for _ in range(20_000)]")  # more than a pipe holds
        start(1)
        display.close()
        open({str(tmp_path / "end")!r}, "w")
    """)
    terminal, end = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=PIPE, stdout=end, stderr=end) as process:
        os.close(end)
        while b"ready" not in os.read(terminal, 65536):
            pass
        os.close(terminal)
        process.stdin.close()
        process.wait(timeout=300)
    assert (tmp_path / "end").exists()


@pytest.mark.parametrize("redirect", ["1", "0"])
def test_only_streams_that_are_a_terminal_lead_through_the_pipe(tmp_path, redirect):
    file = tmp_path / "out.txt"
    seen = shown(
        """
        os.write(1, b"result\\n")
        os.write(2, b"message\\n")
        display.close()
        """,
        *(["sh", "-c", f'"$@" > {file}', "sh"] if redirect == "1" else []),
    )
    assert (file.read_text() if redirect == "1" else "result\n") == "result\n"
    assert seen.text.split() == (["message"] if redirect == "1" else ["result", "message"])

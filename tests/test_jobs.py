"""The output and the end of a job that runs in a process of its own."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

BODY = """
import ctypes, os, sys
from types import SimpleNamespace
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.script import job

settings = {{"code": "1", "seed": 2}}
with job(SimpleNamespace(log=["logs/deep/job.log"], output=[], params={{"settings": settings}})) as params:
    assert params.seed == 2 and params.made_with == {{"seed": 2}}
    print("from python")
    print("a warning", file=sys.stderr)
    sys.stdout.flush()
    os.write(1, b"from C\\n")
    os.write(2, b"errors from C\\n")
    ctypes.CDLL(None).puts(b"from libc")
    ctypes.CDLL(None).fflush(None)
    {ending}
"""


@pytest.fixture
def run_job(tmp_path):
    def run(ending):
        done = subprocess.run(
            [sys.executable, "-c", BODY.format(ending=ending)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done, (tmp_path / "logs/deep/job.log").read_text()

    return run


OUTPUT = ["from python", "a warning", "from C", "errors from C", "from libc"]


def test_all_output_is_in_the_log(run_job):
    done, log = run_job("pass")
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    assert sorted(log.splitlines()) == sorted(OUTPUT)


def test_a_users_mistake_is_printed_without_a_traceback(run_job):
    done, log = run_job("raise UserError('tasks/uti.yaml, key β: wrong. Mend it.')")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "tasks/uti.yaml, key β: wrong. Mend it.\n"
    assert "Traceback" not in log and log.count("Mend it.") == 1
    assert set(OUTPUT) <= set(log.splitlines())


@pytest.fixture
def private_logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/.private").touch()


@pytest.mark.parametrize("ending", ["raise UserError('id MRN7: Jane Doe is no label.')", "raise KeyError('Jane Doe')"])
def test_an_error_that_may_quote_private_text_is_in_the_log_alone(run_job, private_logs, ending):
    done, log = run_job(ending)
    assert done.returncode == 1 and "Jane Doe" in log
    assert "Jane Doe" not in done.stderr and "Read it in logs/deep/job.log." in done.stderr


@pytest.mark.parametrize(
    ("ending", "on_terminal", "in_log"),
    [
        ("raise PublicError('9 rows are too few.')", "9 rows are too few.\n", "9 rows are too few."),
        ("raise UserError('9 rows (Jane Doe).', public='9 rows.')", "9 rows.\n", "9 rows (Jane Doe)."),
        (
            "raise PublicError('is empty.').within('Jane Doe, row 3: ', 'row 3: ')",
            "row 3: is empty.\n",
            "Jane Doe, row 3",
        ),
    ],
)
def test_a_public_message_is_on_the_terminal_although_logs_are_private(
    run_job, private_logs, ending, on_terminal, in_log
):
    done, log = run_job(ending)
    assert done.returncode == 1 and done.stderr == on_terminal and in_log in log


def test_any_other_error_writes_its_traceback_to_the_log(run_job):
    done, log = run_job("print('unflushed'); 1 / 0")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "ZeroDivisionError: division by zero (traceback in logs/deep/job.log)\n"
    assert log.count("Traceback (most recent call last)") == 1
    assert "ZeroDivisionError: division by zero\n" in log and "unflushed\n" in log


def test_a_second_run_replaces_the_log(run_job):
    run_job("raise UserError('first')")
    done, log = run_job("pass")
    assert done.returncode == 0 and "first" not in log


def test_a_system_exit_keeps_its_status(run_job):
    done, log = run_job("raise SystemExit(3)")
    assert done.returncode == 3 and done.stderr == "" and "Traceback" not in log

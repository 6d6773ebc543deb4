"""Sections of `gpu_check` without a model: one that passes, and one for each way to fail."""

import os
import subprocess
import sys


def passes(report):
    report.device("cpu (test)")
    report.note("A note.")
    report.row("measured", "1.5")


def breaks(report):
    with report.attempt("first"):
        raise ValueError("a wrong | number")
    report.row("second", "2.5")


def stops(report):
    report.row("measured", "3.5")
    raise RuntimeError("a broken section")


def dies(report):
    report.row("measured", "4.5")
    os._exit(9)


def hangs(report):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    report.row("child", str(child.pid))
    child.wait()


def measures_nothing(report):
    pass

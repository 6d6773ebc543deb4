"""A program that runs Python scripts in forks of a process that has already imported the large libraries.

A job of a small run spends most of its time on imports. `Project` has Snakemake use this program in place of Python.
Each script runs in its own process, with the same arguments, environment and working folder. Beside the program lies
`bin/snakemake`, which starts Snakemake so that it uses the program.
"""

import array
import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = (
    *(
        "torch",
        "transformers",
        "transformers.models.llama.modeling_llama",
        "transformers.models.mistral.modeling_mistral",
    ),
    *("peft", "trl", "trl.trainer.sft_trainer", "trl.trainer.dpo_trainer", "datasets", "pandas", "scipy.stats"),
    *("statsmodels.stats.power", "matplotlib.figure", "jinja2", "jsonschema", "rouge_score.rouge_scorer", "openpyxl"),
)
# This program passes a script's file to the server, and any other command line to Python.
CLIENT = """#!{python} -IS
import array, json, os, socket, sys
if len(sys.argv) < 2 or not os.path.isfile(sys.argv[1]):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
server.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(request)
status = server.recv(4)
sys.exit(int.from_bytes(status, "big") if status else 137)
"""
SNAKEMAKE = """#!{python}
import sys
sys.executable = {program!r}
from snakemake.cli import main
main()
"""


@contextlib.contextmanager
def warm_python(folder: Path, **more: str) -> Iterator[Path]:
    """Path of a program that runs scripts, until the block ends; `more` is added to the server's environment."""
    address = tempfile.mktemp(prefix="warm", suffix=".socket", dir="/tmp")
    program, snakemake = folder / "warm-python", folder / "bin/snakemake"
    snakemake.parent.mkdir(exist_ok=True)
    for path, text in ((program, CLIENT), (snakemake, SNAKEMAKE)):
        path.write_text(text.format(python=sys.executable, address=address, program=str(program)))
        path.chmod(0o755)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen([sys.executable, __file__, address], env=environment | more, stdout=subprocess.PIPE)
    try:
        assert server.stdout and server.stdout.readline() == b"warm\n"
        yield program
    finally:
        server.terminate()
        server.wait()
        Path(address).unlink(missing_ok=True)


def serve(address: str) -> None:
    """Import the libraries, then run each client's script in a fork."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the server does not wait for its forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(1, b"warm\n")
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                status = 1
                try:
                    status = run(client)
                except BaseException:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                client.sendall(struct.pack(">I", status))
                os._exit(0)
            client.close()


def run(client: socket.socket) -> int:
    """Run a client's script as Python would and return its exit status."""
    head, rights, _, _ = client.recvmsg(4, socket.CMSG_SPACE(3 * 4))
    size, request = int.from_bytes(head, "big"), b""
    while len(request) < size:
        request += client.recv(size - len(request))
    arguments, folder, environment = json.loads(request)
    streams = array.array("i")
    streams.frombytes(rights[0][2])
    for stream, received in enumerate(streams):
        os.dup2(received, stream)
        os.close(received)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [str(Path(arguments[0]).parent.resolve()), *paths, *sys.path[1:]]
    sys.argv, sys.orig_argv = arguments, [sys.executable, *arguments]
    for path in paths:  # as the module `site` does when Python starts
        if Path(path, "sitecustomize.py").exists():
            runpy.run_path(str(Path(path, "sitecustomize.py")))
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])

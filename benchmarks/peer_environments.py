"""Environments of the programs with which `benchmarks.peers` compares this project."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

TORCH = "torch==2.13.0"


class Peer(NamedTuple):
    """Another program, and the packages of its environment.

    Attributes:
        module: the module with the program's training steps.
        packages: packages that are installed with their dependencies.
        alone: packages that are installed without their dependencies, because they pin a version of PyTorch with CUDA.
        unused: pattern of files to delete. They need CUDA, and training on text does not use them.
    """

    module: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    unused: str = ""


PEERS = {
    "LLaMA-Factory": Peer(
        "benchmarks.peer_llamafactory",
        (
            *(TORCH, "transformers==5.6.0", "trl==0.24.0", "peft==0.18.1", "accelerate==1.11.0", "datasets==4.0.0"),
            *("numpy", "scipy", "pandas", "pyyaml", "pydantic", "packaging", "omegaconf", "safetensors", "einops"),
            *("sentencepiece", "tiktoken", "protobuf", "matplotlib", "fire", "tyro<0.9.0", "av==16.0.0", "fastapi"),
            *("uvicorn", "sse-starlette", "modelscope", "hf-transfer"),
        ),
        ("llamafactory==0.9.5", "torchaudio==2.11.0"),
        "lib/python*/site-packages/torchaudio/lib/*.so",
    ),
    "torchtune": Peer("benchmarks.peer_torchtune", (TORCH, "torchtune==0.6.1", "torchao==0.10.0")),
}


def install(folder: Path, peer: Peer) -> Path:
    """Install a peer in a virtual environment unless it is there, and return the environment's Python."""
    python, installed = folder / "bin/python", folder / "installed.json"
    wanted = json.dumps([peer.packages, peer.alone])
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *peer.packages], check=True)
        if peer.alone:
            subprocess.run([*pip, "--no-deps", *peer.alone], check=True)
        for file in folder.glob(peer.unused) if peer.unused else ():
            file.unlink()
        installed.write_text(wanted, encoding="utf-8")
    return python

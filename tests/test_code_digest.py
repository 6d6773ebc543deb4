"""The digest of code counts what a script runs. It ignores prose and the paths and names of files."""

import pytest

from clinical_dpo import code_digest

SCRIPT = "def main():\n    from clinical_dpo import a\n    from clinical_dpo.b import Y as y\n    return a.f(y)\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the same name. The script imports a and b, a imports d, and nothing imports c."""
    folder = tmp_path / "clinical_dpo"
    folder.mkdir()
    for name, text in {
        "a": '"""Doc."""\n\nfrom clinical_dpo.d import g\n\n\ndef f(x):\n    """Doc."""\n    return g(x)  # why\n',
        "b": "Y = 1\n",
        "c": "Z = 1\n",
        "d": "def g(x):\n    return x\n\n\ndef h(x):\n    return -x\n",
    }.items():
        (folder / f"{name}.py").write_text(text)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(code_digest, "PACKAGE", folder)
    return folder, script


def digest_of(script):
    for cached in (code_digest._parse, code_digest._digest, code_digest._module_file):
        cached.cache_clear()
    return code_digest.code_digest(script)


@pytest.mark.parametrize(
    ("module", "old", "new", "changes"),
    [
        ("a", "# why", "# another reason", False),
        ("a", '"""Doc."""\n    return', '"""Other words."""\n    return', False),
        ("a", "return g", "return  g", False),
        ("a", "return g(x)", "return g(x + 1)", True),
        ("a", "import g", "import h as g", True),  # another function under the same name
        ("b", "Y = 1", "Y = 2", True),
        ("c", "Z = 1", "Z = 2", False),
        ("d", "return -x", "return 0", True),
    ],
)
def test_the_digest_changes_with_code_that_runs_and_not_with_prose(package, module, old, new, changes):
    folder, script = package
    before = digest_of(script)
    path = folder / f"{module}.py"
    path.write_text(path.read_text().replace(old, new, 1))
    assert (digest_of(script) != before) is changes


def test_a_move_or_a_rename_of_a_module_keeps_the_digest(package):
    folder, script = package
    before = digest_of(script)
    (folder / "floor").mkdir()
    (folder / "d.py").rename(folder / "floor" / "e.py")
    (folder / "b.py").rename(folder / "floor" / "b.py")
    path = folder / "a.py"
    path.write_text(path.read_text().replace("clinical_dpo.d", "clinical_dpo.floor.e"))
    script.write_text(SCRIPT.replace("clinical_dpo.b", "clinical_dpo.floor.b"))
    assert digest_of(script) == before


def test_a_name_imported_from_another_module_changes_the_digest(package):
    """The script reads the same files, but the name means another value."""
    folder, script = package
    (folder / "b.py").write_text("Y = 1\nX = 1\n")
    (folder / "d.py").write_text("Y = 2\n\n\ndef g(x):\n    return x\n")
    before = digest_of(script)
    script.write_text(SCRIPT.replace("clinical_dpo.b import Y", "clinical_dpo.d import Y"))
    (folder / "a.py").write_text("import clinical_dpo.b\n\n" + (folder / "a.py").read_text())
    assert digest_of(script) != before


def test_an_exchange_of_imports_between_two_functions_changes_the_digest(package):
    folder, script = package
    text = "".join(f"def {f}():\n    from clinical_dpo.{name} import X\n    return X\n" for f, name in ("pb", "qd"))
    for name in ("b", "d"):
        (folder / f"{name}.py").write_text(f"X = '{name}'\n\n\ndef g(x):\n    return x\n")
    script.write_text(text)
    before = digest_of(script)
    script.write_text(text.replace("dpo.b", "dpo.?").replace("dpo.d", "dpo.b").replace("dpo.?", "dpo.d"))
    assert digest_of(script) != before

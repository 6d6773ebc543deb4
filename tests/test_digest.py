"""The digest that decides whether code changed: what a script runs counts, prose does not."""

import pytest

from clinical_dpo import digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the same name: script -> a -> b, and c that nobody imports."""
    folder = tmp_path / "clinical_dpo"
    folder.mkdir()
    for name, text in {
        "__init__": '"""Doc."""\n',
        "a": '"""Doc."""\n\nimport clinical_dpo.b\n\n\ndef f(x):\n    """Doc."""\n    return x  # why\n',
        "b": "Y = 1\n",
        "c": "Z = 1\n",
    }.items():
        (folder / f"{name}.py").write_text(text)
    script = tmp_path / "script.py"
    script.write_text("def main():\n    from clinical_dpo import a\n    return a.f(1)\n")
    monkeypatch.setattr(digest, "PACKAGE", folder)
    return folder, script


def digest_of(script):
    digest._parse.cache_clear()
    digest._module_file.cache_clear()
    return digest.code_digest(script)


@pytest.mark.parametrize(
    ("module", "old", "new", "changes"),
    [
        ("a", "# why", "# another reason", False),
        ("a", '"""Doc."""\n    return', '"""Other words."""\n    return', False),
        ("a", "return x", "return  x", False),
        ("a", "return x", "return x + 1", True),
        ("b", "Y = 1", "Y = 2", True),
        ("c", "Z = 1", "Z = 2", False),
    ],
)
def test_what_changes_the_digest(package, module, old, new, changes):
    folder, script = package
    before = digest_of(script)
    path = folder / f"{module}.py"
    path.write_text(path.read_text().replace(old, new, 1))
    assert (digest_of(script) != before) is changes

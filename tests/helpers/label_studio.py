"""Label Studio's own Python package: it checks an interface and tasks, and writes annotated tasks as its exports.

Label Studio's server and this package share the schema of interfaces and the code of exports.
"""

import json
import subprocess
import sys
from pathlib import Path

# What the imports below need beyond the project's packages; the package itself asks for twice as many.
REQUIREMENTS = (
    *("label-studio-sdk==2.1.2", "appdirs==1.4.4", "faker==40.63.0", "ijson==3.6.0", "jsf==0.11.2", "nltk==3.10.4"),
    *("PyJWT==2.13.0", "rstr==3.2.2", "smart_open==9.0.2", "ujson==6.1.0", "xmljson==0.2.1"),
)


def fetch(folder: Path) -> str | None:
    """Install the packages into a folder. Returns the reason if pip cannot."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--target", str(folder), *REQUIREMENTS], capture_output=True, text=True)
    return f"pip cannot install label-studio-sdk: {done.stderr.strip()[-300:]}" if done.returncode else None


def export(packages: Path, config: str, tasks: list, words: dict, folder: Path) -> dict:
    """Annotate tasks and write them as `annotated.json` (JSON) and `result.json` (JSON-MIN).

    Args:
        packages: the folder of `fetch`.
        config: the labelling interface.
        tasks: the tasks as imported.
        words: item id -> {name of a control: its value}.
        folder: where the exports go.

    Returns:
        `controls`: name -> names of its objects and its labels; `invalid`: tasks and annotations that the interface
        refuses.
    """
    request = json.dumps({"config": config, "tasks": tasks, "words": words})
    command = [sys.executable, __file__, str(packages), str(folder)]
    done = subprocess.run(command, input=request, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def main(packages: str, folder: Path) -> None:
    """The part that runs in a process of its own, because it imports the fetched packages."""
    sys.path.append(packages)
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    request = json.load(sys.stdin)
    interface = LabelInterface(request["config"])
    interface.validate()
    tasks, invalid = request["tasks"], []
    for number, task in enumerate(tasks, start=1):
        invalid += [] if interface.validate_task(task) else [task]
        words = request["words"].get(task["data"]["item_id"])
        regions = interface.create_regions(words) if words else []
        annotation = {
            **{"id": 100 + number, "task": number, "completed_by": 1, "was_cancelled": not words, "lead_time": 4.2},
            **{"created_at": "2026-11-21T12:00:00.500000Z", "updated_at": "2026-11-21T12:00:00.500000Z"},
            "result": [{**region._dict(), "origin": "manual"} for region in regions],
        }
        invalid += [] if interface.validate_annotation(annotation) else [annotation]
        task |= {"id": number, "annotations": [annotation], "predictions": []}
    annotated = folder / "annotated.json"
    annotated.write_text(json.dumps(tasks), encoding="utf-8")
    Converter(request["config"], str(folder)).convert_to_json_min(str(annotated), str(folder), is_dir=False)
    controls = {control.name: [control.to_name, control.labels] for control in interface.controls}
    print(json.dumps({"controls": controls, "invalid": invalid}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

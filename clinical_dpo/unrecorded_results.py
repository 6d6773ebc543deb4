"""Handle results of which Snakemake has no record.

Some results have a record of their own, such as run.json, with the settings that they were made with. These settings
are compared with the config. If they are equal, Snakemake's record is written. Tables, figures, grades and data cards
take only seconds to make and are not compared. Their Snakemake records are written with unknown settings, so that
Snakemake makes these results again.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.script import NOT_OF_RESULTS
from clinical_dpo.io import write_json


def record_file(output: str, metadata: Path) -> Path:
    """The file in which Snakemake records how it made an output (snakemake.persistence.file).

    The name of this file is the output's path in URL-safe base64. File systems limit the length of a name. A name of
    more than 254 characters is therefore split: the last part names the file, and the parts before it name folders.

    Args:
        output: path of the output, as in the rule's `output` with the wildcards filled in.
        metadata: the folder of Snakemake's records.
    """
    name = urlsafe_b64encode(output.encode()).decode()
    pieces = [name[start : start + 254] for start in range(0, len(name), 254)]
    return metadata.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])


def record_as_unknown(output: str, metadata: Path, version: int) -> None:
    """Write a record with settings that no rule has, so that Snakemake runs the rule of the output again.

    Args:
        output, metadata: as in `record_file`.
        version: version of the format of Snakemake's records.
    """
    record_made_with(output, metadata, version, ["not known"])


def record_made_with(output: str, metadata: Path, version: int, params: list[str]) -> None:
    """Write the missing Snakemake record of an output. The record contains the settings that the output was made with.

    Args:
        output, metadata, version: as in `record_as_unknown`.
        params: the settings, in the format of Snakemake's records.
    """
    write_json(record_file(output, metadata), {"params": params, "record_format_version": version})


def differences(made_with: Mapping[str, Any], configured: Mapping[str, Any]) -> list[str]:
    """Compare the settings that a result was made with and the current settings. Return one line per difference.

    A top-level setting is not compared if it is missing from `configured` or is in NOT_OF_RESULTS.

    Args:
        made_with: the settings in the result's own record.
        configured: the settings that the current config gives to the rule that makes the result.
    """
    old, new = dict(_leaves(made_with)), dict(_leaves(configured))
    keys = [key for key in dict.fromkeys((*new, *old)) if key.split(".")[0] in configured]
    return [
        f"{key}: the result was made with {_shown(old, key)}, but the config has {_shown(new, key)}"
        for key in keys
        if key.split(".")[0] not in NOT_OF_RESULTS and (key in old, old.get(key)) != (key in new, new.get(key))
    ]


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings with the path to it: `{"a": {"b": 1}}` -> `("a.b", 1)`.

    An empty inner mapping is yielded as a value. A tuple is yielded as a list.

    Args:
        value: the nested mappings.
        key: path to `value`; empty for the outermost mapping.
    """
    if isinstance(value, Mapping) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, list(value) if isinstance(value, tuple) else value


def _shown(values: Mapping[str, Any], key: str) -> str:
    """The `repr` of a value, or `no value` where the key is absent."""
    return repr(values[key]) if key in values else "no value"

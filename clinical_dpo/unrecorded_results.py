"""Results of which Snakemake has no record any more: held against the config by what they say of themselves."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.script import NOT_OF_RESULTS
from clinical_dpo.io import write_json


def record_file(output: str, metadata: Path) -> Path:
    """The file in which Snakemake keeps what made another (snakemake.persistence.file).

    Args:
        output: the other's path, as a rule spells it. Its base64 names the record, in pieces that a file system takes.
        metadata: the folder of records.
    """
    name = urlsafe_b64encode(output.encode()).decode()
    pieces = [name[start : start + 254] for start in range(0, len(name), 254)]
    return metadata.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])


def record_as_unknown(output: str, metadata: Path, version: int) -> None:
    """Have Snakemake make a file again, by a record of settings that no rule has.

    Args:
        output, metadata: as in `record_file`.
        version: of the format of Snakemake's records.
    """
    record_made_with(output, metadata, version, ["not known"])


def record_made_with(output: str, metadata: Path, version: int, params: list[str]) -> None:
    """Have Snakemake know the settings that a file was made with.

    Args:
        output, metadata, version: as in `record_as_unknown`.
        params: the settings, as Snakemake spells them in its records.
    """
    write_json(record_file(output, metadata), {"params": params, "record_format_version": version})


def differences(made_with: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What a result was made with and what the config says, for every value that differs.

    Args:
        made_with: the settings in the result's own record.
        wanted: the settings that the config gives its rule today.
    """
    then, now = dict(_leaves(made_with)), dict(_leaves(wanted))
    keys = [key for key in dict.fromkeys((*now, *then)) if key.split(".")[0] in wanted]
    return [
        f"{key}: made with {_shown(then, key)}, the config says {_shown(now, key)}"
        for key in keys
        if key.split(".")[0] not in NOT_OF_RESULTS and (key in then, then.get(key)) != (key in now, now.get(key))
    ]


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Key, dots between its parts, and value of everything in a mapping that is no mapping itself."""
    if isinstance(value, Mapping) and (value or not key):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, list(value) if isinstance(value, tuple) else value


def _shown(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"

"""Select the files of each split of a hub repository.

The patterns of the repository's card (README.md) select among the files that the commit lists.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import yaml

from clinical_dpo.errors import UserError

FORMATS = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
# `datasets` does not take these files for data.
_NO_DATA = frozenset(("config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"))
_PATTERNS = 10_000  # patterns of one configuration
_PATTERN_LENGTH = 1_000  # characters of one pattern
_MEND = "Choose another config or revision. Or download the files, join them into one, and read it with `kind: file`."
_SUPPORTED_KEYS = frozenset(("config_name", "data_files", "data_dir", "default", "description", "version"))
# Signs of a path outside of the repository: `://` (a URL), `::` (a chain of URLs), an absolute path, a home folder, a
# drive, a backslash, NUL.
_ELSEWHERE = re.compile(r"://|::|^[/~]|^[A-Za-z]:|[\\\0]")

Patterns = Mapping[str, Sequence[str]]  # split -> patterns of its files


def split_files(card: str, names: Sequence[str], config: str | None, where: str) -> dict[str, list[str]]:
    """Return the files of each split of a configuration.

    The files are in the order of the card's patterns, and the files of one pattern are in alphabetical order. If the
    card names no files, the names of the files determine the splits by the rules of `datasets`.

    Args:
        card: the text of README.md; empty if there is none.
        names: all files of the commit.
        config: the configuration. None selects the only configuration, or the card's default configuration.
        where: the data set, for messages.

    Raises:
        UserError: the card is not readable, names files outside of the repository, or has a key that changes how files
            are read; the configuration is unknown, or has no data file in a supported format.
    """
    entry = _entry(_configs(card, where), config, where)
    location = with_config(where, entry.get("config_name", config))
    for key in entry:
        if key not in _SUPPORTED_KEYS:
            raise UserError(f"{location}: README.md sets '{key}', which changes how files are read. {_MEND}")
    folder = _inside(entry.get("data_dir", ""), location)
    data = sorted(name for name in names if _is_data(name) and (not folder or name.startswith(f"{folder}/")))
    if "data_files" in entry:
        patterns: Patterns = {
            split: [_joined(folder, _inside(pattern, location)) for pattern in listed]
            for split, listed in _listed_patterns(entry["data_files"], location).items()
        }
    else:
        # Only names within the folder count; the folder's own name does not determine a split.
        patterns = {
            split: [_joined(folder, pattern) for pattern in implied]
            for split, implied in _implied_patterns([name.removeprefix(f"{folder}/") for name in data]).items()
        }
    files = {split: matches for split, globs in patterns.items() if (matches := _matches(data, globs))}
    if not files:
        raise UserError(
            f"{location}: the repository has no data file for this config in a supported format "
            f"({', '.join(FORMATS)}). Files of the repository: {', '.join(sorted(names)[:5])}. Correct `config` or "
            "`revision`. Or download and unpack the data, join them into one file, and read it with `kind: file`."
        )
    return files


def with_config(where: str, config: str | None) -> str:
    """Return the text that names a data set in messages. If a configuration is chosen, the text names it too.

    Args:
        where: name of the data set.
        config: name of the chosen configuration, or None.
    """
    return f"{where}, config {config}" if config else where


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a path matches a pattern. `**` is any number of folders. `*` is any text without a slash."""
    written = pattern.split("/")
    # Several ** in a row count as one.
    parts = [part for at, part in enumerate(written) if part != "**" or not at or written[at - 1] != "**"]
    reached = _past_stars({0}, parts)
    for part in name.split("/"):
        reached = _past_stars(
            {
                at + (parts[at] != "**")
                for at in reached
                if at < len(parts) and (parts[at] == "**" or fnmatchcase(part, parts[at]))
            },
            parts,
        )
    return len(parts) in reached


def _past_stars(reached: set[int], parts: Sequence[str]) -> set[int]:
    """For each `**` whose index is in `reached`, add the next index too, and return `reached`.

    A `**` can stand for zero folders, so the part after the `**` can match instead. For the pattern `**/*.csv`, {0}
    becomes {0, 1}.

    Args:
        reached: indices of the `parts` that can match next; len(parts) is the end of the pattern. The set is changed in
            place.
        parts: the pattern, split at its slashes.
    """
    for at in sorted(reached):
        while at < len(parts) and parts[at] == "**":
            at += 1
            reached.add(at)
    return reached


def _configs(card: str, where: str) -> list[dict[str, Any]]:
    """Return the `configs` of a card's metadata, which is YAML between two lines of three dashes."""
    lines = card.lstrip("\ufeff \t\r\n").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return []
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), len(lines))
    try:
        # The base loader reads all scalars as text and merges no keys. Nested merges could fill the memory with copies.
        metadata = yaml.load("\n".join(lines[1:end]), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(
            f"{where}: the metadata of the README.md is not YAML ({type(error).__name__}). {_MEND}"
        ) from None
    configs = (metadata.get("configs") if isinstance(metadata, dict) else None) or []
    if not isinstance(configs, list) or not all(
        isinstance(e, dict) and _is_text(e.get("config_name")) for e in configs
    ):
        raise UserError(
            f"{where}: `configs` in the README.md is not a list of configurations with a `config_name`. {_MEND}"
        )
    return configs


def _entry(configs: Sequence[dict[str, Any]], config: str | None, where: str) -> dict[str, Any]:
    """Find the entry of a configuration in the `configs` of a repository's card.

    Args:
        configs: all entries of the card.
        config: name of the configuration. None selects the only configuration, or the card's default configuration.
        where: the data set, for messages.

    Returns:
        The entry; {} if the card has no entries and `config` is None or `default`.

    Raises:
        UserError: the configuration is unknown, or `config` is None and the card does not determine one configuration.
    """
    if not configs:
        if config not in (None, "default"):
            raise UserError(f"{where}: there is no config '{config}', only the default. Remove the key `config`.")
        return {}
    entries = {entry["config_name"]: entry for entry in configs}
    if config in entries:
        return entries[config]
    if config is not None:
        raise UserError(
            f"{where}: the data set has no config '{config}'. Set `config` to one of {', '.join(list(entries)[:50])}."
        )
    default = [
        name for name in entries if len(entries) == 1 or name == "default" or entries[name].get("default") == "true"
    ]
    if len(default) != 1:
        raise UserError(
            f"{where}: the data set has several configurations. Set `config` to one of {', '.join(list(entries)[:50])}."
        )
    return entries[default[0]]


def _listed_patterns(data_files: Any, location: str) -> Patterns:
    """Return the patterns of each split from the card's `data_files`, in any form that the hub allows."""
    patterns: dict[str, list[str]] = {}
    for count, (split, pattern) in enumerate(_pairs(data_files)):
        if not _is_text(split) or not _is_text(pattern) or count >= _PATTERNS:
            raise UserError(
                f"{location}: `data_files` in the README.md is not a list of splits with paths, "
                f"or it has more than {_PATTERNS:,} entries. {_MEND}"
            )
        patterns.setdefault(split, []).append(pattern)
    return patterns


def _pairs(data_files: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the split and the pattern of each entry of `data_files`. An entry without a split belongs to `train`.

    Values that are not texts are yielded too; the caller refuses them.
    """
    for each in data_files if isinstance(data_files, list) else [data_files]:
        if isinstance(each, dict) and set(each) == {"split", "path"}:
            for path in each["path"] if isinstance(each["path"], list) else [each["path"]]:
                yield each["split"], path
        else:
            yield "train", each


def _implied_patterns(names: Sequence[str]) -> Patterns:
    """Return the patterns of each split for a repository whose card names no files.

    The names of the files determine the splits, by the rules of the library `datasets`.
    """
    # Imported late: it takes seconds, and only this kind of source needs it.
    from datasets import data_files

    sharded = data_files.SPLIT_PATTERN_SHARDED
    expression = re.compile(r"data/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}.*\..*")
    splits = dict.fromkeys(match[1] for name in names if (match := expression.fullmatch(name)))
    if splits:
        return {split: [sharded.format(split=split)] for split in splits}
    for defaults in (data_files.DEFAULT_PATTERNS_SPLIT_IN_DIR_NAME, data_files.DEFAULT_PATTERNS_SPLIT_IN_FILENAME):
        implied = {str(split): patterns for split, patterns in defaults.items() if _matches(names, patterns)}
        if implied:
            return implied
    return {"train": ["**"]}


def _matches(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that match a pattern, each once, in the order of the patterns."""
    return list(dict.fromkeys(name for pattern in patterns for name in names if matches_pattern(name, pattern)))


def _inside(pattern: Any, location: str) -> str:
    """Return a path from the README.md without empty parts and `.` parts: `./a//b` becomes `a/b`.

    Args:
        pattern: a folder, or a pattern for paths of files.
        location: repository and configuration, for messages.

    Raises:
        UserError: the path is not text, lies outside of the repository, or is too long.
    """
    if not _is_text(pattern) and pattern != "":
        raise UserError(f"{location}: `data_dir` in the README.md is not a folder. {_MEND}")
    if len(pattern) > _PATTERN_LENGTH:
        raise UserError(
            f"{location}: a path in the README.md has {len(pattern):,} characters, but at most "
            f"{_PATTERN_LENGTH:,} are allowed: '{pattern[:100]}...'. {_MEND}"
        )
    parts = [part for part in pattern.split("/") if part != "."]
    if _ELSEWHERE.search(pattern) or ".." in parts:
        raise UserError(
            f"{location}: the README.md names the path '{pattern[:100]}', which lies outside of the repository. Only "
            f"files of the pinned commit are read. {_MEND}"
        )
    return "/".join(part for part in parts if part)


def _joined(folder: str, pattern: str) -> str:
    return f"{folder}/{pattern}" if folder else pattern


def _is_data(name: str) -> bool:
    """Whether a listed file may contain data: its format is supported, and it is neither hidden nor one of _NO_DATA."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return path.suffix.lower() in FORMATS and path.name not in _NO_DATA and not hidden and not path.is_absolute()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)

"""Which files of a hub repository a split is read from: some of its listing, by the card's patterns, and no others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import yaml

from clinical_dpo.errors import UserError

FORMATS = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
_NO_DATA = frozenset(("config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json"))  # as `datasets`
_PATTERNS = 10_000  # of one configuration
_SIGNS = 1_000  # of one pattern
_KNOWN = frozenset(("config_name", "data_files", "data_dir", "default", "description", "version"))
# A URL, several paths in one, an absolute path, a home, a drive, another system's separator.
_ELSEWHERE = re.compile(r"://|::|^[/~]|^[A-Za-z]:|[\\\0]")

Files = Mapping[str, Sequence[str]]  # split -> its files, or the patterns that they fit


def split_files(card: str, names: Sequence[str], config: str | None, where: str) -> dict[str, list[str]]:
    """The files of each split of a configuration, in the order of the card's patterns and then of their names.

    A card without `configs` leaves the splits to the files' names, as `datasets` reads them.

    Args:
        card: the text of README.md, empty where there is none.
        names: all files of the commit.
        config: the configuration; None where there is one, or one that the card calls its default.
        where: the data set, for messages.

    Raises:
        UserError: the card is not readable, names files outside of the repository, or says how files are to be read;
            the configuration is not known, or nothing fits it.
    """
    entry = _entry(_configs(card, where), config, where)
    place = f"{where}, config {entry.get('config_name', config)}"
    for key in entry:
        if key not in _KNOWN:
            raise UserError(
                f"{place}: the card sets '{key}', which changes how its files are read. Download its files, and read "
                "them with `kind: file`."
            )
    folder = _inside(entry.get("data_dir", ""), place)
    data = sorted(name for name in names if _is_data(name) and (not folder or name.startswith(f"{folder}/")))
    if "data_files" in entry:
        patterns: Files = {
            split: [_joined(folder, _inside(pattern, place)) for pattern in stated]
            for split, stated in _stated(entry["data_files"], place).items()
        }
    else:
        # Told by the names within the folder: the folder's own is no split's.
        patterns = {
            split: [_joined(folder, pattern) for pattern in implied]
            for split, implied in _implied([name.removeprefix(f"{folder}/") for name in data]).items()
        }
    found = {split: fitting for split, wanted in patterns.items() if (fitting := _fitting(data, wanted))}
    if not found:
        raise UserError(
            f"{place}: the repository has no data file that fits. Read are {', '.join(FORMATS)}; files there: "
            f"{', '.join(sorted(names)[:5])}. Check `config` and `revision`."
        )
    return found


def fits(name: str, pattern: str) -> bool:
    """Whether a path fits a pattern, in which ** stands for any number of folders and * for no part of another one."""
    stated = pattern.split("/")
    # Several ** in a row are one.
    parts = [part for at, part in enumerate(stated) if part != "**" or not at or stated[at - 1] != "**"]
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
    """Places in a pattern, and those behind a ** that stands for no folder."""
    for at in sorted(reached):
        while at < len(parts) and parts[at] == "**":
            at += 1
            reached.add(at)
    return reached


def _configs(card: str, where: str) -> list[dict[str, Any]]:
    """The `configs` of a card's metadata, which stand in YAML between two lines of three dashes."""
    lines = card.lstrip("\ufeff \t\r\n").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return []
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), len(lines))
    try:
        # The base loader makes texts alone: no merged keys, whose copies of copies would fill the memory.
        stated = yaml.load("\n".join(lines[1:end]), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{where}: the metadata of its README.md is not YAML ({type(error).__name__}).") from None
    configs = (stated.get("configs") if isinstance(stated, dict) else None) or []
    if not isinstance(configs, list) or not all(
        isinstance(e, dict) and _is_text(e.get("config_name")) for e in configs
    ):
        raise UserError(f"{where}: `configs` in its README.md is no list of configurations with a `config_name`.")
    return configs


def _entry(configs: Sequence[dict[str, Any]], config: str | None, where: str) -> dict[str, Any]:
    """The card's entry of a configuration; an empty one where the card has none."""
    if not configs:
        if config not in (None, "default"):
            raise UserError(f"{where}: there is no config '{config}', only the default. Remove `config` from `source`.")
        return {}
    known = {entry["config_name"]: entry for entry in configs}
    if config in known:
        return known[config]
    if config is not None:
        raise UserError(
            f"{where}: there is no config '{config}'. Its configs: {', '.join(list(known)[:50])}. Correct `config`."
        )
    default = [name for name in known if len(known) == 1 or name == "default" or known[name].get("default") == "true"]
    if len(default) != 1:
        raise UserError(f"{where}: which configuration? Name one of {', '.join(list(known)[:50])} as `config`.")
    return known[default[0]]


def _stated(data_files: Any, place: str) -> Files:
    """The patterns of each split, in any of the forms that the hub allows."""
    patterns: dict[str, list[str]] = {}
    for count, (split, pattern) in enumerate(_pairs(data_files)):
        if not _is_text(split) or not _is_text(pattern) or count >= _PATTERNS:
            raise UserError(f"{place}: `data_files` in its README.md are no list of splits with their paths.")
        patterns.setdefault(split, []).append(pattern)
    return patterns


def _pairs(data_files: Any) -> Iterator[tuple[Any, Any]]:
    """(split, pattern) of each; what is no text is for the caller to refuse."""
    for each in data_files if isinstance(data_files, list) else [data_files]:
        if isinstance(each, dict) and set(each) == {"split", "path"}:
            for path in each["path"] if isinstance(each["path"], list) else [each["path"]]:
                yield each["split"], path
        else:
            yield "train", each


def _implied(names: Sequence[str]) -> Files:
    """The patterns of each split that the files' names tell, in the order in which `datasets` tries them."""
    # Imported late: seconds of start-up that only this kind of source needs.
    from datasets import data_files

    sharded = data_files.SPLIT_PATTERN_SHARDED
    expression = re.compile(r"data/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}.*\..*")
    splits = dict.fromkeys(match[1] for name in names if (match := expression.fullmatch(name)))
    if splits:
        return {split: [sharded.format(split=split)] for split in splits}
    for told in (data_files.DEFAULT_PATTERNS_SPLIT_IN_DIR_NAME, data_files.DEFAULT_PATTERNS_SPLIT_IN_FILENAME):
        found = {str(split): patterns for split, patterns in told.items() if _fitting(names, patterns)}
        if found:
            return found
    return {"train": ["**"]}


def _fitting(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that fit, each once, in the order of the patterns."""
    return list(dict.fromkeys(name for pattern in patterns for name in names if fits(name, pattern)))


def _inside(pattern: Any, place: str) -> str:
    """A pattern or folder of a card without `./`.

    Raises:
        UserError: it names something outside of the repository.
    """
    if not _is_text(pattern) and pattern != "":
        raise UserError(f"{place}: `data_dir` in its README.md is no folder.")
    if len(pattern) > _SIGNS:
        raise UserError(
            f"{place}: the card's '{pattern[:100]}...' has {len(pattern):,} characters, and a path has at most "
            f"{_SIGNS:,}. Take another config or revision, or read a file of yours with `kind: file`."
        )
    parts = [part for part in pattern.split("/") if part != "."]
    if _ELSEWHERE.search(pattern) or ".." in parts:
        raise UserError(
            f"{place}: the card's '{pattern[:100]}' lies outside of the repository, and only files of the pinned "
            "commit are read. Take another config or revision, or read a file of yours with `kind: file`."
        )
    return "/".join(part for part in parts if part)


def _joined(folder: str, pattern: str) -> str:
    return f"{folder}/{pattern}" if folder else pattern


def _is_data(name: str) -> bool:
    """Whether a file of the listing may be one of data: of a format that is read, and not hidden."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return path.suffix.lower() in FORMATS and path.name not in _NO_DATA and not hidden and not path.is_absolute()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)

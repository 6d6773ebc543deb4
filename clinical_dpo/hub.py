"""Fetch files of one commit of a repository on the Hugging Face hub into the hub's local cache."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.io import sha256

PAGES = {"model": "https://huggingface.co/", "dataset": "https://huggingface.co/datasets/"}


def page(repo_id: str, kind: str = "model") -> str:
    """The address of a repository's web page (kind `model` or `dataset`)."""
    return PAGES[kind] + repo_id


def fetch(
    repo_id: str,
    revision: str,
    patterns: Sequence[str] | None = None,
    *,
    kind: str = "model",
    ignored: Sequence[str] = (),
) -> Path:
    """Fetch a commit and return its folder in the cache, which has at least the files that match `patterns`.

    Files that the cache has are not downloaded again. With HF_HUB_OFFLINE=1, or where the hub cannot be reached, the
    files come from the cache alone.

    Args:
        repo_id: owner/name on the hub.
        revision: full commit hash.
        patterns: shell patterns in which * also matches /; None for all files.
        kind: model or dataset.
        ignored: patterns of files to leave out, even where `patterns` match.

    Raises:
        UserError: the repository is gated, unknown or unreachable, or the commit does not exist; with the page to visit
            and the variable to set. No message contains a token.
    """
    # Imported late: a start of the workflow and other sources do not need them.
    from httpx2 import HTTPError
    from huggingface_hub import get_token, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    where = page(repo_id, kind)
    try:
        return Path(
            snapshot_download(
                repo_id,
                repo_type=kind,
                revision=revision,
                allow_patterns=None if patterns is None else list(patterns),
                ignore_patterns=list(ignored),
            )
        )
    except GatedRepoError:
        token = "the account of the token in HF_TOKEN has no access" if get_token() else "no token is set"
        raise UserError(
            f"{repo_id}: access is gated, and {token}. Accept its terms on {where}, then set HF_TOKEN to a token of "
            "that account (https://huggingface.co/settings/tokens)."
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{repo_id}: not found on the hub. Check `id` against {where}; set HF_TOKEN if the repository is private."
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{repo_id}: revision {revision} is not found on the hub; it may have been removed. Copy the hash of a "
            f"commit from {where}/commits/main to `revision`."
        ) from None
    except (HTTPError, OSError) as error:
        raise UserError(
            f"{repo_id}: revision {revision} could not be fetched ({type(error).__name__}), and "
            f"{_lacking(repo_id, revision, patterns, kind, ignored)}. Run this rule once where {where} can be reached, "
            "without HF_HUB_OFFLINE=1 and with HF_HOME on a file system that all nodes see."
        ) from None


def _lacking(
    repo_id: str, revision: str, patterns: Sequence[str] | None, kind: str, ignored: Sequence[str] = ()
) -> str:
    """Say which files of a commit the local cache lacks."""
    from huggingface_hub import try_to_load_from_cache

    try:
        names = file_sizes(repo_id, revision, patterns, kind=kind, ignored=ignored)
    except UserError:
        return "it is not in the local cache"
    cached = {name: try_to_load_from_cache(repo_id, name, revision=revision, repo_type=kind) for name in names}
    missing = [name for name, path in cached.items() if not isinstance(path, str)]
    return f"the local cache lacks {len(missing)} of its files, first {', '.join(missing[:3])}"


def file_sizes(
    repo_id: str,
    revision: str,
    patterns: Sequence[str] | None = None,
    *,
    kind: str = "model",
    ignored: Sequence[str] = (),
) -> dict[str, int]:
    """The files of a fetched commit that match `patterns` and not `ignored`: path -> bytes, sorted by path.

    Paths and sizes come from the hub's list of the commit.

    Raises:
        UserError: the cache has no such list, so nothing shows whether the commit is complete.
    """
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError
    from huggingface_hub.utils import filter_repo_objects

    try:
        tree = get_cached_repo_tree(repo_id, repo_type=kind, revision=revision)
    except CachedRepoTreeNotFoundError:
        raise UserError(
            f"{repo_id}: the local cache does not say whether it has all files of revision {revision}. Run this rule "
            f"once where {page(repo_id, kind)} can be reached, without HF_HUB_OFFLINE=1."
        ) from None
    allowed = None if patterns is None else list(patterns)
    sizes = {file.path: file.size for file in tree}
    kept = filter_repo_objects(sizes, allow_patterns=allowed, ignore_patterns=list(ignored))
    return {name: sizes[name] for name in sorted(kept)}


def digests(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a fetched folder: path relative to the folder -> hex digest.

    Raises:
        UserError: a file's bytes differ from those that the hub stores.
    """
    checksums = {}
    for name in files:
        blob = (folder / name).resolve()
        checksums[name] = sha256(blob)
        # The cache names a large file by its SHA-256, a small file by its git hash.
        stored = _git_hash(blob) if re.fullmatch(r"[0-9a-f]{40}", blob.name) else checksums[name]
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name) and blob.name != stored:
            raise UserError(
                f"{name}: the copy in the local cache is damaged (its SHA-256 is {checksums[name]}). Delete {blob} and "
                "run again."
            )
    return checksums


def _git_hash(path: Path) -> str:
    """The SHA-1 by which git names a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

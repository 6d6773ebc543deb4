"""Fetch files of one commit of a repository on the Hugging Face hub into the hub's local cache."""

import contextlib
import errno
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    """Fetch the files of a commit that match `patterns`, and return the commit's folder in the cache.

    The folder may contain other files too. Files that are already in the cache are not downloaded again. With
    HF_HUB_OFFLINE=1, or if the hub cannot be reached, all files come from the cache.

    Args:
        repo_id: owner/name on the hub.
        revision: full commit hash.
        patterns: shell patterns in which * also matches /; None for all files.
        kind: model or dataset.
        ignored: patterns of files to leave out, even if the files match `patterns`.

    Raises:
        UserError: a file is not in the cache and cannot be downloaded, because the repository is gated, unknown or
            unreachable, or because the commit does not exist. The message says what to do, with the page to visit, and
            contains no token.
    """
    # Imported late, because the start of the workflow and most sources do not need this library.
    from huggingface_hub import snapshot_download

    with _explained(repo_id, kind, revision, lambda: _lacking(repo_id, revision, patterns, kind, ignored)):
        return Path(
            snapshot_download(
                repo_id,
                repo_type=kind,
                revision=revision,
                allow_patterns=None if patterns is None else list(patterns),
                ignore_patterns=list(ignored),
            )
        )


@dataclass(frozen=True)
class Commit:
    """The newest commit of a model. A fact that the hub does not know is None."""

    revision: str  # full commit hash
    license: str | None
    parameters: int | None  # number of weights in the safetensors files


def newest_commit(model_id: str) -> Commit:
    """The newest commit on the main branch of a model, from the hub.

    Raises:
        UserError: the model is gated, unknown or unreachable.
    """
    from huggingface_hub import model_info

    with _explained(model_id, "model", "main", lambda: "only the hub knows the newest commit"):
        info = model_info(model_id)
    card = info.card_data
    return Commit(
        revision=str(info.sha),
        license=str(card.license) if card and card.license else None,
        parameters=info.safetensors.total if info.safetensors else None,
    )


@contextlib.contextmanager
def _explained(repo_id: str, kind: str, revision: str, lacking: Callable[[], str]) -> Iterator[None]:
    """Context manager that turns the hub's errors into UserErrors that say what to do. The messages contain no token.

    Args:
        repo_id, kind, revision: as in `fetch`.
        lacking: function that returns a clause about the files that are missing on this machine. The clause is used if
            the hub cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    where = page(repo_id, kind)
    try:
        yield
    except GatedRepoError:
        token = "the account of the token has no access" if get_token() else "no token is set"
        raise UserError(
            f"{repo_id}: access is gated, and {token}. Accept the repository's terms on {where}. Then set HF_TOKEN to "
            "a token of the account that accepted the terms (https://huggingface.co/settings/tokens)."
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{repo_id}: the hub has no public repository of this name ({where}). Correct `id` in the model file or "
            "task file. If the repository is private, set HF_TOKEN."
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{repo_id}: the hub does not have revision {revision}. It may have been removed. Set `revision` to the "
            f"hash of a commit on {where}/commits/main."
        ) from None
    except (HTTPError, OSError) as error:
        cause = error.__cause__ or error
        if (status := getattr(getattr(cause, "response", None), "status_code", None)) in (401, 403):
            raise UserError(
                f"{repo_id}: the hub refuses the token (status {status}). Set HF_TOKEN to a valid token that may read "
                "this repository. If the repository is public, remove the token instead."
            ) from None
        if status == 429 or (status or 0) >= 500:
            raise UserError(f"{repo_id}: the hub cannot answer now (status {status}). Run again later.") from None
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise UserError(
                f"{repo_id}: the files cannot be saved ({cause.strerror}). Set HF_HOME to a folder with free space in "
                "which this user may write."
            ) from None
        raise UserError(
            f"{repo_id}: revision {revision} could not be fetched ({type(cause).__name__}), and "
            f"{lacking()}. Use a machine that reaches {where}. Unset HF_HUB_OFFLINE there, and set HF_HOME to a folder "
            "that all nodes see. Then run the same command there once."
        ) from None


def _lacking(
    repo_id: str, revision: str, patterns: Sequence[str] | None, kind: str, ignored: Sequence[str] = ()
) -> str:
    """A clause that says which files of a commit are missing in the local cache. The arguments are as for `fetch`."""
    from huggingface_hub import try_to_load_from_cache

    try:
        names = file_sizes(repo_id, revision, patterns, kind=kind, ignored=ignored)
    except UserError:
        return "it is not in the local cache"
    cached = {name: try_to_load_from_cache(repo_id, name, revision=revision, repo_type=kind) for name in names}
    missing = [name for name, path in cached.items() if not isinstance(path, str)]
    return f"the local cache lacks {len(missing)} of the files of this revision, such as {', '.join(missing[:3])}"


def file_sizes(
    repo_id: str,
    revision: str,
    patterns: Sequence[str] | None = None,
    *,
    kind: str = "model",
    ignored: Sequence[str] = (),
) -> dict[str, int]:
    """Sizes of the files of a fetched commit: path -> bytes, sorted by path.

    Only files that match `patterns` but not `ignored` are included. Paths and sizes come from the hub's list of the
    commit's files, which is in the local cache. All arguments are as for `fetch`.

    Raises:
        UserError: the cache does not have this list. Without the list, nothing shows whether all files are there.
    """
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError
    from huggingface_hub.utils import filter_repo_objects

    try:
        tree = get_cached_repo_tree(repo_id, repo_type=kind, revision=revision)
    except CachedRepoTreeNotFoundError:
        raise UserError(
            f"{repo_id}: the local cache has no list of the files of revision {revision}, so files may be missing. Run "
            f"the same command once on a machine that reaches {page(repo_id, kind)}. Unset HF_HUB_OFFLINE there. Check "
            "that this user may write in HF_HOME."
        ) from None
    allowed = None if patterns is None else list(patterns)
    sizes = {file.path: file.size for file in tree}
    kept = filter_repo_objects(sizes, allow_patterns=allowed, ignore_patterns=list(ignored))
    return {name: sizes[name] for name in sorted(kept)}


def digests(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the named files in a fetched folder: path relative to the folder -> hex digest.

    Raises:
        UserError: a file in the cache differs from the file on the hub.
    """
    checksums = {}
    for name in files:
        blob = (folder / name).resolve()
        checksums[name] = sha256(blob)
        # In the cache, the name of a large file is its SHA-256, and the name of a small file is its git hash.
        stored = _git_hash(blob) if re.fullmatch(r"[0-9a-f]{40}", blob.name) else checksums[name]
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name) and blob.name != stored:
            raise UserError(
                f"{name}: the copy in the local cache is damaged. It differs from the file on the hub (SHA-256 of the "
                f"copy: {checksums[name]}). Delete {blob} and run again."
            )
    return checksums


def _git_hash(path: Path) -> str:
    """The SHA-1 that git computes of a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

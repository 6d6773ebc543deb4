"""Files of one commit of a repository on the Hugging Face hub, in the hub's local cache."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.io import sha256

PAGES = {"model": "https://huggingface.co/", "dataset": "https://huggingface.co/datasets/"}


def page(repo_id: str, kind: str = "model") -> str:
    """The page of a repository (kind `model` or `dataset`) in a browser."""
    return PAGES[kind] + repo_id


def fetch(
    repo_id: str,
    revision: str,
    patterns: Sequence[str] | None = None,
    *,
    kind: str = "model",
    ignored: Sequence[str] = (),
) -> Path:
    """The cache's folder of a commit, with at least the files that match `patterns`.

    Files that are there already are not asked for again. With HF_HUB_OFFLINE=1, or where the hub cannot be reached,
    the cache alone answers.

    Args:
        repo_id: owner/name on the hub.
        revision: full commit hash.
        patterns: as of a shell, where * matches / too; None for all files.
        kind: model or dataset.
        ignored: patterns of files that are left out all the same.

    Raises:
        UserError: the repository is gated, unknown or out of reach, or the commit is not there (any more); with the
            page to visit and the variable to set. No message holds a token.
    """
    # Imported late: a start and every other source can do without.
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
            f"{repo_id}: not found on the hub. Check `id` against {where}; for a private one set HF_TOKEN."
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"{repo_id}: revision {revision} is not found on the hub; it may have been moved or removed. Copy the hash "
            f"of a commit from {where}/commits/main to `revision`."
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
    """What the local cache has not got of a commit."""
    from huggingface_hub import try_to_load_from_cache

    try:
        names = listed(repo_id, revision, patterns, kind=kind, ignored=ignored)
    except UserError:
        return "it is not in the local cache"
    found = {name: try_to_load_from_cache(repo_id, name, revision=revision, repo_type=kind) for name in names}
    lost = [name for name, place in found.items() if not isinstance(place, str)]
    return f"the local cache lacks {len(lost)} of its files, first {', '.join(lost[:3])}"


def listed(
    repo_id: str,
    revision: str,
    patterns: Sequence[str] | None = None,
    *,
    kind: str = "model",
    ignored: Sequence[str] = (),
) -> dict[str, int]:
    """The files of a fetched commit that match `patterns`, in order and with their bytes, as the hub lists them.

    Those that match `ignored` are left out.

    Raises:
        UserError: the cache has the commit without such a list, so that nobody can tell whether it is whole.
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
    """SHA-256 of a fetched folder's files by their path in it.

    Raises:
        UserError: a file whose bytes are not those that the hub stores under its name.
    """
    found = {}
    for name in files:
        blob = (folder / name).resolve()
        found[name] = sha256(blob)
        # The cache names a large file by its SHA-256, a small one by git's hash.
        stored = _git_hash(blob) if re.fullmatch(r"[0-9a-f]{40}", blob.name) else found[name]
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name) and blob.name != stored:
            raise UserError(
                f"{name}: the copy in the local cache is damaged (its SHA-256 is {found[name]}). Delete {blob} and run "
                "again."
            )
    return found


def _git_hash(path: Path) -> str:
    """The name that git gives to a file's bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

"""Upload the folder of a chosen model to a repository of the Hugging Face hub. A private task's model is refused."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.config.uploads import refuse_private
from clinical_dpo.errors import UserError
from clinical_dpo.hub import page
from clinical_dpo.io import read_json

TOKEN = "HF_TOKEN"


def upload_release(folder: Path, repository: str, visibility: str, task: Mapping[str, Any]) -> dict[str, Any]:
    """Upload a released folder to a repository of the Hugging Face hub. A missing repository is created.

    Files that are in the repository but not in the folder are deleted from the repository.

    Args:
        folder: a folder that `write_release` wrote.
        repository: owner/name on the hub.
        visibility: public or private.
        task: `name` of the task, and `phi` (whether the task's text is private).

    Returns:
        `repository`, `visibility`, `commit` (id of the new commit) and `url` (address of this commit).

    Raises:
        UserError: the task's text is private; the model is an adapter that has no merged copy and whose base model is
            a folder of this computer; HF_TOKEN is not set; the hub does not allow the repository's name; the repository
            exists with a visibility other than `visibility`; the hub refuses the upload; or the hub cannot be reached.
            The message contains no token.
    """
    if task.get("phi"):
        refuse_private(task["name"])
    _refuse_base_of_this_computer(folder)
    token, owner = os.environ.get(TOKEN), repository.partition("/")[0]
    if not token:
        raise UserError(
            f"{repository}: the upload needs a token, but the environment variable {TOKEN} is not set. Set {TOKEN} to "
            f"a token that may write to the repositories of '{owner}' (https://huggingface.co/settings/tokens)."
        )
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi(token=token)
    try:
        api.create_repo(repository, private=visibility == "private", exist_ok=True)
        found = "private" if api.repo_info(repository).private else "public"
        if found != visibility:
            raise UserError(
                f"{repository}: config key 'release.upload.visibility' is '{visibility}', but the repository "
                f"{page(repository)} is '{found}', so nothing was uploaded. If '{found}' is right, set the "
                f"config key to '{found}'. Otherwise, change the visibility in the settings of the repository."
            )
        summary = f"Model of clinical-dpo, task {task['name']}"
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=summary, delete_patterns="*")
    except HFValidationError as error:
        raise UserError(
            f"{repository}: the hub does not allow this name of a repository. {error} If the name is too long, shorten "
            "the name of the task, the name of the model or config key 'run_name'. Otherwise, correct config key "
            "'release.upload.owner'."
        ) from None
    except HfHubHTTPError as error:
        if (status := error.response.status_code) == 429 or status >= 500:
            raise UserError(
                f"{repository}: the hub cannot take the upload now (status {status}). Run the upload again later."
            ) from None
        raise UserError(
            f"{repository}: the hub refused the upload (status {status}: {error.server_message}). "
            f"Check that the token in {TOKEN} may write to the repositories of '{owner}'. If '{owner}' is the wrong "
            "owner, correct config key 'release.upload.owner'."
        ) from None
    except (HTTPError, OSError, RuntimeError) as error:
        raise UserError(
            f"{repository}: the upload ended early ({type(error).__name__}). Check that this computer reaches "
            f"{page(repository)}. Unset HF_HUB_OFFLINE if it is set. Then run the upload again."
        ) from None
    return {
        "repository": repository,
        "visibility": visibility,
        "commit": commit.oid,
        "url": f"{page(repository)}/tree/{commit.oid}",
    }


def _refuse_base_of_this_computer(folder: Path) -> None:
    """Raise UserError if nobody else could load the model in `folder`, because its base model is only on this computer.

    This is the case if the model is an adapter, its base model is a local folder, and there is no merged copy (the
    folder `merged` in `folder`).
    """
    file = folder / "adapter_config.json"
    if file.is_file() and read_json(file)["revision"] is None and not (folder / "merged").is_dir():
        raise UserError(
            f"{folder}: the base model of this adapter is a folder of this computer, so nobody else could load the "
            "adapter. Set `release: {merged: true}` in the config, or use a base model of the hub."
        )

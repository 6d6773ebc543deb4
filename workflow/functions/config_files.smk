import sys
import tempfile
from pathlib import Path


def stop(message):
    """Print a message and end the run before its first job, without the lines that Snakemake adds to an error."""
    print(message, file=sys.stderr)
    sys.exit(1)


def cloned_code(source):
    """Clone the repository that a module names with `github(...)` or `gitlab(...)`, and check out the named commit.

    Snakemake has a clone too, but without files, because it reads single files out of Git. Python needs the package in
    a folder.

    Args:
        source: a file or folder of the repository, as Snakemake describes it.

    Returns:
        The folder of the clone, in .snakemake.
    """
    from git import Repo  # Snakemake uses it to fetch the repository

    folder = Path.cwd() / ".snakemake/clinical-dpo-code"
    fetched = source.hosted_repo
    if not workflow.is_main_process:  # a job runs the code of its run, even if the branch has moved
        return folder
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            Repo.clone_from(str(fetched.repo_clone), f"{part}/code", no_checkout=True)
            Path(part, "code").rename(folder)
    commit, clone = fetched.repo.commit(source.ref).hexsha, Repo(folder)
    clone.git.fetch("--quiet", "--force", "--tags", str(fetched.repo_clone), "refs/heads/*:refs/remotes/origin/*")
    clone.git.checkout("--quiet", "--detach", commit)
    return folder


CODE = workflow.current_basedir  # workflow/functions of the code
ROOT = cloned_code(CODE) if hasattr(CODE, "hosted_repo") else Path(str(CODE)).parents[1]
if not (ROOT / "clinical_dpo").is_dir():
    stop(
        f"The workflow's code comes from {CODE}, but its Python package must be on this computer. If the repository "
        "is on GitHub or GitLab, name it with github(...) or gitlab(...) in `snakefile` of the module. Otherwise clone "
        "the repository, and set `snakefile` to the path of the clone's Snakefile."
    )
IS_MODULE = Path(workflow.basedir) != ROOT
# If another workflow uses this workflow as a module, config/ is in the folder in which the other workflow runs.
STUDY_ROOT = Path.cwd() if IS_MODULE else ROOT
sys.path.insert(0, str(ROOT))

from clinical_dpo.config.loading import check_config_files
from clinical_dpo.errors import UserError

# Config files are checked before `configfile:` reads them, because Snakemake takes the last of two equal keys and does
# not warn. The config files of a workflow that uses this workflow as a module have further keys and are not checked.
if not IS_MODULE:
    try:
        check_config_files(
            [path for path in (Path("config/config.yaml"), *workflow.overwrite_configfiles) if path.exists()]
        )
    except UserError as error:
        stop(str(error))

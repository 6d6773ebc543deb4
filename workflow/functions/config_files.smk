import sys
from pathlib import Path


def stop(message):
    """Print a message and end the run before its first job, without the lines that Snakemake adds to an error."""
    print(message, file=sys.stderr)
    sys.exit(1)


ROOT = Path(str(workflow.current_basedir)).parents[1]  # the folder of the code
if not (ROOT / "clinical_dpo").is_dir():
    stop(
        f"The workflow's code comes from {workflow.current_basedir}. Its package has to lie on this machine. Clone the "
        "repository, and set `snakefile` of the module to the path of the clone's Snakefile."
    )
IS_MODULE = Path(workflow.basedir) != ROOT
# If another workflow uses this workflow as a module, config/ is in the folder in which the other workflow runs.
STUDY_ROOT = Path.cwd() if IS_MODULE else ROOT
sys.path.insert(0, str(ROOT))

from clinical_dpo.config.loading import check_config_files
from clinical_dpo.errors import UserError

# Config files are checked before `configfile:` reads them, because Snakemake takes the last of two equal keys without a
# word. The config files of a workflow that uses this workflow as a module have further keys and are not checked.
if not IS_MODULE:
    try:
        check_config_files(
            [path for path in (Path("config/config.yaml"), *workflow.overwrite_configfiles) if path.exists()]
        )
    except UserError as error:
        stop(str(error))

import sys
from pathlib import Path


def stop(message):
    """End the run before its first job. The message stands alone: Snakemake would add files and lines of its code."""
    print(message, file=sys.stderr)
    sys.exit(1)


ROOT = Path(str(workflow.current_basedir)).parents[1]  # of the code
if not (ROOT / "clinical_dpo").is_dir():
    stop(
        f"The workflow's code comes from {workflow.current_basedir}, but its Python package must be on this computer. "
        "Clone the repository, and set `snakefile` of the module to the path of the clone's Snakefile."
    )
IS_MODULE = Path(workflow.basedir) != ROOT
# A workflow that uses this one as a module has its own config/ in the folder that it runs in.
STUDY_ROOT = Path.cwd() if IS_MODULE else ROOT
sys.path.insert(0, str(ROOT))

from clinical_dpo.config.loading import check_config_files
from clinical_dpo.errors import UserError

# This precedes `configfile:`, because Snakemake takes the last of two equal keys. The files of a workflow that uses this
# one as a module have keys of their own.
if not IS_MODULE:
    try:
        check_config_files(
            [path for path in (Path("config/config.yaml"), *workflow.overwrite_configfiles) if path.exists()]
        )
    except UserError as error:
        stop(str(error))

"""The next steps that the terminal shows after a run."""

import shlex
from collections.abc import Sequence

from clinical_dpo.report.summary import AWAITED


def next_steps(summary: str, page: str, configs: Sequence[str], settings: Sequence[str] = ()) -> str:
    """Return a text with the page to read next and the commands to run next.

    Args:
        summary: text of the run's summary, which shows whether grades are awaited.
        page: path of the page of results.
        configs: paths of the configuration files that the command line of the run names.
        settings: settings on the command line of the run, such as `allow_generated=true`.
    """
    options = f" --configfile {shlex.join(configs)}" if configs else ""
    options += f" --config {shlex.join(settings)}" if settings else ""
    if any(line.startswith(AWAITED) for line in summary.splitlines()):
        commands = {"all": "once the awaited grades are there"}
    else:
        commands = {"release": "each chosen model as a folder", "package": "the run as files for a journal"}
    lines = [f"  snakemake --cores 1 {target}{options}  # {result}" for target, result in commands.items()]
    return "\n".join(["Next:", f"  open {page} in a browser", *lines])

"""Write the package of a finished run, for a journal or an ethics board, as a folder and as a zip file."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.config.loading import load_study
from clinical_dpo.report.package.build import Copied, write_package
from clinical_dpo.report.package.run_facts import read_facts

with job(snakemake) as params:
    inputs, root = snakemake.input, Path(params.root)
    facts = read_facts(
        load_study(snakemake.config, root),
        params.version,
        manifests=inputs.manifests,
        bases=inputs.bases,
        records=inputs.records,
        judges=inputs.judges,
        tables=[*inputs.tables, inputs.cost],
    )
    copied = Copied(
        reports=[inputs.page, inputs.summary],
        tables=[*inputs.tables, *inputs.typeset],
        figures=inputs.figures,
        data_cards=inputs.data_cards,
        code=inputs.code,
    )
    citation = next(Path(file) for file in inputs.code if Path(file).name == "CITATION.cff")
    write_package(Path(snakemake.output.readme).parent, Path(snakemake.output.archive), facts, copied, citation, root)

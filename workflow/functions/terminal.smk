from clinical_dpo.line_length import LONGEST, folded
from clinical_dpo.terminal.snakemake_lines import ShortLines


def terminal():
    """The logging handler with which Snakemake writes to a terminal. None if it writes elsewhere or by a plugin."""
    handlers = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
    return handlers[0] if handlers and handlers[0].can_color_tty() else None


if (
    terminal()
    and workflow.is_main_process
    and workflow.modifier.is_main_snakefile()
    and not workflow.output_settings.verbose
):
    terminal().setFormatter(ShortLines(terminal().formatter))

displays = []  # the run's progress bar, from the first job to the end; empty if there is no terminal


def show_progress():
    """In a terminal, show a progress bar in place of Snakemake's text about single jobs.

    There is no bar if options of the command ask for more or less of Snakemake's text.
    """
    settings = workflow.output_settings
    if settings.quiet or settings.verbose or settings.debug_dag or settings.printshellcmds:
        return
    if not workflow.is_main_process or not terminal() or not os.isatty(2):
        return
    from clinical_dpo.terminal.display import Display, not_on_bar  # imports rich
    from clinical_dpo.terminal.progress import RunProgress

    jobs = RunProgress(job.rule.name for job in workflow.dag.needrun_jobs())
    displays.append(Display(jobs, "running" if workflow.local_exec else "submitted", color=not settings.nocolor))
    terminal().addFilter(not_on_bar)
    logger.addHandler(displays[0])
    displays[0].open()


def hide_progress():
    """Remove the progress bar, so that text can be printed."""
    for display in displays:
        display.close()


def fitting(text):
    """The text with lines broken to fit into the terminal. Outside a terminal, a line has at most 300 characters."""
    columns = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else LONGEST
    return folded(text, min(columns or LONGEST, LONGEST))


def show_failures():
    """Print the messages of failed jobs. Outside a terminal each message is one line."""
    for text in failures():
        print(fitting(text) if sys.stdout.isatty() else text)


def show_result():
    """Print the texts that the run has written (summary, plan, freed files), and after a summary the next steps."""
    from clinical_dpo.terminal.next_steps import next_steps  # imported late, because it imports the modules of tables

    for name in ("summary", "plan", "freed"):
        file = Path(at(name))
        if file.exists() and file.stat().st_mtime > started:
            text = file.read_text(encoding="utf-8")
            print(fitting(text))
            if name == "summary" and Path(at("page")).exists():
                configs = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
                print(next_steps(text, at("page"), configs, workflow.config_settings.config_args))

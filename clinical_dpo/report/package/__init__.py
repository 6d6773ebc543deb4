"""The package of a finished run for a journal or an ethics board. The package has no rows of data and no weights."""

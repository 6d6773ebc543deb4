"""The package of a finished run: data for a journal and an ethics board, without rows and without weights."""

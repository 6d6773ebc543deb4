"""A task and the manifest of its data, for a data card."""

MANIFEST = {
    "source": {
        "kind": "hub",
        "data": "real",
        "id": "clinic/notes",
        "revision": "a" * 40,
        "splits": ["train"],
        "rows": 30,
        "sampled": 20,
        "drops": {"no answer": 3},
        "repairs": {"byte-order mark dropped": {"count": 1, "first": "line 1"}},
    },
    "texts": {"rejected": {"written_by": "llama2", "texts": 20, "tokens": 900, "cut": 2}},
    "repairs": {"label respelled as in the task file": {"count": 4, "first": "row 2"}},
    "duplicates_removed": 2,
    "conflicting_duplicates": 1,
    "shrunk": {"asked": {"train": 20, "test": 10}, "have": 15},
    "counts": {"train": 10, "eval": 0, "dev": 0, "test": 5},
    "labels": {"train": {"UTI": 4, "No UTI": 6}, "eval": {}, "dev": {}, "test": {"No UTI": 5}},
    "unused": 0,
    "sha256": {"train": "b" * 64, "test": "c" * 64},
}
TASK = {"name": "uti", "title": "UTI", "licence": "MIT", "citation": "Doe 2024", "download_size": "3 MB"}

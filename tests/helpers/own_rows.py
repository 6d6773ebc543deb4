"""A run on rows of one's own, as text of its config and of its data file."""

import json

CONFIG = """
run_name: mine
recipes: {savage2025: {models: [tiny-llama]}}
tasks: [uti]
figure2: {}
overrides:
  tasks:
    uti:
      source: {kind: file, path: data/mine.jsonl}
      when_missing: error
      columns: {note: text, label: label}
      prompt: "{{ note }} UTI or No UTI?"
      splits: {train: 4, eval: 2, dev: 2, test: 2}
"""
ROWS = [{"id": f"r{i}", "text": f"Note {i}: dysuria.", "label": ["UTI", "No UTI"][i % 2]} for i in range(10)]


def lines(*rows):
    """Rows as the bytes of a JSON Lines file."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()

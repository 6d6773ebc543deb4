"""Excel workbooks with an edited sheet."""

import zipfile

SHEET = "xl/worksheets/sheet1.xml"


def edit_sheet(source, target, change):
    """Write the workbook `source` to `target` with its sheet's XML changed by `change`."""
    with zipfile.ZipFile(source) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts[SHEET] = change(parts[SHEET])
    with zipfile.ZipFile(target, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return target

"""Text of a figure, read from its SVG file, and a check that figures have the same bytes."""

import xml.etree.ElementTree as ElementTree

KINDS = ("svg", "pdf", "png")


def texts(svg):
    """(text, style) of every text element. Raises an error where the file is not well-formed XML."""
    elements = ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    return [("".join(element.itertext()), element.get("style", "")) for element in elements]


def words(svg):
    """The texts without their styles."""
    return [text for text, _ in texts(svg)]


def same_bytes(draw, folder):
    """Draw twice in every format, into first/ and second/ of a folder; returns whether both have the same bytes."""
    files = [[folder / time / f"figure.{kind}" for kind in KINDS] for time in ("first", "second")]
    for paths in files:
        draw(paths)
    return all(first.read_bytes() == second.read_bytes() for first, second in zip(*files, strict=True))

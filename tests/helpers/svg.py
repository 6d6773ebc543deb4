"""Texts of a figure, read from its SVG file."""

import xml.etree.ElementTree as ElementTree

KINDS = ("svg", "pdf", "png")


def texts(svg):
    """(text, style) of every text element. Raises ParseError if the XML is not well-formed."""
    elements = ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    return [("".join(element.itertext()), element.get("style", "")) for element in elements]


def words(svg):
    """Texts without their styles."""
    return [text for text, _ in texts(svg)]


def same_bytes(draw, folder):
    """Draw a figure twice in every format and return whether the bytes are equal."""
    files = [[folder / time / f"figure.{kind}" for kind in KINDS] for time in ("one", "two")]
    for paths in files:
        draw(paths)
    return all(first.read_bytes() == second.read_bytes() for first, second in zip(*files, strict=True))

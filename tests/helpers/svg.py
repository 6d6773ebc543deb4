"""What a figure shows, read from its SVG file."""

import xml.etree.ElementTree as ElementTree

KINDS = ("svg", "pdf", "png")


def texts(svg):
    """(text, its style) of every text element; well-formed XML or an error."""
    elements = ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    return [("".join(element.itertext()), element.get("style", "")) for element in elements]


def words(svg):
    """The texts alone."""
    return [text for text, _ in texts(svg)]


def same_bytes(draw, folder):
    """Draw twice, in every format: whether both times gave the same bytes."""
    files = [[folder / time / f"figure.{kind}" for kind in KINDS] for time in ("one", "two")]
    for paths in files:
        draw(paths)
    return all(one.read_bytes() == two.read_bytes() for one, two in zip(*files, strict=True))

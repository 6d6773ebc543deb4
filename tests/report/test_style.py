"""The style of figures: text is drawn as it is written."""

import xml.etree.ElementTree as ElementTree

import pytest

from clinical_dpo.report.figures.panels import title_panel
from clinical_dpo.report.figures.style import drawing, stamp, write_footnote, write_title


@pytest.mark.parametrize("title", ["Charges under $50 or over $100", r"A_1^2 \alpha {x} %", "a & b < c"])
def test_titles_footnotes_and_watermarks_are_drawn_as_written(tmp_path, title):
    with drawing(4, 2, [tmp_path / "a.svg"]) as figure:
        write_title(figure, title)
        write_footnote(figure, title)
        stamp(figure, title)
        title_panel(figure.add_axes((0.2, 0.2, 0.5, 0.5)), title, title)
    texts = [
        "".join(text.itertext()).strip()
        for text in ElementTree.parse(tmp_path / "a.svg").iter()
        if text.tag.endswith("}text")
    ]
    assert texts.count(title) == 5

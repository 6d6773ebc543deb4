"""Texts that another program has written in another form: kept with a warning, and restored by choice."""

import base64
import json
from typing import Any

from tests.helpers.malformed.case import ROWS, Case, lines, with_note

RTF = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Fi\'e8vre \b mod\'e9r\'e9e\b0\par 38\u176?C}"
NOTE = "Dysuria since yesterday, no fever."
# (what it is, a note in this form, the fault, the name of its repair, the restored note)
FORMS = [
    ("line ends written as \\n", r"Pyuria.\nNo fever.", "escapes written out", "escapes", "Pyuria.\nNo fever."),
    ("characters written as \\u00b0", r"38 \u00b0C \ud83d\ude00", "escapes written out", "escapes", "38 °C \U0001f600"),
    ('quotation marks written as \\"', r"She said \"no\".", "escapes written out", "escapes", 'She said "no".'),
    ("Excel's _x000D_", "Pyuria._x000D_\nNo fever.", "Excel's escapes", "excel", "Pyuria.\nNo fever."),
    ("RTF", RTF, "RTF", "rtf", "Fièvre modérée\n38°C"),
    ("HL7's line ends", r"Pyuria.\.br\No fever.", "HL7 escapes", "hl7", "Pyuria.\nNo fever."),
    ("HL7's separators", r"Smith \T\ Jones, 5\S\3\X0A\end", "HL7 escapes", "hl7", "Smith & Jones, 5^3\nend"),
    ("quoted-printable", "Fi=C3=A8vre, temp=\n =3D 38", "quoted-printable", "quoted_printable", "Fièvre, temp = 38"),
    ("quoted-printable of latin-1", "Fi=E8vre hier", "quoted-printable", "quoted_printable", "Fièvre hier"),
    ("URL encoding", "Fever%20and%20cough%2C+38+%C2%B0C", "URL encoding", "url", "Fever and cough, 38 °C"),
    ("Base64", base64.b64encode(NOTE.encode()).decode(), "Base64", "base64", NOTE),
    ("bytes printed by Python", r"b'Fi\xc3\xa8vre'", "printed Python or JSON values", "values", "Fièvre"),
    ("a CDATA section", "<![CDATA[WBC < 10]]>", "CDATA sections", "html", "WBC < 10"),
    ("HTML", "<p>Pyuria &amp; fever,<br/>WBC &gt; 10</p>", "HTML entities", "html", "Pyuria & fever,\nWBC > 10"),
    ("XML", "<note><text>Pyuria.</text></note>", "HTML tags", "html", "Pyuria."),
    ("UTF-8 read as Windows-1252", "38 Â°C, itâ€™s", "garbled by a wrong encoding", "garbled", "38 °C, it’s"),
    ("zero-width spaces", "Pyu\u200bria.", "invisible characters", "invisible", "Pyuria."),
    ("carriage returns", "Pyuria.\r\nNo fever.", "carriage returns", "line_ends", "Pyuria.\nNo fever."),
]
LIST, OBJECT = "['Pyuria.', 'No fever.']", '{"text": "Pyuria."}'


def _case(description: str, note: str, outcome: str, fault: str, restored: str, **more: Any) -> Case:
    rows = with_note(restored)
    return Case(
        description,
        "a.jsonl",
        lines(*with_note(note)),
        outcome,
        (fault, "1, first in row 2") * bool(fault),
        rows=rows,
        **more,
    )


CASES = [
    case
    for name, note, fault, repair, restored in FORMS
    for case in (
        _case(name, note, "kept with a warning", fault, note.strip()),
        _case(f"{name}, with `repair`", note, "repaired", fault, restored, source={"repair": [repair]}),
    )
]
CASES += [
    _case("list printed by Python", LIST, "kept with a warning", "printed Python or JSON values", LIST),
    _case(
        "list printed by Python, with `repair`",
        LIST,
        "repaired",
        "printed Python or JSON values",
        "Pyuria. No fever.",
        source={"repair": ["values"]},
        task={"columns": {"note": "{{ note if note is string else note | join(' ') }}"}},
    ),
    _case("object printed as JSON", OBJECT, "kept with a warning", "printed Python or JSON values", OBJECT),
    _case("texts with several faults", r"<b>38 \u00b0C</b>", "kept with a warning", "HTML tags", r"<b>38 \u00b0C</b>"),
    _case("path of Windows", r"See C:\notes\ten.", "kept", "", r"See C:\notes\ten."),
    _case(
        "formulas and signs of medicine",
        "RR=20, SpO2 95% 20 min, WBC <10 and >4",
        "kept",
        "",
        "RR=20, SpO2 95% 20 min, WBC <10 and >4",
    ),
    _case("brackets of a citation", "[1]", "kept", "", "[1]"),
    _case("address with URL encoding", "See https://example.org/a%20b", "kept", "", "See https://example.org/a%20b"),
    Case(
        "list printed by Python, as wrong answers",
        "a.jsonl",
        "".join(
            json.dumps({**dict(zip(("id", "note", "label"), row, strict=True)), "wrong": "['cystitis', 'gout']"}) + "\n"
            for row in ROWS
        ).encode(),
        "repaired",
        ("printed Python or JSON values repaired (3, first in row 1, column 'wrong')",),
        source={"repair": ["values"]},
        task={"columns": {"options": "wrong"}},
    ),
]

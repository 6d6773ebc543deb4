"""Texts that another program has written in another form: kept with a warning, and restored by choice."""

import base64
import json
from typing import Any

from tests.helpers.malformed.case import ROWS, Case, lines, with_note

RTF = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Fi\'e8vre \b mod\'e9r\'e9e\b0\par 38\u176?C}"
NOTE = "Dysuria since yesterday, no fever."
GREEK = r"{\rtf1\ansi{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset161 B;}}\f1 \'d0\'f5\f0  x}"
GARBLED = ("garbled by a wrong encoding", "garbled")
FILE = base64.b64encode(b"%PDF-1.7" + bytes(range(100))).decode()
BASE64 = ("Base64", "base64")
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
    ("RTF of a Japanese program", r"{\rtf1\ansi\ansicpg932 \'94\'4d, 38}", "RTF", "rtf", "熱, 38"),
    ("RTF with a Greek font", GREEK, "RTF", "rtf", "Πυ x"),
    ("RTF within a text", r"Report: {\rtf1\ansi Fi\'e8vre\par}", "RTF", "rtf", "Report: Fièvre"),
    ("RTF with deleted words", r"{\rtf1\ansi No {\deleted low }fever\v0}", "RTF", "rtf", "No fever"),
    ("escapes written out twice", r"Pyuria.\\nNo fever.", "escapes written out", "escapes", "Pyuria.\nNo fever."),
    ("text printed as JSON", r'"Pyuria.\nNo fever."', "printed Python or JSON values", "values", "Pyuria.\nNo fever."),
    ("HL7's line ends as hexadecimal numbers", r"Pyuria.\X0d0a\No.", "HL7 escapes", "hl7", "Pyuria.\nNo."),
    ("HL7's line ends with two backslashes", r"Pyuria.\\.br\\No.", "HL7 escapes", "hl7", "Pyuria.\nNo."),
    ("quoted-printable of German", "Gr=FC=DFe, 38 =B0C", "quoted-printable", "quoted_printable", "Grüße, 38 °C"),
    ("quoted-printable of emoji", "ok =F0=9F=98=80", "quoted-printable", "quoted_printable", "ok \U0001f600"),
    ("quoted-printable in small letters", "Fi=c3=a8vre", "quoted-printable", "quoted_printable", "Fièvre"),
    ("subject of an e-mail", "=?utf-8?B?RmnDqHZyZQ==?=", "encoded words of e-mail", "quoted_printable", "Fièvre"),
    ("URL encoding of latin-1", "Fi%E8vre%20hier", "URL encoding", "url", "Fièvre hier"),
    ("URL encoding of JavaScript", "Fi%u00E8vre", "URL encoding", "url", "Fièvre"),
    ("URL encoding after a number", "38%20C", "URL encoding", "url", "38 C"),
    ("URL encoding done twice", "Fever%2520and%2520cough", "URL encoding", "url", "Fever and cough"),
    (
        "Base64 of latin-1",
        base64.b64encode("Fièvre depuis lundi".encode("latin-1")).decode(),
        *BASE64,
        "Fièvre depuis lundi",
    ),
    ("Base64 of UTF-16", base64.b64encode(NOTE.encode("utf-16-le")).decode(), *BASE64, NOTE),
    ("Base64 without padding", base64.b64encode(NOTE[:-1].encode()).decode().rstrip("="), *BASE64, NOTE[:-1]),
    ("HTML written as entities", "&lt;p&gt;Pyuria&lt;/p&gt;", "HTML entities", "html", "Pyuria"),
    ("entities written as entities", "38 &amp;deg;C", "HTML entities", "html", "38 °C"),
    ("comparisons within XML", "<text><![CDATA[WBC <10]]></text>", "CDATA sections", "html", "WBC <10"),
    ("XML with an empty element", "Pyuria.<lb/>No", "HTML tags", "html", "Pyuria.No"),
    ("HTML with > in an attribute", '<p title="a > b">Pyuria</p>', "HTML tags", "html", "Pyuria"),
    ("rows of an HTML table", "<tr><td>Na</td><td>140</td></tr>", "HTML tags", "html", "Na\t140"),
    ("texts of XML elements", "<n><t>Pyuria.</t><t>No fever.</t></n>", "HTML tags", "html", "Pyuria.\nNo fever."),
    ("Chinese read as Windows-1252", "æ‚£è€…å\x8f‘çƒ\xad", *GARBLED, "患者发热"),
    ("Polish read as Windows-1252", "gorÄ…czka Å›r", *GARBLED, "gorączka śr"),
    ("signs read as Windows-1252", "T â‰¥ 38", *GARBLED, "T ≥ 38"),
    ("text read as Windows-1252 twice", "FiÃƒÂ¨vre", *GARBLED, "Fièvre"),
    ("UTF-8 read as Mac Roman", "Fi√®vre 38 ¬∞C", *GARBLED, "Fièvre 38 °C"),
    ("UTF-8 read as code page 850", "Fi├¿vre 38 ┬░C", *GARBLED, "Fièvre 38 °C"),
    ("UTF-8 read as Windows-1250", "FiĂ¨vre", *GARBLED, "Fièvre"),
    ("garbled text beside correct quotation marks", "JOSÉ’s FiÃ¨vre", *GARBLED, "JOSÉ’s Fièvre"),
    ("soft hyphens", "Py\u00aduria.", "invisible characters", "invisible", "Pyuria."),
    ("Excel's escapes of other characters", "38 _x00B0_C", "Excel's escapes", "excel", "38 °C"),
    ("text as a formula", '="007"', "texts as formulas", "excel", "007"),
    ("UTF-8 read as Windows-1252", "38 Â°C, itâ€™s", "garbled by a wrong encoding", "garbled", "38 °C, it’s"),
    ("zero-width spaces", "Pyu\u200bria.", "invisible characters", "invisible", "Pyuria."),
    ("carriage returns", "Pyuria.\r\nNo fever.", "carriage returns", "line_ends", "Pyuria.\nNo fever."),
]
BACKSLASHES = [  # texts with backslashes that are no escapes
    ("path of Windows", r"See C:\notes\ten."),
    ("path of Windows with temporary folders", r"See C:\temp\new for it."),
    ("path of Windows with blanks", r"See C:\Program Files\temp\new file.txt."),
    ("path of Windows in quotes", r'See "C:\temp\new".'),
    ("path of Windows alone in quotes", r'"C:\temp\new"'),
    ("path of Windows after an equals sign", r"path=D:\radiology\new"),
    ("path of Windows on drive P", r"See P:\temp\new."),
    ("path of Windows with two backslashes", r"See C:\\temp\\new."),
    ("path of a server", r"Images on \\nas01\radiology\new."),
    ("path of Windows from the folder above", r"See ..\notes\temp.txt."),
    ("path of Windows to a file", r"See neuro\results\ct.dcm."),
    ("path of Windows with a variable", r"See %TEMP%\new."),
    ("backslash in place of a slash", r"Fever: yes\no, pain left\right, his\their carer."),
    ("backslash in place of a slash, in an abbreviation", r"Asked for c\t head, y\n."),
    ("user of a domain", r"HOSP\nurse01 signed."),
    ("LaTeX's sign of multiplication", r"A lesion of 5 \times 3 mm."),
    ("LaTeX's sign of multiplication without blanks", r"10\times10 cells"),
    ("LaTeX's bold words", r"\textbf{Pyuria} since Monday."),
    ("LaTeX's Greek letter", r"a frequency \nu of 5 Hz"),
    ("LaTeX's Greek letter after a letter", r"E = h\nu"),
    ("LaTeX's formula", r"$\tau \neq \nu$ and $\rho \to 0$"),
    ("LaTeX's arrow", r"UTI \rightarrow sepsis"),
    ("LaTeX's accents", r"M\"uller, caf\'e, Fi\'{e}vre"),
]
BESIDE = [  # escapes beside texts with other backslashes
    ("escape after a path of Windows", r"Saved in C:\temp\new.\nNo fever.", "Saved in C:\\temp\\new.\nNo fever."),
    ("escapes after headings of a note", r"S:\nno pain\nO:\nno rash", "S:\nno pain\nO:\nno rash"),
    ("escape after a list's letter", r"Plan B:\nNo change.", "Plan B:\nNo change."),
    ("escape beside LaTeX", r"5 \times 3 mm.\nNo fever.", "5 \\times 3 mm.\nNo fever."),
    ("escape before a word like LaTeX's", r"Douleur\tau genou", "Douleur\tau genou"),
    ("escaped apostrophes", r"It\'s l\'examen.", "It's l'examen."),
    ("escaped inches", r"5\'10\" tall, BP 120\/80", "5'10\" tall, BP 120/80"),
    ("escape before a lower-case word", r"UTI\nno fever", "UTI\nno fever"),
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
    _case(
        "list printed by NumPy, with `repair`",
        "['Pyuria.' \"It's mild.\"\n 'No fever.']",
        "repaired",
        "printed Python or JSON values",
        "Pyuria. It's mild. No fever.",
        source={"repair": ["values"]},
        task={"columns": {"note": "{{ note if note is string else note | join(' ') }}"}},
    ),
    _case("Base64 of a file", FILE, "kept with a warning", "Base64 of a file", FILE),
    _case("number of 12 digits from a spreadsheet", "1.23457E+11", "kept with a warning", "dropped", "1.23457E+11"),
    _case("number signs of a narrow cell", "######", "kept with a warning", "missing value", "######"),
    _case("half a character written as an escape", r"\ud83d x", "kept with a warning", "escapes", r"\ud83d x"),
    _case("object printed as JSON", OBJECT, "kept with a warning", "printed Python or JSON values", OBJECT),
    _case("texts with several faults", r"<b>38 \u00b0C</b>", "kept with a warning", "HTML tags", r"<b>38 \u00b0C</b>"),
    *(_case(name, text, "kept", "", text) for name, text in BACKSLASHES),
    *(
        _case(f"{name}, with `repair`", text, "kept", "", text, source={"repair": ["escapes", "values"]})
        for name, text in BACKSLASHES
    ),
    *(
        _case(name, text, "repaired", "escapes written out", restored, source={"repair": ["escapes"]})
        for name, text, restored in BESIDE
    ),
    _case(
        "formulas and signs of medicine",
        "RR=20, SpO2 95% 20 min, WBC <10 and >4",
        "kept",
        "",
        "RR=20, SpO2 95% 20 min, WBC <10 and >4",
    ),
    _case("comparisons without blanks", "if x<b and c>d, O2 95%20 min", "kept", "", "if x<b and c>d, O2 95%20 min"),
    _case("capital letters before quotation marks", "JOSÉ’s note: “CAFÉ…”", "kept", "", "JOSÉ’s note: “CAFÉ…”"),
    _case("path of Windows with HL7's letters", r"See D:\T\notes.", "kept", "", r"See D:\T\notes."),
    _case("joined letters of Persian", "می\u200cخواهم", "kept", "", "می\u200cخواهم"),
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

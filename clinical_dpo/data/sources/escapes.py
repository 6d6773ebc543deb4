r"""Recognise escape sequences that a program left in a text, such as `\n`, and decode them.

Backslashes of Windows paths and of LaTeX are recognised too, but are left unchanged.
"""

import re
from collections.abc import Sequence

from clinical_dpo.data.sources.rtf import has_rtf

_ESCAPE = re.compile(
    r"""\\(?:([nrt"'/]|\\(?=\\{0,8}[nrtux"'/]))|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2}))"""
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}

# Names of folders. Without its first letter, none is a word: `\temp` cannot be the escape `\t` before a word.
_FOLDERS = (
    "temp|tmp|templates?|transfers?|tools|teams?|trials?|reports?|results?|records?|recent|radiology|referrals?|research"
    "|restricted|root|notes?|new|network|neurology|nephrology|nursing"
)
_BEFORE = r"""(?<![^\s"'(=\[<>,;])"""  # a path begins where a word begins
_NAME = r"""[^\s\\/:*?"<>|,;]"""
# `\nNo` is a line feed before a word, and `\.br\` is a line break of HL7. Neither is a folder, but `\notes` may be.
_LINE_END = r"(?![nrt](?:[A-Z\W]|\Z)|\.(?:br|sp|ce|fi|nf|in|ti|sk)\b)"
_FOLDER = rf"\\{{1,2}}{_LINE_END}{_NAME}+"
# A folder's name may contain blanks, as in `Program Files`, if another folder follows whose name is not an escape.
_BLANKS = rf"""(?:(?:(?<![.!?]) {_NAME}+){{1,5}}(?=\\{{1,2}}(?:[^nrtux"'/\s]|(?:{_FOLDERS})\b|[\w-]+[\\.]\w)))?"""
_FILE_TYPES = (
    "avi|bak|bat|bmp|cfg|csv|dat|dcm|dll|docx?|exe|gif|hl7|html?|ini|jpe?g|json|log|mdb|mp4|msg|pdf|png|pptx?|ps1|py"
    "|rtf|sav|sql|tiff?|txt|xlsx?|xml|zip"
)
_PATH = re.compile(
    "(?:"
    rf"(?<![^\W_])[B-NQRT-Zb-nqrt-z]:{_FOLDER}"
    # Notes have S, O, A and P as headings (subjective, objective, assessment, plan).
    rf"|(?<![^\W_])[SOAPsoap]:\\{{1,2}}(?:(?:{_FOLDERS})\b|(?![nrtux])\w){_NAME}*"
    rf"|{_BEFORE}\\{{2,4}}[a-z0-9$_.-]+(?=\\)"  # a server
    rf"|{_BEFORE}(?:\.\.?|~|%\w+%){_FOLDER}"
    rf"|{_BEFORE}[\w-]+(?=(?:{_FOLDER})*\.(?i:{_FILE_TYPES})\b){_FOLDER}"
    r"|(?<!\S)[A-Z][A-Z0-9-]+\\[a-z]{4,}[0-9]{1,4}\b"  # a domain and a user
    rf")(?:{_BLANKS}(?<![.!?]){_FOLDER})*"
)

# A backslash typed for a slash, as in yes/no and in the abbreviation c/t.
_SLASH = re.compile(
    r"\b(?i:yes\\no|y\\n|left\\right|l\\r|pos\\neg|positive\\negative|abnormal\\normal|(?:he|she|him|his|her)\\the(?:y|m|irs?)"
    r"|(?:fe)?male\\trans(?:gender)?)\b|(?<![\w\\])[a-z]\\[nrt](?=[\s.,;)]|\Z)"
)

# Commands of LaTeX that begin like an escape. _SHORT_COMMANDS could also be an escape before a short word.
_COMMANDS = re.compile(
    "nabla|natural|ncong|nearrow|neq|newcommand|newline|newpage|nexists|ngeq|ngtr|nicefrac|nleq|nless|nmid|nobreak|nocite"
    "|noindent|nolimits|nonumber|normalsize|not|notag|notin|nparallel|nsim|nsubseteq|nsupseteq|num|nwarrow"
    "|raggedright|raisebox|rangle|rbrace|rbrack|rceil|ref|renewcommand|resizebox|rfloor|rho|right|rightarrow"
    "|rightharpoonup|rightleftarrows|rightleftharpoons|rm|rotatebox|rowcolor|rule|r[vV]ert"
    "|tableofcontents|tabular|tag|tanh|tbinom|tfrac|therefore|theta|thickapprox|thicksim|thinspace|tilde|times|tiny|title"
    "|toprule|triangle|triangledown|triangleleft|triangleq|triangleright|twoheadrightarrow"
    "|text(?:backslash|bf|bullet|color|degree|emdash|endash|greater|it|less|minus|mu|normal|ohm|pm|rm|sc|sf|sl|subscript"
    "|superscript|times|tt|up|width)"
)
_SHORT_COMMANDS = re.compile("ne|neg|ni|nu|tab|tan|tau|text|to|top|tt")
_LATEX = re.compile(
    r"\$[^$\n]*\\[A-Za-z][^$\n]*\$|\\[(\[]|\\(?:alpha|beta|gamma|[Dd]elta|epsilon|kappa|lambda|mu|pi|sigma|[Oo]mega|frac"
    r"|sqrt|sum|int|leq?|geq?|pm|cdot|circ|approx|sim|infty|math[a-z]+|item|left)(?![A-Za-z])"
    r"|\\[A-Za-z]{2,}\{"
)
_LETTERS = re.compile(r"\\{1,10}([A-Za-z]+)")
_ARGUMENT = re.compile(r"\\{1,10}(?:[a-z]{2,}(?:\[[^\]\n]{0,40}\])?\{|[rt]\{[A-Za-z]{1,2}\})")
_WORD_BEFORE = re.compile(r"(?:(?<![\\A-Za-z])[^\W\d_]{2,}|[.,;:!?])\Z")
_ACCENT = re.compile(r"""\\["'](?:\{\\?[A-Za-z]\}|\\[ij]\b|[AEIOUYaeiouy])""")
# Words that end with an apostrophe before a vowel: l'examen, dell'aorta, O'Hara, ma'am.
_ELISION = re.compile(
    "[cdjlmnstzoy]|qu|jusqu|lorsqu|puisqu|quoiqu|quelqu|all|dall|dell|nell|sull|coll|quell|un|bell|sant|ma",
    re.IGNORECASE,
)
_LOOK_BACK = 40  # characters


def path_spans(text: str) -> list[tuple[int, int]]:
    r"""Return the start and end position of each Windows path, such as `C:\notes` or `\\server\notes`."""
    return [match.span() for match in _PATH.finditer(text)] if "\\" in text else []


def outside(matches: Sequence[re.Match[str]], spans: Sequence[tuple[int, int]]) -> list[re.Match[str]]:
    """Return the matches that begin outside of all spans.

    Args:
        matches: matches of a regular expression, in the order of the text.
        spans: start and end positions in the same text, in the order of the text.
    """
    kept, i = [], 0
    for match in matches:
        while i < len(spans) and spans[i][1] <= match.start():
            i += 1
        if i == len(spans) or match.start() < spans[i][0]:
            kept.append(match)
    return kept


def escapes(text: str) -> list[re.Match[str]]:
    """Return the matches of the escapes in a text; an empty list if the text contains RTF.

    Backslashes of paths, of LaTeX, and of alternatives such as yes\\no are not escapes.
    """
    if "\\" not in text or has_rtf(text):
        return []
    slashes = [match.span() for match in _SLASH.finditer(text)]
    matches = outside(outside(list(_ESCAPE.finditer(text)), path_spans(text)), slashes)
    latex = bool(matches) and bool(_LATEX.search(text))
    return [match for match in matches if not _is_folder_or_latex(text, match.start(), latex)]


def _is_folder_or_latex(text: str, start: int, latex: bool) -> bool:
    r"""Whether a backslash begins the name of a folder, such as `\temp`, or a command of LaTeX, such as `\times`.

    Args:
        text: the text.
        start: position of the backslash.
        latex: whether other parts of the text are certainly LaTeX.
    """
    letters = _LETTERS.match(text, start)
    before = text[max(0, start - _LOOK_BACK) : start]
    if letters:
        word = letters[1]
        if _COMMANDS.fullmatch(word) or re.fullmatch(_FOLDERS, word) or _ARGUMENT.match(text, start):
            return True
        return bool(_SHORT_COMMANDS.fullmatch(word)) and (latex or not _WORD_BEFORE.search(before))
    if not _ACCENT.match(text, start):
        return False
    word = before[re.search(r"[^\W\d_]*\Z", before).start() :]  # type: ignore[union-attr]
    braced = text[start + 2 : start + 3] in ("{", "\\") or before.endswith("{")
    return braced or latex or bool(word and not (text[start + 1] == "'" and _ELISION.fullmatch(word)))


def without_escapes(text: str) -> str:
    """Return a text with its escapes decoded and its line ends converted to line feeds."""
    parts, end = [], 0
    for match in escapes(text):
        code = match[2] or match[3] or match[4]
        number = int(code, 16) if code else 0
        character = (chr(number) if number < 0x110000 else match[0]) if code else _ESCAPED.get(match[1], match[1])
        parts += [text[end : match.start()], character]
        end = match.end()
    joined = "".join([*parts, text[end:]])
    with_pairs = joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    # NUL and half a surrogate pair are no text, and stay as written.
    kept = re.sub("[\0\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", with_pairs)
    return kept.replace("\r\n", "\n").replace("\r", "\n")

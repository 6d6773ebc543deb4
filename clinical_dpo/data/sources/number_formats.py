"""Convert numbers to the texts that spreadsheets show, by the number format of the cell (ECMA-376 part 1, 18.8.31)."""

import operator
import re
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import NamedTuple

Number = int | float

# A quoted or escaped text, a width (`_x`), a fill (`*x`), a bracket, an exponent, `General`, or another character.
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|(?P<width>_.)|(?P<fill>\*.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<exponent>[Ee][+-])|(?P<general>General)|(?P<other>.)",
    re.DOTALL | re.IGNORECASE,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?[\d.]+)")
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_EXACT = Context(prec=400)  # digits; the longest format of Excel has 255 characters
_DIGITS = "0#?"
_DATE_PARTS, _TIME_PARTS = re.compile(r"[ydg]|mmm|^[^hs]*m[^hs]*\Z"), re.compile(r"[hs]|am/pm")


class Token(NamedTuple):
    """A part of a section of a number format, such as a placeholder for a digit.

    `kind` is digit, point, comma, percent, slash, exponent, general, text, or literal. A text token (`@`) stands for
    the text of the cell. A literal token is shown as it is.
    """

    kind: str
    text: str


class Section(NamedTuple):
    """A section of a number format. A format has up to four: for positive numbers, negative numbers, zero and texts.

    A section may have a `condition`: a comparison and a number, such as (`>=`, 100). The section then shows the numbers
    that meet the condition.
    """

    tokens: tuple[Token, ...]
    condition: tuple[str, Decimal] | None


def plain_number(value: Number) -> Number:
    """Return a number rounded to the 15 digits that spreadsheets store. A whole number becomes an int."""
    rounded = value if isinstance(value, int) else float(f"{value:.15g}")
    return int(rounded) if rounded == int(rounded) else rounded


def shown_number(value: Number, number_format: str) -> str:
    """Return a number as the text that a cell with this format shows in an English spreadsheet.

    Colours and widths are left out, and blanks at the ends are dropped. In format General a long whole number keeps all
    its digits, because it is often an id.
    """
    sections = _sections(number_format)
    exact = Decimal(repr(plain_number(value)))
    section, signed = _chosen(sections, exact)
    shown = _fill(section, abs(exact)).strip()
    negative = exact < 0 and signed and any(digit in shown for digit in "123456789")
    return f"-{shown}" if negative else shown


def shown_text(text: str, number_format: str) -> str:
    """Return a text as a cell with this number format shows it.

    A format consists of up to four sections, divided by `;`. The first section with `@` (which stands for the text of
    the cell) shows the text, with the words that the section adds. Blanks at the ends of the result are dropped. If no
    section has `@`, the fourth section decides what is shown. If the fourth section is empty, as in `;;;`, the result
    is "". If there is no fourth section either, the text is returned unchanged.
    """
    sections = _sections(number_format)
    of_texts = [section for section in sections if any(token.kind == "text" for token in section.tokens)]
    if not (chosen := [*of_texts, *sections[3:]]):
        return text
    return "".join(text if token.kind == "text" else _literal(token) for token in chosen[0].tokens).strip()


def is_scientific(number_format: str) -> bool:
    """Whether a format shows an exponent. Such a format rounds numbers on purpose."""
    return any(token.kind == "exponent" for section in _sections(number_format) for token in section.tokens)


def shows_date_and_time(number_format: str) -> tuple[bool, bool]:
    """Return whether a format of dates shows the date, and whether it shows the time of day."""
    letters = re.sub(r'"[^"]*"?|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', "", number_format.split(";")[0]).lower()
    return bool(_DATE_PARTS.search(letters)), bool(_TIME_PARTS.search(letters))


def shows_fractions(number_format: str) -> bool:
    """Whether a format of times shows fractions of seconds, as `mm:ss.0` does."""
    return bool(re.search(r"s\]?\.0", number_format.lower()))


@cache
def _sections(number_format: str) -> tuple[Section, ...]:
    sections, tokens, condition = [], list[Token](), None
    for match in _TOKEN.finditer(number_format):
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "bracket":
            if compared := _CONDITION.fullmatch(text):
                condition = compared[1], Decimal(compared[2])
            elif text.startswith("$"):  # a currency and a language, such as [$€-407]
                tokens.append(Token("literal", text[1:].partition("-")[0]))
        elif kind == "other" and text == ";":
            sections.append(Section(tuple(tokens), condition))
            tokens, condition = [], None
        elif kind == "other":
            tokens.append(_token(text))
        else:
            kept = {"width": " ", "fill": ""}.get(kind, text)
            tokens.append(Token(kind if kind in ("exponent", "general") else "literal", kept))
    sections.append(Section(tuple(tokens), condition))
    return tuple(sections)


def _token(character: str) -> Token:
    if character in _DIGITS:
        return Token("digit", character)
    kinds = {".": "point", ",": "comma", "%": "percent", "/": "slash", "@": "text"}
    return Token(kinds.get(character, "literal"), character)


def _chosen(sections: tuple[Section, ...], value: Decimal) -> tuple[Section, bool]:
    """Return the section that applies to a value, and whether a negative value gets a minus sign before its text.

    In a format without conditions, the second section shows negative values without a minus sign: `0;(0)` shows -5 as
    "(5)".
    """
    numeric = [section for section in sections if not any(token.kind == "text" for token in section.tokens)]
    numeric = numeric or [Section((Token("general", ""),), None)]  # such as @, which shows numbers as typed
    for section in numeric:
        if section.condition and _COMPARISONS[section.condition[0]](value, section.condition[1]):
            return section, True
    if any(section.condition for section in numeric):
        return next((section for section in reversed(numeric) if not section.condition), numeric[-1]), True
    if value == 0 and len(numeric) > 2:
        return numeric[2], False
    return (numeric[1], False) if value < 0 and len(numeric) > 1 else (numeric[0], True)


def _literal(token: Token) -> str:
    return "" if token.kind in ("digit", "comma") else token.text


def _fill(section: Section, value: Decimal) -> str:
    """Format a non-negative number with one section of a number format, and return the text."""
    tokens = section.tokens
    kinds = [token.kind for token in tokens]
    if "general" in kinds:
        return "".join(_general(value) if token.kind == "general" else token.text for token in tokens)
    value *= 100 ** kinds.count("percent")
    if "digit" not in kinds:
        return "".join(map(_literal, tokens))
    if "exponent" in kinds:
        return _scientific(tokens, kinds.index("exponent"), value)
    if "slash" in kinds and "digit" in kinds[: kinds.index("slash")]:
        return _fraction(tokens, kinds.index("slash"), value)
    return _decimal(tokens, value)


def _general(value: Decimal) -> str:
    """Return a non-negative number as format General shows it. A number with decimals gets at most 11 characters.

    A whole number keeps all its digits, because a long number is often an id. Here the result differs from a
    spreadsheet, which shows a whole number of 12 or more digits with an exponent.
    """
    if value == value.to_integral_value():
        return f"{value:.0f}"
    size = value.adjusted()
    rounded = _rounded(value, min(9, max(0, 9 - max(size, 0))))
    if size > -5 and rounded < 10**11:
        return _without_zeros(f"{rounded:f}")
    mantissa, exponent = f"{value:.5E}".split("E")
    return f"{_without_zeros(mantissa)}E{exponent[0]}{exponent[1:].zfill(2)}"


def _without_zeros(number: str) -> str:
    """Return a number without zeros at the end of its decimals."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT)


def _decimal(tokens: tuple[Token, ...], value: Decimal) -> str:
    """Return the text that a section of a number format shows for a non-negative number.

    Args:
        tokens: the tokens of the section. They contain no exponent and no fraction.
        value: the number.
    """
    kinds = [token.kind for token in tokens]
    point = kinds.index("point") if "point" in kinds else len(kinds)
    places = [i for i, kind in enumerate(kinds) if kind == "digit"]
    whole, decimals = [i for i in places if i < point], [i for i in places if i > point]
    commas = [i for i, kind in enumerate(kinds) if kind == "comma"]
    last = whole[-1] if whole else -1
    scaling = sum(last < i < point or i > max(places, default=-1) for i in commas)
    grouped = any(whole and whole[0] < i < last for i in commas)
    digits, _, fraction = f"{_rounded(value.scaleb(-3 * scaling), len(decimals)):f}".partition(".")
    digits = digits.lstrip("0")
    kept = max((n for n, i in enumerate(decimals) if tokens[i].text == "0" or fraction[n:].strip("0")), default=-1)
    shown = []
    for i, token in enumerate(tokens):
        if i in whole:
            position = len(whole) - whole.index(i)  # from the right, from 1
            shown.append(_grouped(_digits_at(digits, position, i == whole[0], token.text), position, grouped))
        elif i in decimals:
            shown.append(fraction[decimals.index(i)] if decimals.index(i) <= kept else "")
        else:
            shown.append((digits if i == point and not whole else "") + _literal(token))
    return "".join(shown)


def _digits_at(digits: str, position: int, first: bool, placeholder: str) -> str:
    """Return the digits that one placeholder of a number format shows.

    In the format `#0`, the number 345 has "34" at `#` and "5" at `0`. If the number has no digit at the position, `0`
    shows "0", and `#` and `?` show "".

    Args:
        digits: the number's digits before the decimal point.
        position: position of the placeholder before the decimal point, counted from the right, from 1.
        first: whether the placeholder is the leftmost one. It then shows all digits further left too.
        placeholder: `0`, `#` or `?`.
    """
    if len(digits) >= position:
        end = len(digits) - position + 1
        return digits[:end] if first else digits[end - 1 : end]
    return "0" if placeholder == "0" else ""


def _grouped(digits: str, position: int, grouped: bool) -> str:
    """Return `digits`, a part of a whole number, with a comma before each group of three digits if `grouped`.

    `position` is the place of the last of `digits` in the number: 1 for units, 2 for tens. With position 1, `1234`
    becomes `1,234`. With position 4, `1` becomes `1,`.
    """
    if not grouped:
        return digits
    parts = []
    for offset, digit in enumerate(digits):
        at = position + len(digits) - 1 - offset  # position of this digit
        parts.append(digit + ("," if at > 1 and at % 3 == 1 else ""))
    return "".join(parts)


def _scientific(tokens: tuple[Token, ...], at: int, value: Decimal) -> str:
    mantissa, exponents = tokens[:at], tokens[at + 1 :]
    kinds = [token.kind for token in mantissa]
    point = kinds.index("point") if "point" in kinds else len(kinds)
    step = max(1, kinds[:point].count("digit"))  # ##0.0E+0 shows exponents that are multiples of 3
    decimals = kinds[point:].count("digit")

    def exponent_of(number: Decimal) -> int:
        return number.adjusted() // step * step if number else 0

    exponent = exponent_of(value)
    rounded = _rounded(value.scaleb(-exponent), decimals)
    if rounded >= 10**step:
        exponent += step
        rounded = value.scaleb(-exponent)
    sign = "-" if exponent < 0 else "+" if tokens[at].text.endswith("+") else ""
    count = sum(token.kind == "digit" for token in exponents)
    after = "".join(token.text for token in exponents if token.kind != "digit")
    return f"{_decimal(mantissa, rounded)}E{sign}{str(abs(exponent)).zfill(count)}{after}"


def _fraction(tokens: tuple[Token, ...], slash: int, value: Decimal) -> str:
    """Return the text that a number format with a slash shows for a non-negative number: 5.25 -> `5 1/4`.

    A format such as `# ?/?` has placeholders for a whole number before the fraction. With such a format, a number that
    rounds to a whole number is shown without a fraction: 5.99 -> `6`.

    Args:
        tokens: the tokens of the section of the format.
        slash: index of the slash in `tokens`.
        value: the number.
    """
    places = [i for i, token in enumerate(tokens[:slash]) if token.kind == "digit"]
    breaks = [n for n in range(1, len(places)) if places[n] != places[n - 1] + 1]
    end = slash + 1
    while end < len(tokens) and (tokens[end].kind == "digit" or tokens[end].text.isdigit()):
        end += 1
    below = "".join(token.text for token in tokens[slash + 1 : end])
    exact = Fraction(value)
    whole = int(exact) if breaks else 0
    if below.isdigit() and below.strip("0"):  # a fixed denominator
        denominator = int(below)
        numerator = int((exact - whole) * denominator + Fraction(1, 2))
    else:
        numerator, denominator = (exact - whole).limit_denominator(10 ** max(1, len(below)) - 1).as_integer_ratio()
    if breaks and numerator == denominator:
        whole, numerator = whole + 1, 0
    before = "".join(map(_literal, tokens[: places[0]]))
    after = "".join(map(_literal, tokens[end:]))
    part = f"{numerator}/{denominator}" if numerator or not breaks else ""
    shown = " ".join(text for text in (str(whole) if whole or (breaks and not part) else "", part) if text)
    return f"{before}{shown}{after}"

"""P as printed."""


def format_p(p: float | None) -> str:
    """P as journals print it (AMA Manual of Style, 11th ed.): no leading zero, "<.001" to ">.99".

    Two digits from .01 on, three below it, and as many more as a P under .01 or .05 needs to be seen under it; "n/a"
    for None.
    """
    if p is None:
        return "n/a"
    if p < 0.001:
        return "<.001"
    if p > 0.99:
        return ">.99"
    digits = 3 if p < 0.01 else 2
    while any(p < level <= float(f"{p:.{digits}f}") for level in (0.01, 0.05)):
        digits += 1
    return f"{p:.{digits}f}".removeprefix("0")

"""Signs that start a formula in a spreadsheet, and texts that may precede them."""

SIGNS = [*"=+-@＝＋－＠﹦﹢﹣﹫−"]
BEFORE = [
    "",
    " ",
    "  ",
    "\t",
    "\r",
    "\n",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\ufeff",
    "\u200b",
    "\u200e",
    " \t ",
    "'",
    "''",
    "' ",
]

"""Signs that start a formula of a spreadsheet, and what may come before them."""

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

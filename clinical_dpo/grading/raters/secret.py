"""Read or create a sheet's random secret. The secret decides the order of items and which answer is shown as A."""

import hashlib
import hmac
import json
import re
import secrets
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_text, replacing


def read_or_create_secret(path: str | Path) -> str:
    """Read the secret from a file. If the file does not exist, write a new secret that other users cannot read.

    Raises:
        UserError: the file is a link or does not hold a secret.
    """
    path = Path(path)
    if not path.is_symlink() and not path.exists():
        with replacing(path, private=True) as part:
            part.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    secret = read_text(path).strip() if path.is_file() and not path.is_symlink() else ""
    if not re.fullmatch(r"[0-9a-f]{64}", secret):
        raise UserError(
            f"{path}: this file must hold the random number that orders the answers on a rating sheet: 64 hex digits, "
            "in a regular file. Restore the file from a copy. Without a copy, delete the file, run again, and send "
            "every rater the new rating sheet."
        )
    path.chmod(0o600)
    path.parent.chmod(0o700)
    return secret


def draw(secret: str, *parts: object) -> int:
    """Return a pseudo-random number: the HMAC-SHA256 of `parts`. Nobody can compute the number without the secret.

    The number depends only on the secret and `parts`, so the draw for an item does not depend on the other items of
    the sheet.
    """
    text = json.dumps(parts, ensure_ascii=False)
    return int(hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest(), 16)

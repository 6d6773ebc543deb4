"""The secret of a sheet, from which its order and its sides are drawn. It is random and made once."""

import hashlib
import hmac
import json
import re
import secrets
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_text, replacing


def kept_secret(path: str | Path) -> str:
    """The secret that a file holds. Where there is no file, a new secret is written, closed to other users.

    Raises:
        UserError: the file holds no secret.
    """
    path = Path(path)
    if not path.is_symlink() and not path.exists():
        with replacing(path, private=True) as part:
            part.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    secret = read_text(path).strip() if path.is_file() and not path.is_symlink() else ""
    if not re.fullmatch(r"[0-9a-f]{64}", secret):
        raise UserError(
            f"{path}: no secret of a sheet (a file of 64 hex digits). Restore it from a copy; without one, delete it, "
            "run again and send every rater the new sheet."
        )
    path.chmod(0o600)
    path.parent.chmod(0o700)
    return secret


def draw(secret: str, *parts: object) -> int:
    """A number that only the secret's holder can tell; what is drawn for one item does not change with the others."""
    text = json.dumps(parts, ensure_ascii=False)
    return int(hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest(), 16)

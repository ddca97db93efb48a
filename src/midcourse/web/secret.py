"""Secrets: kept in a file that only their owner reads, and compared in constant time."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path

from pydantic import SecretStr

from midcourse.errors import DiskError, UserError

ENOUGH = 16  # characters of a secret that other machines may try
RULE = "of the characters A-Z a-z 0-9 . _ ~ + / = -"


def made() -> str:
    """A new one."""
    return secrets.token_urlsafe(24)


def same(given: str, secret: str) -> bool:
    """Whether they are the same; how long that takes says nothing of the secret."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def plain(secret: str) -> bool:
    """Whether it can stand in a header."""
    return re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,200}", secret) is not None


def checked(secret: SecretStr | None) -> SecretStr | None:
    """For a setting: raises `ValueError` unless it is `plain`."""
    if secret is not None and not plain(secret.get_secret_value()):
        raise ValueError(f"should be 1 to 200 {RULE}")
    return secret


def chosen(given: SecretStr | None, file: Path | None, kind: str) -> str | None:
    """The secret that a person has chosen, if one has: itself, or in a file.

    Raises `UserError` for a file that others may read, or that holds something else than one `kind` of secret.
    """
    if given is not None:
        return given.get_secret_value()
    if file is None:
        return None
    found = private(file)
    if not plain(found):
        raise UserError(f"{file}: there should be one {kind} in it, {RULE}")
    return found


def private(path: Path) -> str:
    """The secret in a file that only its owner may read; made if it is not there.

    Raises `UserError` where others may read it, `DiskError` where it cannot be read or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with path.open(encoding="utf-8") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                    raise UserError(f"{path}: others may read this secret; `chmod 600 {path}` and change it") from None
                return file.read(10_000).strip()
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write((secret := made()) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DiskError(f"{path}: the secret cannot be read or kept there: {error}") from error
    return secret

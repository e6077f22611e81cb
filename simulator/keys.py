"""Keys and tokens: read from the environment, and kept out of everything that is written or said.

A server may say a key back in an error, and an error ends up in a run's failures, its report and a
colleague's mail. So what comes from outside is cleaned of known secrets before anybody reads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from simulator.errors import ConfigError

KEY_VARIABLES = ("NUDGESIM_API_KEY", "OPENAI_API_KEY")
"""Where the key of model servers is looked for, in this order."""
_VARIABLES = (
    *KEY_VARIABLES,
    "NUDGESIM_SERVE_TOKEN",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "VLLM_API_KEY",
)
_SHORTEST = 8
"""Shorter values ("EMPTY", "x") are no secrets, and hiding them would spoil answers."""
_HIDDEN = "[hidden]"
_LOGIN = re.compile(r"(?<=//)[^/\s@]+@")


def server_key() -> str | None:
    """The key that model servers are asked with, or None.

    Raises:
        ConfigError: If no HTTP header can carry it; it is not shown.
    """
    for name in KEY_VARIABLES:
        key = os.environ.get(name, "").strip()
        if key and not all("!" <= character <= "~" for character in key):
            raise ConfigError(
                f"{name} has blanks, line breaks or letters that no HTTP header can carry; copy "
                "the key anew."
            )
        if key:
            return key
    return None


def check_url(url: str) -> str:
    """A server's base URL, as it may be written down.

    Raises:
        ConfigError: If it may hold a secret; it is not shown.
    """
    if any(sign in url for sign in "@?#"):
        raise ConfigError(
            "A server's URL must hold no name, password, key or query (no @, ? or #), since it is "
            f"written into runs; set {KEY_VARIABLES[0]} in the environment instead."
        )
    return url


def hide(text: str) -> str:
    """A text without the secrets of this process's environment, and without logins in URLs."""
    for secret in _secrets():
        text = text.replace(secret, _HIDDEN)
    return _LOGIN.sub("", text)


def hide_bytes(content: bytes) -> bytes:
    """The same for bytes in ASCII or UTF-8, logins left in."""
    for secret in _secrets():
        content = content.replace(secret.encode(), _HIDDEN.encode())
    return content


def _secrets() -> Iterator[str]:
    for name in _VARIABLES:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= _SHORTEST:
            yield secret
            if "/" in secret:  # as some servers write JSON
                yield secret.replace("/", "\\/")

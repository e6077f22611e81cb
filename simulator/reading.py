"""Files that strangers wrote, read whole: plain files only, and no text that cannot be kept."""

from __future__ import annotations

import errno
import json
import stat
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

_DEEP = "nested too deeply"


class MalformedTextError(ValueError):
    """A text is not what it should be; `line` counts from 1, None where it is not known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_plain(path: Path) -> bytes:
    """A plain file's content.

    Raises:
        OSError: If it cannot be read, or is a pipe or a device, which could be waited for or read
            for ever, or has a name that no file can have; `strerror` says which.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise OSError(errno.EINVAL, "No file can have this name", str(path)) from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "It is a pipe or a device; write its content into a plain file"
        raise OSError(errno.EINVAL, what, str(path))
    return path.read_bytes()


def read_text(path: Path) -> str:
    """A plain file's UTF-8 text, without a byte-order mark.

    Raises:
        OSError: As `read_plain`.
        UnicodeDecodeError: If it is not UTF-8.
    """
    return read_plain(path).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def parse_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        MalformedTextError: If it is no JSON, says one thing twice, or holds half a character.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise MalformedTextError(error.msg, error.lineno) from None
    except RecursionError:
        raise MalformedTextError(_DEEP) from None
    except ValueError as error:
        raise MalformedTextError(str(error)) from None
    if "\\ud" in text or "\\uD" in text:
        _refuse_halves(content)
    return content


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text says.

    Raises:
        MalformedTextError: If it is no TOML; its text says where.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise MalformedTextError(_DEEP) from None
    except ValueError as error:
        raise MalformedTextError(str(error)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise MalformedTextError(f"{twice[:80]!r} is said twice in one object")
    return content


def _refuse_halves(content: Any) -> None:
    """JSON can write half of a pair of surrogates, which no file and no prompt can hold."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedTextError("half a character (a lone surrogate, such as \\ud800)") from None

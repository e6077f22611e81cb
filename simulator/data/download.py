"""Fetching a data set from its publisher."""

from __future__ import annotations

import hashlib
import stat
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from simulator.data.archive import Archive
from simulator.data.home import data_home
from simulator.data.registry import dataset_spec
from simulator.errors import DataError

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told (bytes so far, bytes in all or None where the server does not say)."""

_SECONDS = 30.0


def download(name: str, *, home: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch a data set, unless it is there already, and say where it lies.

    Show the user `dataset_spec(name).licence` first; fetching means agreeing to it.

    Args:
        name: A data set that has a publisher's archive.
        home: Where data sets go; `data_home()` by default.
        progress: Called as the bytes come in.

    Raises:
        UnknownNameError: If there is no such data set.
        DataError: If it has nothing to fetch, cannot be reached, or the archive is not the
            publisher's; says what to do by hand.
    """
    spec = dataset_spec(name)
    if spec.archive is None:
        raise DataError(f"Data set {name!r} comes with nudgesim; there is nothing to download.")
    return fetch_archive(spec.archive, home or data_home(), progress)


def fetch_archive(archive: Archive, home: Path, progress: Progress | None = None) -> Path:
    """Fetch, check and unpack an archive; nothing is left behind when a step fails.

    Files that already lie in the folder are kept as they are.

    Raises:
        DataError: As `download`.
    """
    folder = home / archive.folder
    if not archive.missing_from(folder):
        return folder
    if archive.md5 is None:
        raise DataError(
            "The publisher gives no checksum that a download could be verified against, so this "
            f"one is fetched by you. {archive.manual_steps(home)}"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".download-") as scratch:
            zipped = Path(scratch) / "archive.zip"
            _fetch(archive, home, zipped, progress)
            _unpack(archive, zipped, Path(scratch) / "unpacked")
            _move(archive, Path(scratch) / "unpacked" / archive.folder, folder)
    except OSError as error:
        raise DataError(
            f"Cannot write here: {error.strerror}. Set NUDGESIM_DATA to a folder of yours.",
            path=home,
        ) from error
    return folder


def _fetch(archive: Archive, home: Path, zipped: Path, progress: Progress | None) -> None:
    import httpx

    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    try:
        with (
            httpx.stream("GET", archive.url, follow_redirects=True, timeout=_SECONDS) as response,
            zipped.open("wb") as out,
        ):
            response.raise_for_status()
            length = response.headers.get("content-length")
            for chunk in response.iter_raw():
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, int(length) if length else None)
    except httpx.HTTPError as error:
        what = str(error) or type(error).__name__
        raise DataError(
            f"Cannot fetch {archive.url}: {what}. {archive.manual_steps(home)}"
        ) from error
    if digest.hexdigest() != archive.md5:
        raise DataError(
            f"{archive.url} gave a file with MD5 {digest.hexdigest()}, the publisher's is "
            f"{archive.md5}; nothing was kept. Try again. {archive.manual_steps(home)}"
        )


def _unpack(archive: Archive, zipped: Path, destination: Path) -> None:
    try:
        with zipfile.ZipFile(zipped) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            for member in members:
                _refuse_escape(member, archive)
            content.extractall(destination, members)
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive.url} is not a zip file: {error}.") from error
    missing = archive.missing_from(destination / archive.folder)
    if missing:
        raise DataError(f"{archive.url} lacks {', '.join(missing)}; has it changed?")


def _refuse_escape(member: zipfile.ZipInfo, archive: Archive) -> None:
    """A member must be a plain file inside the archive's one folder."""
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    inside = len(parts) > 1 and parts[0] == archive.folder and ".." not in parts
    if not inside or stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(
            f"{archive.url} holds {member.filename!r}, which is no plain file in "
            f"{archive.folder}/; nothing was kept."
        )


def _move(archive: Archive, unpacked: Path, folder: Path) -> None:
    if not folder.exists():
        unpacked.rename(folder)
        return
    for name in archive.missing_from(folder):
        (unpacked / name).replace(folder / name)

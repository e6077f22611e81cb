"""A publisher's archive: where it is, how it is checked, and what to do without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import DataError


@dataclass(frozen=True)
class Archive:
    """What the publisher of a data set offers: a zip file, or a page to fetch the files from.

    Attributes:
        url: Its address.
        md5: The zip file's checksum as published, 32 hex digits; None where there is none to check
            a download against, so that people fetch it themselves.
        folder: The folder under `data_home()`, with `/` between its parts. A zip file with a
            checksum holds one folder, of this name.
        files: The files in that folder that a loader reads.
        note: What else to know when fetching by hand; "" or sentences.
    """

    url: str
    md5: str | None
    folder: str
    files: tuple[str, ...]
    note: str = ""

    def manual_steps(self, home: Path) -> str:
        """How to get the files by hand so that they lie under `home`."""
        checksum = "" if self.md5 is None else f" (MD5 {self.md5})"
        steps = (
            f"By hand: fetch {self.url}{checksum} in a browser and unpack it so that "
            f"{home / self.folder / self.files[0]} exists, or set NUDGESIM_DATA to the folder "
            f"that holds your copy of {self.folder}/."
        )
        return f"{steps} {self.note}".rstrip()

    def missing_from(self, folder: Path) -> Sequence[str]:
        """The needed files that are not in `folder`."""
        return [name for name in self.files if not (folder / name).is_file()]

    def require(self, folder: Path) -> None:
        """Check that all files are there.

        Raises:
            DataError: If some are not; it names them and says how to get them.
        """
        missing = self.missing_from(folder)
        if missing:
            home = folder.parents[self.folder.count("/")]
            command = f"With a network: `nudgesim data download {self.folder}`. "
            raise DataError(
                f"Missing {', '.join(missing)}. {'' if self.md5 is None else command}"
                f"{self.manual_steps(home)}",
                path=folder,
            )

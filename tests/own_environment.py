"""A Python environment of its own for a library that cannot be installed beside the others.

It sees this environment's packages, so that torch need not be installed again, but its own first.
It is made once for each set of requirements, in the folder for temporary files, and kept there.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def own_environment(
    name: str, requirements: Sequence[str], *, without_dependencies: Sequence[str] = ()
) -> Path:
    """The Python of an environment in which the requirements are installed.

    Args:
        name: Of its folder.
        requirements: For pip; what they need and is not here is installed too.
        without_dependencies: For pip, too; what they need is not looked at.
    """
    here = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT)]
    about = json.dumps([sys.version, here, list(requirements), list(without_dependencies)])
    digest = hashlib.sha256(about.encode()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / "nudgesim-environments"
    home.mkdir(exist_ok=True)
    final = home / f"{name}-{digest}"
    if not final.exists():
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=home))
        python = _make(made, here)
        if without_dependencies:
            _install(python, ["--no-deps", *without_dependencies])
        _install(python, requirements)
        try:
            made.rename(final)
        except OSError:  # another test run was faster
            assert final.exists()
    return final / "bin" / "python"


def run_there(python: Path, script: Path) -> Any:
    """What a script prints as its last line, read as JSON."""
    return json.loads(_printed(python, script).splitlines()[-1])


def example_there(python: Path, name: str) -> str:
    """What an example prints."""
    return _printed(python, ROOT / "examples" / name)


def _printed(python: Path, script: Path) -> str:
    # One thread: small models wait for their threads longer than they compute.
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, script],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **one_thread},
        check=False,
    )
    assert done.returncode == 0, f"{script.name} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _make(folder: Path, here: Sequence[str]) -> Path:
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Lines of such a file come after the environment's own packages.
    (packages / "beside.pth").write_text("\n".join(dict.fromkeys(here)) + "\n")
    return folder / "bin" / "python"


def _install(python: Path, requirements: Sequence[str]) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--no-warn-conflicts", "--disable-pip-version-check", *requirements],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"pip could not install {list(requirements)}:\n{done.stderr}"

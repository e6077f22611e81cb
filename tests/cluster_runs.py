"""Small runs for the tests of a cluster, and what of a run has to be equal."""

from __future__ import annotations

from pathlib import Path

DISTRIBUTION = {"clicks": "distribution", "users": 48, "targets": 3, "rounds": 4}
POCKET = {
    "clicks": "agent",
    "users": 8,
    "targets": 2,
    "rounds": 3,
    "agent.model": "pocket",
    "agent.engine": "transformers",
    "agent.cache": "none",
}


def results(out: Path) -> dict[str, bytes]:
    """All that has to be equal: everything but cost.json and where the code came from."""
    assert (out / "manifest.json").is_file()
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("cost.json", "manifest.json")
    }

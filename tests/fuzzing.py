"""A coverage-guided fuzzer over every reader of `malformed_subjects`, one file spoilt at a time.

    pip install atheris
    python tests/fuzzing.py                        # every format, a minute each
    python tests/fuzzing.py tables run -s 600      # two formats, ten minutes each
    python tests/fuzzing.py --keep FOLDER          # goes on from inputs kept there

Inputs that reach new lines are kept in `FOLDER/corpus` and used again. An error that is none of
ours, a hang, or a result that contradicts itself is written to `FOLDER/findings`, input and
traceback, once for each place in the code; the command then ends with 1. Each finding that is
mended belongs into `test_malformed_findings.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

_TOKENS = (
    "nan", "inf", "-1", "1e400", "9223372036854775808", "NULL", "true", "\ufeff", "\x00", "\t",
    "\r\n", '""', "\ud7ff", "[", "{", "&a", "*a", "---", "0x", "_", "!!timestamp",
)  # fmt: skip


def main() -> int:
    """Fuzz each format in a process of its own; 1 if anything was found."""
    arguments = _arguments()
    if arguments.here:
        _fuzz(arguments.formats[0], arguments.keep, arguments.seconds)
    from malformed_subjects import SUBJECTS

    memory = Path("/dev/shm")
    for name in arguments.formats or SUBJECTS:
        words = [name, "--here", "-s", str(arguments.seconds), "--keep", str(arguments.keep)]
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
            command = [sys.executable, __file__, *words]
            done = subprocess.run(command, capture_output=True, env=os.environ | {"TMPDIR": place})
        _say(f"{name}: {_tried(done.stdout)}")
    findings = sorted((arguments.keep / "findings").glob("*.txt"))
    for path in findings:
        _say(f"{path.read_text(encoding='utf-8').splitlines()[-1]}\n  {path}")
    return int(bool(findings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("formats", nargs="*", help="such as tables; all by default")
    parser.add_argument("-s", "--seconds", type=int, default=60, help="for each format")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "nudgesim-fuzz")
    parser.add_argument("--here", action="store_true", help="one format, in this process")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tried(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.endswith(" inputs")), "none; it died")


def _fuzz(name: str, keep: Path, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["simulator", "prompts", "yaml", "tomllib"]):
        from malformed_cases import outcome_of
        from malformed_subjects import SUBJECTS
        from malformed_tables import edited_table

    subject = SUBJECTS[name]
    files = sorted(subject.files)
    corpus, findings = keep / "corpus" / name, keep / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        (corpus / f"valid-{number}").write_bytes(bytes([number]) + subject.files[file])
    place = Path(tempfile.mkdtemp())
    tried = 0

    def one(content: bytes) -> None:
        """The first byte says which file the others are."""
        nonlocal tried
        tried += 1
        if tried % 100 == 0:
            os.write(1, f"{tried:,} inputs\n".encode())
        file = files[content[0] % len(files)] if content else files[0]
        subject.write(place)
        (place / file).write_bytes(content[1:])
        try:
            outcome_of(subject, place)
        except BaseException as error:  # noqa: BLE001 - whatever comes through is a finding
            _note(findings, f"{name}-{Path(file).name}", content[1:], error)

    def changed(content: bytes, most: int, seed: int) -> bytes:
        """Every other time a table's cells, rows or columns in place of its bytes."""
        random = Random(seed)
        if content and random.random() < 0.5:
            edited = edited_table(files[content[0] % len(files)], content[1:], random)
            if edited is not None and len(edited) < most:
                return content[:1] + edited
        return bytes(atheris.Mutate(content, most))

    words = keep / "tokens"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in _TOKENS), encoding="ascii")
    options = (f"-max_total_time={seconds}", f"-dict={words}", "-rss_limit_mb=4096", "-verbosity=0")
    longest = f"-max_len={2 * max(map(len, subject.files.values())) + 256}"
    atheris.Setup([sys.argv[0], str(corpus), *options, longest], one, custom_mutator=changed)
    atheris.Fuzz()


def _escaped(token: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token.encode())


def _note(folder: Path, name: str, content: bytes, error: BaseException) -> None:
    """Keep an input, once for each place in the code that it makes fail."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/tests/" not in f.filename and "site-packages" not in f.filename]
    where = f"{ours[-1].filename}, {ours[-1].name}" if ours else str(error)
    place = f"{type(error).__name__} in {where}"
    digest = hashlib.sha256(place.encode()).hexdigest()[:12]
    path = folder / f"{name}-{digest}.txt"
    if not path.exists():
        path.with_suffix(".input").write_bytes(content)
        text = "".join(traceback.format_exception(error))
        path.write_text(f"{text}\n{place}: {error!s:.200}", encoding="utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())

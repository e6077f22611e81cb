import importlib
import subprocess
import sys

import pytest

PACKAGES = (
    "simulator",
    "simulator.clicks",
    "simulator.clicks.calibration",
    "simulator.data",
    "simulator.domain",
    "simulator.engines",
    "simulator.experiment",
    "simulator.lab",
    "simulator.testing",
    "simulator.training",
    "prompts",
    "recommender",
    "recommender.embeddings",
    "evals",
    "evals.audit",
    "evals.probes",
    "evals.report",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_curated(name: str) -> None:
    package = importlib.import_module(name)
    exported = package.__all__
    assert len(exported) == len(set(exported))
    assert not [part for part in exported if part.startswith("_")]
    for part in exported:
        thing = getattr(package, part)
        assert thing is not None
        if callable(thing) and not isinstance(thing, type(list[int])):
            assert thing.__doc__, f"{name}.{part} has no docstring"


def test_importing_the_packages_stays_light() -> None:
    program = (
        "import sys, simulator, simulator.clicks, simulator.engines, simulator.data, prompts, "
        "recommender, evals, simulator.lab, simulator.experiment, simulator.cli\n"
        "heavy = {'torch', 'transformers', 'vllm', 'ray', 'matplotlib', 'numba'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", PACKAGES)
def test_any_package_can_be_imported_first(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {name}"], check=True)

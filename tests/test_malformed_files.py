"""Malformed files: each is refused by its name and line, or read right; never anything else."""

from __future__ import annotations

import json

import pytest
from malformed_cases import EXPECTED, cases, readable
from malformed_subjects import SUBJECTS

READABLE = json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_there_are_hundreds_of_cases_of_every_kind_of_file():
    names = [case.name for subject in SUBJECTS.values() for case in cases(subject)]
    assert len(set(names)) == len(names) > 5_000
    assert set(READABLE) == set(SUBJECTS)


@pytest.mark.parametrize("name", SUBJECTS)
def test_each_malformed_file_is_refused_or_read_right(name):
    assert readable(SUBJECTS[name]) == READABLE[name]

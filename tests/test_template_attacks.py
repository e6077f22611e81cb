"""Strangers' templates end in a clear error within a second, and take little memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from template_attacks import ATTACKS

from prompts import ShownItem, Template
from simulator.errors import PromptError

HEAD = """---
name: mine
version: 1
language: en
domain: movies
description: Mine.
labels: {click: "yes", skip: "no"}
history: {window: 20, drop: 5}
---
"""
BLOCKS = """{% block static %}{% endblock %}
{% block user %}{% endblock %}
{% block candidate %}
CANDIDATE
{% endblock %}
"""
HISTORY = [ShownItem(f"Film {k}", ("Drama", "Horror")) for k in range(20)]


def attack_candidate(attack: str) -> None:
    text = HEAD + BLOCKS.replace("CANDIDATE", "{% set history = [item] * 20 %}" + attack)
    Template.parse(text, Path("mine.j2")).render_candidate(HISTORY[0])


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: text[:40])
def test_an_attack_ends_in_an_error_within_a_second(attack: str) -> None:
    began = time.process_time()
    with pytest.raises(PromptError, match=r"^mine\.j2") as refused:
        attack_candidate(attack)
    assert time.process_time() - began < 1
    assert len(str(refused.value)) < 700


def test_a_refused_tag_is_pointed_at() -> None:
    with pytest.raises(PromptError, match=r"^mine\.j2, line 13, column 35: .*`autoescape` out"):
        attack_candidate("{% autoescape true %}x{% endautoescape %}")


# As a module's name, since the test folder is not importable everywhere.
_UNDER_LIMIT = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from template_attacks import ATTACKS
from test_template_attacks import attack_candidate
from simulator.errors import PromptError
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 128 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
refused = 0
for attack in ATTACKS:
    try:
        attack_candidate(attack)
    except PromptError as error:
        assert "MemoryError" not in repr(error.__cause__), attack[:200]
        refused += 1
print(refused)
"""


@pytest.mark.slow
def test_no_attack_takes_much_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _UNDER_LIMIT, str(Path(__file__).parent)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == [str(len(ATTACKS))], ran.stderr


ORDINARY = (
    ("{{ item.title | upper }}!", "FILM 0!"),
    ("{{ history | map(attribute='title') | list | length }}", "20"),
    ("{{ history[-3:] | map(attribute='title') | join(', ') }}", "Film 0, Film 0, Film 0"),
    ("{% for x in history if x.title != 'A' %}{{ x }}{% endfor %}", '"Film 0"'),
    ("{% for x in history %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}", "1, 2"),
    ("{% for x in history | reverse %}{{ loop.revindex0 }} {% endfor %}", "19 18"),
    ("{% for n, x in [('a', 1), ('b', 2)] %}{{ n * x }}{% endfor %}", "abb"),
    ("{{ '-' * 20 }}", "-" * 20),
    ("{{ (history | length + 1) * 2 - 1 }}", "41"),
    ("{{ 7 // 2 }} {{ 7 % 4 }} {{ 1 / 2 }} {{ 2.567 | round(1) }}", "3 3 0.5 2.6"),
    ("{{ item.title.startswith('Film') }} {{ 'a,b'.split(',') | last }}", "True b"),
    ("{{ 'yes' if 'Drama' in item.categories else 'no' }}", "yes"),
    ("{{ labels.click ~ '/' ~ labels.skip }}", "yes/no"),
    ("{% for name, word in labels.items() %}{{ word }} {% endfor %}", "yes no"),
    (
        "{% set n = namespace(c=0) %}{% for x in history %}{% set n.c = n.c + 1 %}{% endfor %}"
        "{{ n.c }}",
        "20",
    ),
    ("{% with t = item.title %}{{ t | replace('Film', 'Movie') | trim }}{% endwith %}", "Movie 0"),
    ("{{ item.title | truncate(5, true, '…', 0) }} {{ 'x' | center(5) }}|", "Film…   x  |"),
    ("{{ item.title | tojson }} {{ '<a>' | e }}", '"Film 0" &lt;a&gt;'),
    ("{{ history | selectattr('title', 'equalto', 'Film 0') | first }}", '"Film 0"'),
    ("{% set c = joiner(', ') %}{% for x in [1, 2] %}{{ c() }}{{ x }}{% endfor %}", "1, 2"),
    ("{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
    (
        "{{ none | default('x', true) }} {{ [3, 1] | sort | join }} {{ [1, 1] | unique | list }}",
        "x 13 [1]",
    ),
)


@pytest.mark.parametrize(("written", "said"), ORDINARY)
def test_what_prompt_authors_write_is_rendered_as_ever(written: str, said: str) -> None:
    text = HEAD + BLOCKS.replace("CANDIDATE", "{% set history = [item] * 20 %}" + written)
    assert said in Template.parse(text, Path("mine.j2")).render_candidate(HISTORY[0])

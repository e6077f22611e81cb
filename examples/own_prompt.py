"""Your own prompt: a template in a file, and an agent that answers for plain titles.

python examples/own_prompt.py
"""

import tempfile
from pathlib import Path

from simulator import open_agent

TEMPLATE = """\
---
name: busy-viewer
version: 1
language: en
domain: movies
description: A viewer in a hurry decides about one film.
labels: {click: "yes", skip: "no"}
history: {window: 20, drop: 5}
---
{% block static %}
You are a busy film viewer. Reply with one word, {{ labels.click }} or {{ labels.skip }}.
{% endblock %}
{% block user %}
Watched so far, oldest first:
{% for past in history %}
{{ past }}
{% endfor %}
{% endblock %}
{% block candidate %}
Recommended: {{ item }}
Answer:
{% endblock %}
"""

# A large model knows a film by its title; the pocket model reads its genres.
FRIGHT = ["Alien (1979) (Horror, Sci-Fi, Thriller)", "The Thing (1982) (Horror, Sci-Fi)"]
ROMANCE = ["Notting Hill (1999) (Comedy, Romance)", "Pretty Woman (1990) (Comedy, Romance)"]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "busy-viewer.j2"
        path.write_text(TEMPLATE, encoding="utf-8")
        # "pocket" comes with nudgesim; "qwen3-4b", a Hugging Face id or a folder works alike.
        agent = open_agent(
            "pocket", engine="transformers", template=str(path), examples="none", cache="none"
        )
    clicks = agent.click(
        histories=[FRIGHT, ROMANCE, FRIGHT, ROMANCE],
        candidates=["The Shining (1980) (Horror, Thriller)"] * 2
        + ["Annie Hall (1977) (Comedy, Romance)"] * 2,
    )
    agent.close()
    print(agent.describe())
    for probability, clicked in zip(clicks.probability, clicks.clicked, strict=True):
        print(f"P(click) = {probability:.2f}, {'clicks' if clicked else 'skips'}")

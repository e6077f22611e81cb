"""The baseline that titles are audited against: a prompt that takes titles as they come.

It has the form of the prompt in ITMPRec's released code: an instruction to play the user and answer
in one word, few-shot examples as questions and answers, titles alone, without quotation marks or
categories, joined by "::" in a running list, the newest first; no warning that titles are data,
nothing cleaned and nothing cut. Only the words of the answer (1 and 0 there) are the audited
template's, since a model may know no others, and so are the examples. The product never renders a
prompt this way.
"""

from __future__ import annotations

from collections.abc import Sequence

from prompts import Example, Template
from prompts.window import windowed
from simulator.domain import Exposures
from simulator.errors import DataError
from simulator.interfaces import Prompt

NAME = "raw"

_JOINED = "::"
_PARTS = {
    "en": {
        "task": "Act for a user of a recommender. Reply {click} to accept, {skip} to decline.\n",
        "user": "Q: The user accepted {titles}. ",
        "candidate": "Is {title} accepted?\nA:",
        "answer": " {word}\n",
    },
    "zh": {
        "task": "请代替推荐平台的用户作答。接受物品回答{click}，否则回答{skip}。\n",
        "user": "问：用户接受过{titles}。",
        "candidate": "接受{title}吗？\n答：",
        "answer": "{word}\n",
    },
}


class RawPrompts:
    """Renders prompts in the raw form.

    Args:
        template: Whose language, answer words and history window to take.
        examples: Few-shot examples, shown in the raw form too.
    """

    def __init__(self, template: Template, examples: Sequence[Example] = ()) -> None:
        language = template.front_matter.language.partition("-")[0]
        self._parts = _PARTS.get(language, _PARTS["en"])
        self._window = template.history
        click, skip = template.labels.pair
        self._static = self._parts["task"].format(click=click, skip=skip) + "".join(
            self._user([item.title for item in example.history])
            + self._candidate(example.candidate.title)
            + self._parts["answer"].format(word=click if example.clicked else skip)
            for example in examples
        )

    def render(self, shown: Exposures) -> list[Prompt]:
        """One prompt a row.

        Raises:
            DataError: If the exposures have no catalogue.
        """
        if shown.catalogue is None:
            raise DataError("Raw prompts name titles; give the exposures a catalogue.")
        titles = shown.catalogue.titles
        history = windowed(shown.history, self._window.window, self._window.drop)
        return [
            Prompt(
                self._static,
                self._user([titles[past] for past in history[row].tolist()]),
                self._candidate(titles[item]),
            )
            for row, item in enumerate(shown.item.tolist())
        ]

    def _user(self, titles: Sequence[str]) -> str:
        return self._parts["user"].format(titles=_JOINED.join(titles[::-1]))

    def _candidate(self, title: str) -> str:
        return self._parts["candidate"].format(title=title)

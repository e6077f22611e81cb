"""A tokenizer from scratch: byte-level BPE over the catalogue and the templates.

Byte-level, so that any text has tokens. Text is cut where an item line has its joints: a genre is
the same token wherever it stands in the list, a year is one token, and the joints themselves
(`)" (`, the end of one line and the quotation mark of the next) are single tokens, which makes a
line of history about ten tokens long. Where each title is a token, quotation marks and all, a line
ends with its line break, so that prompts can be tokenised line by line. No token crosses from one
part of a prompt into the next, so the parts' tokens end to end are the whole prompt's tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from prompts import Persona, ShownItem, Template
from simulator.domain import Catalogue
from simulator.training.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

END = "<|end|>"
"""Ends an answer."""
PAD = "<|pad|>"
"""Fills batches."""
LABELS = ("yes", "no", "是", "否", "1", "0")
"""Answer words that are one token each, with and without a blank before them."""

_NEXT_LINE = r'\)?"?\n"?'
_JOINTS = (
    r'\)" \(|%s|: "| \(|, '  # between the fields of an item line, and between lines
    r"| ?[+-]\d+"  # a persona's points
    r"|\d+"
    r"| ?\p{L}[\p{L}'’-]*"  # a word with the blank before it: `Sci-Fi`, ` Children's`
    r"|\s+|[^\s\p{L}\p{N}]+|."
)
_FILM_TEMPLATES = 40
"""How often the texts of the film templates are repeated."""
_PERSONA = Persona("en", 10, 50, 50, (), 0, 0)
_WHOLE_WORDS = 2_000
"""How often a word that must become one token is repeated in the training text."""


def train_tokenizer(
    catalogue: Catalogue, templates: Sequence[Template], settings: NetworkSettings
) -> PreTrainedTokenizerFast:
    """Learn the merges.

    Args:
        catalogue: Its item lines are the training text; its categories become single tokens.
        templates: Their static parts are training text too; their labels become single tokens.
        settings: How many tokens (400 or so at least: 256 bytes, the labels and the categories),
            and whether each title is one more.
    """
    next_line = _NEXT_LINE.removesuffix('"?') if settings.whole_titles else _NEXT_LINE
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_JOINTS % next_line), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_text(catalogue, templates), trainer=trainer)
    if settings.whole_titles:
        # With their quotation marks, so that a word of the template is never taken for a title.
        titles = dict.fromkeys(f'"{ShownItem(title).title}"' for title in catalogue.titles)
        tokenizer.add_tokens([AddedToken(title, normalized=False) for title in titles])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=settings.window,
        clean_up_tokenization_spaces=False,
    )


def _text(catalogue: Catalogue, templates: Sequence[Template]) -> Iterator[str]:
    items = [
        ShownItem(title, tuple(categories))
        for title, categories in zip(catalogue.titles, catalogue.categories, strict=True)
    ]
    for template in templates:
        parts = (
            template.render_static(),
            template.render_user([]),
            template.render_user(items[:2]),
            template.render_candidate(items[0]),
        )
        # Films come first in what the agent is for: their templates' words become single tokens.
        times = _FILM_TEMPLATES if template.front_matter.domain == "movies" else 1
        yield from parts * times
    yield from (template_line for item in items for template_line in [f"{item}\n"] * 2)
    yield from _repeated(catalogue.category_names)
    labels = dict.fromkeys([*LABELS, *(w for t in templates for w in t.labels.pair)])
    yield from _repeated(labels)
    yield from _repeated(f" {label}" for label in labels)
    yield from (f"{_PERSONA}\n{replace(_PERSONA, language='zh')}\n",) * _FILM_TEMPLATES
    points = range(0, 101)  # of personas
    yield from _repeated(f" {sign}{number}" for number in points for sign in "+-")
    yield from _repeated(str(number) for number in points)


def _repeated(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield f"{word}\n" * _WHOLE_WORDS

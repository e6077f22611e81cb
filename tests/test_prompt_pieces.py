"""Tokens from pieces are exactly the tokens of whole prompts, or prompts are tokenised whole."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_kinds import JOINING, WHOLE, tokenizer_of_kind

from prompts import PromptRenderer, ShownItem, load_template, shipped_examples, template_names
from simulator.domain import Catalogue, Ragged
from simulator.engines import Encoder
from simulator.engines import pieces as pieces_module
from simulator.engines.digests import digest
from simulator.engines.encoding import answer_opening
from simulator.engines.joints import LINES, TITLES
from simulator.engines.pieces import Frame, PieceTokenizer
from simulator.interfaces import Prompt

PARTS = [
    *("a", "Heat", " ", "  ", "\t", "\n", "\n\n", "\r\n", '"', "'s", "/", "//", "(", ")", "1999"),
    *("\u0301", "e\u0301", "中", "异形", "😀", "👩\u200d👧", "א", "\u200b", "\ufeff", "\u3000"),
    *("\x1c", "\x85", "<mask>", "mask", "<|user|>", "sop", "</s>", "[gMASK]", "<|im_end|>"),
    *("<0x0A>", "▁", "Ġ", "Ċ"),
]
"""What texts are put together from."""

titles = st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=3)), max_size=8).map("".join)
items = st.builds(ShownItem, titles, st.lists(titles, max_size=2).map(tuple))
lines = st.builds(
    "{}{}{}".format,
    titles,
    st.sampled_from(["", '"', ")", ".", " "]),
    st.sampled_from(["\n", "\n", "\n", "\n\n", "", "\r\n"]),
)
texts = st.lists(lines, max_size=5).map("".join)


def whole(tokenizer: Any, prompt: Prompt) -> list[int]:
    """What the model must receive, by the tokenizer's own means alone."""
    if not tokenizer.chat_template:
        return list(tokenizer(prompt.text)["input_ids"])
    chat = [{"role": "user", "content": prompt.text}]
    rendered = tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    ids = list(tokenizer(rendered, add_special_tokens=False)["input_ids"])
    opening = answer_opening(rendered)
    return ids + (tokenizer(opening, add_special_tokens=False)["input_ids"] if opening else [])


def check_whole(encoder: Encoder, prompts: list[Prompt]) -> None:
    """But for special tokens in a prompt's own text; test_special_tokens.py is about those."""
    encoded = encoder.encode(prompts)
    special = [token.content for token in encoder.tokenizer.added_tokens_decoder.values()]
    for prompt, ids in zip(prompts, encoded, strict=True):
        if not any(text in prompt.text for text in special):
            assert ids == whole(encoder.tokenizer, prompt)
    assert encoder.digests(prompts) == [digest(ids) for ids in encoded]


class Counting:
    """A tokenizer that notes every text it is given."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.calls: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, texts: list[str], **options: Any) -> Any:
        self.calls.append(list(texts))
        return self._tokenizer(texts, **options)

    def seen(self) -> Counter[str]:
        return Counter(text for texts in self.calls for text in texts)


ENCODERS = {kind: Encoder(tokenizer_of_kind(kind), 4096) for kind in (*JOINING, *WHOLE)}


@pytest.mark.parametrize("kind", JOINING)
def test_tokenizers_that_keep_lines_apart_are_found(kind: str) -> None:
    assert ENCODERS[kind].joins


@pytest.mark.parametrize("kind", WHOLE)
def test_tokenizers_that_do_not_get_whole_prompts(kind: str) -> None:
    assert not ENCODERS[kind].joins


@pytest.mark.parametrize("kind", [*JOINING, *WHOLE])
def test_pieces_of_shipped_templates_join_into_the_whole(kind: str) -> None:
    encoder = ENCODERS[kind]
    names = st.sampled_from([(name, None) for name in template_names()])
    paths = st.sampled_from([(name, 5) for name in template_names("path")])

    @settings(max_examples=15, deadline=None, database=None)
    @given(
        st.one_of(names, paths),
        st.booleans(),
        st.lists(st.tuples(st.lists(items, max_size=5), items), min_size=1, max_size=3),
    )
    def check(named: tuple[str, int | None], few_shot: bool, shown: list[Any]) -> None:
        template = load_template(named[0], steps=named[1])
        examples = shipped_examples(template) if few_shot and named[1] is None else ()
        static = template.render_static(examples)
        prompts = [
            Prompt(static, template.render_user(history), template.render_candidate(item))
            for history, item in shown
        ]
        check_whole(encoder, prompts)

    check()


@pytest.mark.parametrize("kind", [*JOINING, *WHOLE])
def test_pieces_of_any_text_join_into_the_whole(kind: str) -> None:
    encoder = ENCODERS[kind]

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.lists(st.builds(Prompt, texts, texts, texts), min_size=1, max_size=3))
    def check(prompts: list[Prompt]) -> None:
        check_whole(encoder, prompts)

    check()


def prompts_of(n_users: int, n_items: int, *, seed: int = 0) -> list[Prompt]:
    ids, names = [str(k) for k in range(n_items)], [f"Film {k}" for k in range(n_items)]
    catalogue = Catalogue(ids, names, [("Drama",)] * n_items, "movies")
    template = load_template("movies/click-en")
    renderer = PromptRenderer(template, catalogue, shipped_examples(template))
    rng = np.random.default_rng(seed)
    histories = Ragged.from_rows([rng.permutation(n_items)[:6] for _ in range(n_users)])
    return renderer.render(
        histories.take(np.repeat(np.arange(n_users), 4)), rng.integers(0, n_items, 4 * n_users)
    )


@pytest.mark.parametrize("kind", ["qwen", "qwen3", "pocket"])
def test_the_static_part_is_tokenised_once_and_so_is_each_line(kind: str) -> None:
    tokenizer = Counting(tokenizer_of_kind(kind))
    encoder = Encoder(tokenizer, 4096)
    assert encoder.joins
    tokenizer.calls.clear()
    first, second = prompts_of(50, 30), prompts_of(50, 30, seed=1)
    assert encoder.encode(first) == [whole(tokenizer_of_kind(kind), p) for p in first]
    encoder.encode(first + second)
    seen = tokenizer.seen()
    opening = first[0].static[:60]
    assert sum(opening in text for text in seen.elements()) == 1
    # As a history's line and as a candidate's, each as often as a line may end differently.
    for title in range(30):
        holding = Counter(text for text in seen.elements() if f'Film {title}"' in text)
        assert set(holding.values()) == {1}
        assert len(holding) <= (4 if kind == "pocket" else 2)
    tokenizer.calls.clear()
    encoder.encode(second)
    assert sum(map(len, tokenizer.calls)) == 0


def test_a_piece_that_does_not_begin_where_it_was_cut_is_noticed() -> None:
    tokenizer = tokenizer_of_kind("one word joined")
    pieces = PieceTokenizer(lambda texts: tokenizer(texts)["input_ids"], LINES)
    fine, joined = Prompt("Seen:\n", "Heat\n", "Up"), Prompt("Seen:\n", "Quo vadis\n", "Up")
    for _ in range(2):
        parts = pieces.encode([fine], Frame())
        assert parts is not None
        start, middle, end = parts[0]
        assert start + middle + end == whole(tokenizer, fine)
        assert pieces.encode([fine, joined], Frame()) is None


def test_new_lines_of_a_call_are_tokenised_together() -> None:
    tokenizer = Counting(tokenizer_of_kind("qwen"))
    encoder = Encoder(tokenizer, 4096)
    encoder.encode(prompts_of(3, 10))
    tokenizer.calls.clear()
    encoder.encode(prompts_of(20, 40))
    assert len(tokenizer.calls) == 1


def test_what_is_forgotten_is_learnt_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_module, "_MOST_TOKENS", 500)
    tokenizer = Counting(tokenizer_of_kind("qwen"))
    encoder = Encoder(tokenizer, 4096)
    for seed in range(4):
        prompts = prompts_of(10, 30, seed=seed)
        assert encoder.encode(prompts) == [whole(tokenizer_of_kind("qwen"), p) for p in prompts]
    opening = prompts[0].static[:60]
    assert sum(opening in text for text in tokenizer.seen().elements()) > 1


def test_digests_tell_token_ids_apart() -> None:
    encoder, prompts = Encoder(tokenizer_of_kind("qwen"), 4096), prompts_of(20, 30)
    digests, encoded = encoder.digests(prompts), encoder.encode(prompts)
    assert len(set(digests)) == len({tuple(ids) for ids in encoded}) > 40
    assert encoder.digests(prompts[7:9]) == digests[7:9]
    assert encoder.digests([]) == []


def test_threads_may_share_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_module, "_MOST_TOKENS", 500)
    encoder = Encoder(tokenizer_of_kind("qwen"), 4096)
    encoder.encode(prompts_of(1, 5))
    batches = [prompts_of(10, 30, seed=seed) for seed in range(24)]
    interval = sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-6)
        with ThreadPoolExecutor(8) as pool:
            encoded = list(pool.map(encoder.encode, batches))
    finally:
        sys.setswitchinterval(interval)
    for prompts, ids in zip(batches, encoded, strict=True):
        assert ids == [whole(tokenizer_of_kind("qwen"), p) for p in prompts]


def test_lists_are_the_callers_own() -> None:
    encoder, prompts = Encoder(tokenizer_of_kind("qwen"), 4096), prompts_of(3, 10)
    first = encoder.encode(prompts)
    kept = [list(ids) for ids in first]
    for ids in first:
        ids.clear()
    assert encoder.encode(prompts) == kept


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0]['content'] | replace('\n', ' ') }}<|end|>",
        "{{ messages[0]['content'] | upper }}<|end|>",
        "{{ messages[0]['content'] }}",
        "{{ messages[0]['content'] }} {{ messages[0]['content'] }}<|end|>",
        "<|user|> {{ messages[0]['content'] | trim }} <|end|>{{ messages[0]['content'] | length }}",
    ],
)
def test_a_chat_template_that_does_more_than_wrap_gets_whole_prompts(template: str) -> None:
    tokenizer = tokenizer_of_kind("qwen")
    chatty = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer)
    chatty.chat_template = template
    encoder, prompts = Encoder(chatty, 4096), prompts_of(3, 10)
    assert encoder.encode(prompts) == [whole(chatty, prompt) for prompt in prompts]


def test_a_chat_template_is_read_anew_in_each_call() -> None:
    tokenizer = tokenizer_of_kind("qwen")
    chatty = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer)
    encoder, prompts = Encoder(chatty, 4096), prompts_of(2, 10)
    for day in ("Monday", "Tuesday"):
        chatty.chat_template = f"Today is {day}.\n{{{{ messages[0]['content'] }}}}\n<|end|>"
        assert encoder.encode(prompts) == [whole(chatty, prompt) for prompt in prompts]
        assert day in encoder.display(prompts[0])


def test_where_texts_are_cut() -> None:
    text = 'One.\nTwo \nThree:\n\n"Four"\n"Five" (A/B)\n/six\n<s>\n7\n'
    assert LINES.cut(text) == [
        "One.\n",
        'Two \nThree:\n\n"Four"\n',
        '"Five" (A/B)\n/six\n<s>\n7\n',
    ]
    assert TITLES.cut(text)[1:3] == ['Two \nThree:\n\n"Four"\n"', 'Five" (A/B)\n/six\n<s>\n7\n']
    assert LINES.cut("") == []
    assert LINES.lies_between("One.\n", "Two")
    assert not LINES.lies_between("One.\n\n", "Two")
    assert not LINES.lies_between("\n", "Two")
    assert not LINES.lies_between("One.\n", "")
    assert not TITLES.lies_between("One.\n", '"Two')
    assert TITLES.lies_between('One.\n"', "Two")


@pytest.mark.parametrize(
    ("vocabulary", "lines", "titles"),
    [
        (["Ċ", "Ġ", ")Ċ", "ĊĊ", "Ċ/", "ĊĠ", '"A'], False, True),
        (["Ċ", "Ġ", 'Ċ"', '"Ċ"'], True, False),
        (["Ċ", "Ġ", "Ċä"], True, True),
        (["Ċa", "▁", "<0x0A>"], False, False),
        (["\nthe", "▁"], True, True),
    ],
)
def test_a_token_that_spans_a_joint_forbids_it(
    vocabulary: list[str], lines: bool, titles: bool
) -> None:
    assert LINES.is_crossed(vocabulary) is lines
    assert TITLES.is_crossed(vocabulary) is titles

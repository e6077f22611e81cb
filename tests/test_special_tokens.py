"""Special tokens in data never become special tokens in a prompt, in any family of tokenizers."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import FAMILIES, make_tokenizer
from tokenizer_kinds import JOINING, WHOLE, tokenizer_of_kind
from tokenizers import AddedToken

from evals.audit import hostile_titles
from prompts import ShownItem, load_template, shipped_examples, template_names
from simulator.engines import Encoder
from simulator.interfaces import Prompt

_GLM = (
    *("[MASK]", "[gMASK]", "[sMASK]", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>"),
    *("<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>"),
    "<|end_of_video|>",
)
SPECIAL = {
    "chatglm": ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop", *_GLM[4:8], "<unk>", "<s>", "</s>"),
    "glm": (*_GLM, "<sop>", "<eop>"),
    "qwen3": (
        *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|box_end|>"),
        *("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    ),
    "llama": (
        *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
        *("<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|finetune_right_pad_id|>", "<s>"),
        *("</s>", "<unk>", "<|reserved_special_token_0|>", "<|header_start|>", "<|header_end|>"),
        *("<|eot|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    ),
}
"""The special tokens of each family's real tokenizers, as far as a title might name them."""
ADDED = {
    "qwen3": (
        *("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>"),
        *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    ),
    "glm": ("<think>", "</think>", "<tool_call>", "</tool_call>"),
}
"""Added tokens that those tokenizers do not mark as special, and that are no less so."""


@cache
def encoder_of(family: str, *, chat: bool = True) -> Encoder:
    tokenizer = make_tokenizer(family, chat_template=chat)
    tokenizer.add_tokens([AddedToken(text, special=True) for text in SPECIAL[family]])
    tokenizer.add_tokens([AddedToken(text, special=False) for text in ADDED.get(family, ())])
    return Encoder(tokenizer, 100_000)


def special_in(encoder: Encoder, prompts: list[Prompt]) -> list[list[int]]:
    special = set(encoder.tokenizer.added_tokens_decoder)
    return [[index for index in ids if index in special] for ids in encoder.encode(prompts)]


@pytest.mark.slow
@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_title_of_the_corpus_brings_a_special_token(family: str, chat: bool) -> None:
    """In every shipped template, as the candidate, in a history, as a category."""
    encoder = encoder_of(family, chat=chat)
    hostile = [pair.hostile for pair in hostile_titles()]
    for name in template_names() if chat else ["general/click-en", "movies/click-zh"]:
        template = load_template(name)
        static = template.render_static(shipped_examples(template))
        user = template.render_user([ShownItem("Heat")])
        prompts = [Prompt(static, user, template.render_candidate(ShownItem(t))) for t in hostile]
        prompts += [
            Prompt(static, user, template.render_candidate(ShownItem("Heat", (t,))))
            for t in hostile
        ]
        neutral = Prompt(static, user, template.render_candidate(ShownItem("Heat")))
        for start in range(0, len(hostile), 20):
            items = [ShownItem(t, (t,)) for t in hostile[start : start + 20]]
            prompts.append(Prompt(static, template.render_user(items), neutral.candidate))
        expected = special_in(encoder, [neutral])[0]
        assert all(found == expected for found in special_in(encoder, prompts)), name


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_title_of_the_corpus_brings_a_special_token_into_a_path_template(family: str) -> None:
    encoder = encoder_of(family)
    for name in template_names("path"):
        template = load_template(name, steps=5)
        static = template.render_static()

        def prompt(title: str, template=template, static=static) -> Prompt:  # type: ignore[no-untyped-def]
            item = ShownItem(title)
            return Prompt(static, template.render_user([item]), template.render_candidate(item))

        expected = special_in(encoder, [prompt("Heat")])[0]
        found = special_in(encoder, [prompt(pair.hostile) for pair in hostile_titles()])
        assert all(ids == expected for ids in found), name


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_even_text_that_nobody_cleaned_brings_none(family: str, chat: bool) -> None:
    """What quoting does not know is still letters: the encoder itself takes no token from data."""
    encoder = encoder_of(family, chat=chat)
    prompts = [Prompt("Hello.\n", f"{pair.hostile}\n", "Answer:") for pair in hostile_titles()]
    prompts += [
        Prompt("Hello.\n", "Heat\n", f"{pair.hostile} Answer:") for pair in hostile_titles()
    ]
    prompts += [Prompt(f"{text}\n", text[:2], f"{text[2:]} {text}") for text in SPECIAL[family]]
    expected = special_in(encoder, [Prompt("Hello.\n", "Heat\n", "Answer:")])[0]
    assert all(found == expected for found in special_in(encoder, prompts))


@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_of_special_tokens_put_together_bring_none(family: str) -> None:
    encoder = encoder_of(family)
    tokens = (*SPECIAL[family], *ADDED.get(family, ()))
    halves = [half for text in tokens for half in (text[: len(text) // 2], text[len(text) // 2 :])]
    part = st.one_of(st.sampled_from([*tokens, *halves]), st.text(max_size=3))
    texts = st.lists(part, max_size=6).map("".join)
    expected = special_in(encoder, [Prompt("Hello.\n", "Heat\n", "Answer:")])[0]
    template = load_template("movies/click-en")

    @settings(max_examples=60, deadline=None, database=None)
    @given(texts, texts, texts)
    def check(static: str, user: str, candidate: str) -> None:
        raw = Prompt(static, user, candidate)
        items = [ShownItem(static, (user,)), ShownItem(candidate)]
        shown = Prompt(
            template.render_static(),
            template.render_user(items),
            template.render_candidate(ShownItem(user, (candidate, static))),
        )
        assert special_in(encoder, [raw, shown]) == [expected] * 2

    check()


def test_a_word_that_holds_a_token_is_read_as_that_word() -> None:
    """ChatGLM3's "sop" stands in "Aesop"; the text that the model reads is the title's own."""
    encoder = encoder_of("chatglm")
    prompt = Prompt("Hello.\n", '"Aesop\'s Philosophy"\n', "Answer:")
    shown = encoder.display(prompt)
    assert shown == f"[gMASK]sop<|user|>\n {prompt.text}<|assistant|>\n"
    sop = encoder.tokenizer.convert_tokens_to_ids("sop")
    assert encoder.encode([prompt])[0].count(sop) == 1
    around = Prompt("Hello.\n", '"Heat"\n', "Answer:")
    # Neighbours keep their tokens, and what a cache looks up is the prompt's own.
    assert encoder.encode([around, prompt, around]) == [
        encoder.encode([p])[0] for p in (around, prompt, around)
    ]
    assert len(set(encoder.digests([around, prompt, around]))) == 2


@pytest.mark.parametrize("kind", [*JOINING, *WHOLE])
def test_letters_are_tokenised_as_the_whole_would_be(kind: str) -> None:
    """Where no token stands in the text, writing it as letters gives the very same ids."""
    encoder = Encoder(tokenizer_of_kind(kind), 4096)
    template = load_template("movies/click-en")
    prompt = Prompt(
        template.render_static(shipped_examples(template)),
        template.render_user([ShownItem("Heat (1995)", ("Crime",)), ShownItem("花样年华")]),
        template.render_candidate(ShownItem("L'Avventura")),
    )
    assert not encoder._special.occur_in(prompt)
    assert encoder._encode_letters(prompt) == encoder.encode([prompt])[0]


def test_a_chat_template_that_rewrites_its_message_gets_broken_tokens() -> None:
    tokenizer = make_tokenizer("llama")
    tokenizer.chat_template = "<|eot_id|>{{ messages[0]['content'] | upper }}<|EOT_ID|><|eot_id|>"
    encoder = Encoder(tokenizer, 4096)
    eot = tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert encoder.encode([Prompt("", "", "a <|eot_id|> b")])[0].count(eot) == 2

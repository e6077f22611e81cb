"""Users' prompts packed into trees: every decision gets what its own prompt gets, and learns so."""

import numpy as np
import pytest
import torch
from tiny_checkpoints import make_checkpoint

from simulator.engines.hub import load_causal_model
from simulator.engines.models import resolve_model
from simulator.training.branches import Tree, grow_tree, pack_trees, without_beginning
from simulator.training.reading import Reader

FAMILIES = ("llama", "qwen3", "glm")


def _prompts(draw, trunk, sizes):
    """Prompts that leave one trunk after so many tokens each, in that order."""
    return [trunk[:k] + draw.integers(10, 200, 3 + k % 4).tolist() for k in sizes]


@pytest.fixture
def trees():
    draw = np.random.default_rng(0)
    made = []
    for sizes in ((4, 9, 9, 17), (6,), (5, 5, 5)):
        trunk = [3, *draw.integers(10, 200, 20).tolist()]
        prompts = _prompts(draw, trunk, sizes)
        made.append(grow_tree(prompts, [[7]] * len(prompts)))
    return made


@pytest.fixture(scope="module", params=FAMILIES)
def network(request, tmp_path_factory):
    folder = make_checkpoint(request.param, tmp_path_factory.mktemp(request.param))
    return load_causal_model(resolve_model(folder), dtype=torch.float32)


def test_a_tree_holds_exactly_its_prompts():
    draw = np.random.default_rng(1)
    trunk = draw.integers(10, 200, 30).tolist()
    prompts = _prompts(draw, trunk, (3, 8, 8, 21))
    tree = grow_tree(prompts)
    assert tree.prompts() == prompts
    assert tree.size() == 37  # of 56
    answered = grow_tree(prompts, [[1], [2], [1], [2]])
    assert [prompt[-1] for prompt in answered.prompts()] == [1, 2, 1, 2]


def test_equal_prompts_still_have_branches_of_their_own():
    tree = grow_tree([[5, 6, 7], [5, 6, 7]])
    assert tree.prompts() == [[5, 6, 7], [5, 6, 7]]
    assert all(tree.branches)


def test_what_all_begin_with_is_taken_off(trees):
    beginning, rest = without_beginning(
        [Tree([1, 2, *t.trunk], t.branches, tuple(k + 2 for k in t.seen)) for t in trees]
    )
    assert beginning == [1, 2, 3]
    whole = [beginning + ids for tree in rest for ids in tree.prompts()]
    assert whole == [[1, 2, *ids] for tree in trees for ids in tree.prompts()]


def test_packing_keeps_places(trees):
    packed = pack_trees(trees)
    rows, columns = packed.last
    assert packed.tokens[rows, columns].tolist() == [7] * 8
    lengths = [len(ids) - 1 for tree in trees for ids in tree.prompts()]
    assert packed.positions[rows, columns].tolist() == lengths
    seen = packed.sees[rows, columns - packed.trunk].sum(1)
    assert seen.tolist() == [length + 1 for length in lengths]


@pytest.mark.slow
@pytest.mark.parametrize("static", [[], [4, 5, 6, 4, 8]])
def test_packed_prompts_get_the_scores_and_the_gradients_of_whole_ones(network, trees, static):
    network.set_attn_implementation("sdpa")
    found = {}
    for packed in (False, True):
        reader = Reader(network, packed=packed)
        scores = reader.next_token_scores(static, trees, before=1, again=range(0, 8, 3))
        assert len(scores) == 8 + 3
        logs = torch.log_softmax(scores, dim=-1)
        network.zero_grad()
        logs[:, 11].sum().backward()
        gradient = network.get_input_embeddings().weight.grad.clone()
        found[packed] = logs.detach(), gradient
    network.zero_grad()
    network.set_attn_implementation("sdpa")
    (alone, slope), (together, packed_slope) = found[False], found[True]
    assert (alone.exp() - together.exp()).abs().max() < 1e-4
    assert (alone[0] - alone[1]).abs().max() > 0.1  # decisions do differ
    torch.testing.assert_close(slope, packed_slope, rtol=1e-3, atol=1e-3)
    assert slope[4:6].abs().max() > 1e-3 or not static  # and reach the shared beginning


@pytest.mark.slow
def test_half_precision_changes_little(network, trees):
    network.set_attn_implementation("sdpa")
    whole, halved = (
        Reader(network, packed=True, precision=precision).next_token_scores([4, 5, 6], trees)
        for precision in (None, torch.bfloat16)
    )
    whole, halved = (torch.softmax(scores, dim=-1) for scores in (whole, halved))
    network.set_attn_implementation("sdpa")
    assert halved.dtype == torch.float32
    gap = (whole - halved).abs().mean()
    assert 0 < gap < 0.01


@pytest.mark.slow
def test_what_a_network_can_be_given_is_found_by_trying(network):
    network.set_attn_implementation("sdpa")
    assert Reader(network).packed
    network.config.get_text_config().num_hidden_layers += 1  # the trial fails
    try:
        assert not Reader(network).packed
    finally:
        network.config.get_text_config().num_hidden_layers -= 1
        network.set_attn_implementation("sdpa")

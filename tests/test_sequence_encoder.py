"""The shared encoder: against a slow reading of its definition, its mask, its last position."""

import math

import numpy as np
import pytest
import torch

from recommender.sequence import EncoderSettings, FrequencyMixing, SequenceEncoder
from recommender.sequence.continuation import encode_last, encode_prefix, prefix_width
from recommender.sequence.frequency import FrequencyLayer, low_pass
from simulator.domain import FloatArray
from simulator.errors import ConfigError

SMALL = EncoderSettings(dimension=8, heads=2, max_length=6)
BLENDED = EncoderSettings(dimension=8, max_length=6, frequency=FrequencyMixing(0.4, 2))


def encoder(settings: EncoderSettings = SMALL, n_items: int = 20) -> SequenceEncoder:
    torch.manual_seed(3)
    made = SequenceEncoder(n_items, settings).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return made


def some_windows(n: int = 7, length: int = 6) -> torch.Tensor:
    windows = np.random.default_rng(4).integers(1, 21, (n, length))
    for row in range(1, n):
        windows[row, : row % length] = 0
    return torch.from_numpy(windows)


def normalised(x: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    spread = np.sqrt(((x - x.mean()) ** 2).mean() + 1e-12)
    return (x - x.mean()) / spread * weight + bias


def by_the_definition(made: SequenceEncoder, window: list[int]) -> FloatArray:
    """One window, one position and one head at a time."""
    state = {k: v.numpy().astype(float) for k, v in made.state_dict().items()}

    def norm(name: str, x: FloatArray) -> FloatArray:
        return normalised(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def linear(name: str, x: FloatArray) -> FloatArray:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    embedded = [
        norm("norm", state["items.weight"][i] + state["positions.weight"][p])
        for p, i in enumerate(window)
    ]
    for block in ("blocks.0", "blocks.1"):
        out = []
        for place, own in enumerate(embedded):
            heads = []
            for head in (slice(0, 4), slice(4, 8)):
                asked = linear(f"{block}.mixing.query", own)[head]
                seen = [p for p in range(place + 1) if window[p]]
                keys = [linear(f"{block}.mixing.key", embedded[p])[head] for p in seen]
                values = [linear(f"{block}.mixing.value", embedded[p])[head] for p in seen]
                weights = np.exp([asked @ key / 2.0 for key in keys])
                heads.append((weights / weights.sum()) @ np.array(values))
            mixed = linear(f"{block}.mixing.output", np.concatenate(heads))
            mixed = norm(f"{block}.mixing.norm", own + mixed)
            wide = linear(f"{block}.feed_forward.widen", mixed)
            wide = np.array([x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in wide])
            narrow = linear(f"{block}.feed_forward.narrow", wide)
            out.append(norm(f"{block}.feed_forward.norm", mixed + narrow))
        embedded = out
    return np.array(embedded)


def test_the_encoder_is_what_its_definition_says() -> None:
    made = encoder()
    window = [3, 1, 20, 5, 3, 9]
    with torch.no_grad():
        ours = made(torch.tensor([window]))[0].numpy()
    np.testing.assert_allclose(ours, by_the_definition(made, window), atol=2e-5)


def test_no_position_knows_a_later_item_or_padding() -> None:
    made = encoder()
    window = torch.tensor([[0, 0, 4, 7, 2, 11]])
    later = torch.tensor([[0, 0, 4, 7, 13, 1]])
    with torch.no_grad():
        np.testing.assert_allclose(made(window)[:, 2:4], made(later)[:, 2:4], atol=1e-6)
        assert (made(window)[:, 4] - made(later)[:, 4]).abs().max() > 0.1
        before = made(window)
        made.items.weight[0] += 5
        np.testing.assert_allclose(before[:, 2:], made(window)[:, 2:], atol=1e-6)


@pytest.mark.parametrize("settings", [SMALL, BLENDED])
def test_last_is_the_last_position_of_all(settings: EncoderSettings) -> None:
    made, windows = encoder(settings), some_windows()
    with torch.no_grad():
        np.testing.assert_allclose(made.last(windows), made(windows)[:, -1], atol=2e-6)


def test_a_shorter_window_takes_the_last_positions() -> None:
    made = encoder()
    padded = torch.tensor([[0, 0, 0, 4, 7, 2]])
    with torch.no_grad():
        np.testing.assert_allclose(made.last(padded), made.last(padded[:, 3:]), atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_window_in_two_parts_comes_to_the_same(layers: int) -> None:
    made = encoder(EncoderSettings(dimension=8, layers=layers, max_length=6))
    windows = some_windows()
    with torch.no_grad():
        for cut in (1, 4, 5):
            prefix = encode_prefix(made, windows[:, :cut])
            assert prefix.shape == (7, cut, prefix_width(made))
            in_parts = encode_last(made, prefix, windows)
            np.testing.assert_allclose(in_parts, made.last(windows), atol=2e-5)


def test_a_window_of_nothing_has_a_defined_output() -> None:
    with torch.no_grad():
        assert encoder()(torch.zeros(1, 6, dtype=torch.int64)).isfinite().all()


def test_the_frequency_layer_of_a_case_worked_out_by_hand() -> None:
    # One component of four positions is their mean: x = (1, 3, 1, 3) is 2 slowly, -1 and 1 fast.
    # With beta = 0.25 the two dimensions come to (2 - 0.25, 2 + 0.25, ...) and, constant, (5, ...).
    layer = FrequencyLayer(EncoderSettings(dimension=2, heads=1, norm_epsilon=1e-12), 1).eval()
    states = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [1.0, 5.0], [3.0, 5.0]]])
    with torch.no_grad():
        layer.root_beta.copy_(torch.tensor([0.5, 0.5]))
        layer.norm = torch.nn.Identity()  # type: ignore[assignment]  # to see what it is given
        added = layer(states)
    expected = [[2.75, 10.0], [5.25, 10.0], [2.75, 10.0], [5.25, 10.0]]
    np.testing.assert_allclose(added[0], expected, atol=1e-6)


def test_the_low_pass_is_a_cut_spectrum() -> None:
    column = torch.randn(7)
    spectrum = torch.fft.rfft(column)
    spectrum[2:] = 0
    low = low_pass(7, 2) @ column
    np.testing.assert_allclose(low, torch.fft.irfft(spectrum, n=7), atol=1e-6)
    np.testing.assert_allclose(low_pass(6, 9), np.eye(6), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"dimension": 9}, "multiple"),
        ({"layers": 0}, "layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"norm_epsilon": 0.0}, "norm_epsilon"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        EncoderSettings(**wrong)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigError, match="share"):
        FrequencyMixing(share=1.5)

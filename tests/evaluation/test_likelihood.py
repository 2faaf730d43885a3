"""Nats by shots: closed forms, hand computations, and one image at a time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from evaluation.toy import DIMS, PrototypeModel, prototypes

import ilk
from ilk.data import test_episodes as fixed_episodes
from ilk.evaluation import Row, clustered_stderr, nats, nats_by_shots
from ilk.models.context import ContextModel


def test_closed_form():
    """Noise-free kinds: log 2 without a support set, log(1 + e^-2) with any."""
    rows = nats_by_shots(PrototypeModel(2.0), fixed_episodes(prototypes()))
    assert [row.shots for row in rows] == [0, 1, 2, 4, 8]
    for row in rows:
        wanted = math.log(2) if row.shots == 0 else math.log1p(math.exp(-2))
        assert row.nats_per_dim == pytest.approx(wanted, rel=1e-12)
        assert row.nats_per_image == pytest.approx(wanted * DIMS, rel=1e-12)
        assert row.stderr == pytest.approx(0, abs=1e-12)
        assert (row.kinds, row.queries) == (5, 60)


def test_equals_one_query_at_a_time():
    """Nested support sets, the same queries: what the definition says, in a double loop."""
    model, kinds = PrototypeModel(1.5, 0.3).eval(), prototypes(7, flip=0.2)
    episodes = fixed_episodes(kinds, shots=4, queries=5)
    rows = nats_by_shots(model, episodes, shots=(0, 1, 4), batch=3)
    for row in rows:
        means = []
        for support, queries in zip(episodes.support, episodes.queries, strict=True):
            p = model(kinds.images[support[: row.shots]])
            scores = [-float(p.log_prob(kinds.images[q])) / DIMS for q in queries]
            means.append(sum(scores) / len(scores))
        mean = sum(means) / 7
        spread = math.sqrt(sum((m - mean) ** 2 for m in means) / 6)
        assert row.nats_per_dim == pytest.approx(mean, rel=1e-12)
        assert row.stderr == pytest.approx(spread / math.sqrt(7), rel=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_batches_do_not_count_and_a_set_is_encoded_once(batch):
    episodes = fixed_episodes(prototypes(5, flip=0.2))
    model = PrototypeModel()
    rows = nats_by_shots(model, episodes, shots=(2,), batch=batch)
    assert sum(model.encoded) == 5
    (wanted,) = nats_by_shots(PrototypeModel(), episodes, shots=(2,))
    assert rows[0].nats_per_dim == pytest.approx(wanted.nats_per_dim, rel=1e-12)


def test_no_dropout_and_the_mode_is_restored():
    model, episodes = PrototypeModel().train(), fixed_episodes(prototypes())
    (row,) = nats_by_shots(model, episodes, shots=(1,))
    assert row.nats_per_dim == pytest.approx(math.log1p(math.exp(-2)), rel=1e-12)
    assert model.training
    nats_by_shots(model.eval(), episodes, shots=(1,))
    assert not model.training
    model.train().net.dropout.eval()  # a frozen part
    nats_by_shots(model, episodes, shots=(1,))
    assert model.training and model.net.training and not model.net.dropout.training


def test_one_row_for_an_unconditional_model():
    kinds = prototypes(4, flip=0.1)
    model = ContextModel((1, 4, 4), order=6).fit(kinds.images)
    episodes = fixed_episodes(kinds)
    (row,) = nats_by_shots(model, episodes, batch=3)
    wanted = -model().log_prob(kinds.images[episodes.queries]).mean() / DIMS
    assert row.shots == "-"
    assert row.nats_per_dim == pytest.approx(float(wanted), rel=1e-6)
    assert nats(model, kinds).queries == 80


@torch.no_grad()
def test_a_network_is_scored_as_it_scores_itself():
    model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,)).eval()
    kinds = prototypes(5, flip=0.1)
    episodes = fixed_episodes(kinds, shots=2)
    rows = nats_by_shots(model, episodes, shots=(0, 2), batch=2)
    queries = kinds.images[episodes.queries]
    for row in rows:
        each = [
            model(kinds.images[s[: row.shots]]).log_prob(q).mean()
            for s, q in zip(episodes.support, queries, strict=True)
        ]
        assert row.nats_per_dim == pytest.approx(-float(sum(each)) / 5 / DIMS, rel=1e-5)


def test_bfloat16_moves_the_network_and_little_else():
    model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
    episodes = fixed_episodes(prototypes(5, flip=0.1))
    (exact,) = nats_by_shots(model, episodes, shots=(2,))
    (rounded,) = nats_by_shots(model, episodes, shots=(2,), precision="bf16")
    assert rounded.nats_per_dim != exact.nats_per_dim
    assert rounded.nats_per_dim == pytest.approx(exact.nats_per_dim, rel=0.01)
    with pytest.raises(ValueError, match=r"^precision"):
        nats_by_shots(model, episodes, precision="fp8")


def test_stderr_of_equal_groups_is_that_of_their_means():
    values = torch.tensor([1.0, 2.0, 5.0, 4.0, 9.0, 6.0])
    group = torch.tensor([0, 0, 1, 1, 2, 2])
    means = torch.tensor([1.5, 4.5, 7.5])
    assert clustered_stderr(values, group) == pytest.approx(float(means.std()) / math.sqrt(3))


def test_stderr_by_hand():
    """Groups of 1 and 3 around a mean of 3: deviations sum to -2 and 2, so sqrt(2 x 8) / 4."""
    values, group = torch.tensor([1.0, 3.0, 3.0, 5.0]), torch.tensor([4, 9, 9, 9])
    assert clustered_stderr(values, group) == pytest.approx(1.0)
    assert math.isnan(clustered_stderr(values, torch.zeros(4, dtype=torch.long)))


def test_rows_of_unequal_kinds_differ_by_the_difference_of_their_means():
    """Kinds of 3 and 27 queries, as `nats` makes them: queries count alike, not kinds."""
    kinds = prototypes(2, 27, flip=0.1)
    kept = torch.cat([torch.arange(3), torch.arange(27, 54)])
    kinds = ilk.data.Kinds(kinds.images[kept], kinds.kind[kept], kinds.names, 2, "few and many")
    models = [ContextModel((1, 4, 4), order=n).fit(kinds.images[:20]) for n in (2, 9)]
    mine, yours = (nats(model, kinds) for model in models)
    above, error = mine.above(yours)
    assert above == pytest.approx(mine.nats_per_dim - yours.nats_per_dim, rel=1e-9)
    each = [-model().log_prob(kinds.images).double() / DIMS for model in models]
    assert error == pytest.approx(clustered_stderr(each[0] - each[1], kinds.kind), rel=1e-6)
    equal = nats(models[0], prototypes(2, 15, flip=0.1))
    with pytest.raises(ValueError, match="other: 2 kinds of 30 queries, wanted the 2 kinds of 30"):
        mine.above(equal)


def test_a_standard_error_that_there_is_not_is_null():
    row = Row(1, 0.1, math.nan, 1.6, 1, 12)
    assert row.to_json()["stderr"] is None
    assert Row("-", 0.1, 0.01, 1.6, 2, 24).to_json()["stderr"] == 0.01


def test_progress_reaches_the_total():
    seen = []
    episodes = fixed_episodes(prototypes(5))
    nats_by_shots(
        PrototypeModel(), episodes, shots=(0, 2), batch=2, on_progress=lambda *a: seen.append(a)
    )
    assert seen == [(2, 10), (4, 10), (5, 10), (7, 10), (9, 10), (10, 10)]


def test_refuses_what_does_not_fit():
    episodes = fixed_episodes(prototypes(5), shots=4)
    with pytest.raises(ValueError, match=r"^shots must be some of 0\.\.4, got \(8,\)"):
        nats_by_shots(PrototypeModel(), episodes, shots=(8,))
    with pytest.raises(ValueError, match=r"^batch"):
        nats_by_shots(PrototypeModel(), episodes, shots=(1,), batch=0)
    for batch in (0, -1):
        with pytest.raises(ValueError, match=f"^batch must be at least 1, got {batch}"):
            nats(ContextModel((1, 4, 4), order=2), episodes.kinds, batch)
    with pytest.raises(ValueError, match="labels"):
        model = ilk.models.GatedPixelCNN((1, 4, 4), labels=5, width=8, depth=1)
        nats_by_shots(model, episodes, shots=(1,))
    with pytest.raises(ValueError, match=r"\(1, 6, 6\).*\(1, 4, 4\)"):
        nats_by_shots(ContextModel((1, 6, 6), order=2), episodes, shots=(1,))
    with pytest.raises(ValueError, match="unconditional"):
        nats(PrototypeModel(), episodes.kinds)


@pytest.mark.data
def test_all_images_of_omniglot(data_root: Path):
    train = ilk.data.load("omniglot-26", "45-5", "train+valid", root=data_root)
    row = nats(ContextModel().fit(train.images), ilk.data.load("omniglot-26", "45-5", "test"))
    assert row.nats_per_dim == pytest.approx(0.0917, rel=0.01)
    assert (row.kinds, row.queries) == (144, 2880)

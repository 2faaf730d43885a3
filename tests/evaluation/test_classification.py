"""Classification by likelihood on a model whose answers are known."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from evaluation.toy import PrototypeModel, prototypes

from ilk.data import Kinds, Run, alphabet, load, one_shot_runs
from ilk.evaluation import (
    Accuracy,
    Task,
    classification_tasks,
    classify,
    classify_by_likelihood,
    official_tasks,
    tasks_digest,
)
from ilk.models.context import ContextModel


def grid(*rows: str) -> torch.Tensor:
    """Images `(n, 1, 4, 4)` from strings of 16 digits."""
    return torch.tensor([[int(c) for c in row] for row in rows], dtype=torch.uint8).view(
        -1, 1, 4, 4
    )


def owner(kinds: Kinds) -> dict[bytes, int]:
    """The kind of each image by its bytes."""
    images = (x.numpy().tobytes() for x in kinds.images)
    return dict(zip(images, kinds.kind.tolist(), strict=True))


A, B = "1111000000000000", "0000000000001111"


def test_log_prob_in_closed_form():
    """A query that differs from a prototype at h of 16 pixels: (16-h) log s(2) + h log s(-2)."""
    supports = grid(A, B)[:, None]
    queries = grid(A, "1110000000000000", B)
    got = classify_by_likelihood(PrototypeModel(2.0), supports, queries)
    right, wrong = -math.log1p(math.exp(-2)), -math.log1p(math.exp(2))
    distance = torch.tensor([[0, 8], [1, 7], [8, 0]], dtype=torch.float64)
    torch.testing.assert_close(got, (16 - distance) * right + distance * wrong)


def test_both_directions_agree_for_a_symmetric_model():
    """log p(x | s) = log p(s | x) and p(x) = p(s) there: the average is either of them."""
    model = PrototypeModel(2.0)
    supports = prototypes(4, 1, seed=1).images[:, None]
    queries = prototypes(3, 1, seed=2).images
    forward = classify_by_likelihood(model, supports, queries)
    both = classify_by_likelihood(model, supports, queries, "both")
    torch.testing.assert_close(both, forward)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_both_directions_one_by_one(batch):
    model = PrototypeModel(2.0, 0.7).eval()
    supports = prototypes(4, 3, flip=0.2).images.unflatten(0, (4, 3))
    queries = prototypes(5, 1, seed=2).images
    got = classify_by_likelihood(model, supports, queries, "both", batch=batch)
    for m, x in enumerate(queries):
        for n, s in enumerate(supports):
            forward = model(s).log_prob(x)
            backward = sum(model(x[None]).log_prob(k) - model().log_prob(k) for k in s) / 3
            wanted = (forward + model().log_prob(x) + backward) / 2
            torch.testing.assert_close(got[m, n], wanted)


def test_the_constant_leaves_the_answer():
    """log p(x | s_c) - log p(x) orders classes as log p(x | s_c) does."""
    model = PrototypeModel(2.0, 0.7).eval()
    supports, queries = prototypes(6, 1).images[:, None], prototypes(9, 1, seed=3).images
    forward = classify_by_likelihood(model, supports, queries)
    ratio = forward - model().log_prob(queries)[:, None]
    assert torch.equal(forward.argmax(1), ratio.argmax(1))


def test_accuracy_by_hand():
    """Two tasks, 2 of 2 and 1 of 2 right: 0.75, and std(1, 0.5) / sqrt(2) = 0.25."""
    supports = grid(A, B)[:, None]
    tasks = [
        Task(supports, grid(A, B), torch.tensor([0, 1])),
        Task(supports, grid(A, A), torch.tensor([0, 1])),
    ]
    seen = []
    result = classify(PrototypeModel(), tasks, on_progress=lambda *a: seen.append(a))
    assert result == Accuracy(0.75, pytest.approx(0.25), 2, 2, 1, 4, "forward")
    assert seen == [(1, 2), (2, 2)]
    assert classify(PrototypeModel(), tasks[:1]).to_json()["stderr"] is None


def test_tasks_without_noise_are_solved_and_with_much_are_not():
    clean = classification_tasks(prototypes(30), tasks=4, ways=20)
    assert classify(PrototypeModel(), clean).accuracy == 1
    noise = classification_tasks(prototypes(30, flip=0.5), tasks=20, ways=20)
    assert classify(PrototypeModel(), noise).accuracy < 0.15


def test_tasks_are_of_distinct_images_of_distinct_kinds():
    numbers = torch.randperm(2**16)[:600]
    images = (numbers[:, None] >> torch.arange(16) & 1).view(-1, 1, 4, 4).to(torch.uint8)
    kinds = dataclasses.replace(prototypes(30), images=images)
    tasks = classification_tasks(kinds, tasks=5, ways=10, shots=3)
    of_image = owner(kinds)
    assert len(of_image) == 600
    for task in tasks:
        assert task.supports.shape == (10, 3, 1, 4, 4)
        assert task.label.tolist() == list(range(10))
        every = torch.cat([task.supports, task.queries[:, None]], dim=1)
        owners = [[of_image[x.numpy().tobytes()] for x in row] for row in every]
        assert all(len(set(row)) == 1 for row in owners)
        assert len({row[0] for row in owners}) == 10
        assert len({x.numpy().tobytes() for row in every for x in row}) == 40


def test_tasks_are_fixed():
    """The list is part of the protocol: another digest would be another task."""
    kinds = prototypes(30, flip=0.5)
    first = tasks_digest(classification_tasks(kinds))
    assert first == tasks_digest(classification_tasks(kinds))
    assert first != tasks_digest(classification_tasks(kinds, seed=1))
    other = classification_tasks(kinds)
    other[3].label[0] = 1
    assert first != tasks_digest(other)


def test_more_tasks_begin_with_the_fewer():
    few, more = (classification_tasks(prototypes(30, flip=0.5), tasks=t) for t in (2, 5))
    assert tasks_digest(few) == tasks_digest(more[:2])


def test_official_runs_keep_their_labels():
    run = Run(grid(A, B), grid(B, A, B), torch.tensor([1, 0, 1]))
    (task,) = official_tasks([run])
    assert task.supports.shape == (2, 1, 1, 4, 4)
    assert classify(PrototypeModel(), [task]).accuracy == 1


def test_refuses_what_does_not_fit():
    supports, queries = grid(A, B)[:, None], grid(A)
    with pytest.raises(ValueError, match=r"^model must take a support set"):
        classify_by_likelihood(ContextModel((1, 4, 4), order=2), supports, queries)
    with pytest.raises(ValueError, match=r"^supports must be"):
        classify_by_likelihood(PrototypeModel(), supports[:, 0], queries)
    with pytest.raises(ValueError, match=r"^supports must be"):
        classify_by_likelihood(PrototypeModel(), supports[:, :0], queries)
    with pytest.raises(ValueError, match=r"^queries must be"):
        classify_by_likelihood(PrototypeModel(), supports, queries[..., :3])
    with pytest.raises(ValueError, match=r"^directions"):
        classify_by_likelihood(PrototypeModel(), supports, queries, "backward")
    for directions in ("forward", "both"):
        with pytest.raises(ValueError, match=r"^batch must be at least 1, got 0"):
            classify_by_likelihood(PrototypeModel(), supports, queries, directions, batch=0)
    with pytest.raises(ValueError, match=r"^tasks must all"):
        classify(PrototypeModel(), [])
    with pytest.raises(ValueError, match=r"^ways"):
        classification_tasks(prototypes(5))
    with pytest.raises(ValueError, match=r"^shots must be below 2"):
        classification_tasks(prototypes(20, images=2), shots=2)


@pytest.mark.data
def test_omniglot_tasks(data_root):
    kinds = load("omniglot-26", "30-20", "test", root=data_root)
    tasks = classification_tasks(kinds)
    of_image = owner(kinds)
    spread = [
        {alphabet(kinds.names[of_image[x.numpy().tobytes()]]) for x in task.queries}
        for task in tasks
    ]
    assert len(tasks) == 50
    assert len(set().union(*spread)) == 20
    assert min(len(s) for s in spread) > 5
    official = official_tasks(one_shot_runs(data_root))
    assert len(official) == 20
    assert all(task.supports.shape == (20, 1, 1, 26, 26) for task in official)
    assert all(sorted(task.label.tolist()) == list(range(20)) for task in official)

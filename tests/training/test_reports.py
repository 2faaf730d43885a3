"""What a run writes to be looked at."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from training.toys import striped, tiny

import ilk
from ilk.data.kinds import Kinds
from ilk.training import train
from ilk.training.batches import validation_batch
from ilk.training.log import truncate
from ilk.training.objective import Objective, samples, score

KINDS = (striped(), striped(seed=1))


def test_reports_and_log_agree(tmp_path):
    reports = []
    result = train(tiny(), tmp_path, reports.append, kinds=KINDS)
    losses = [(r.step, r.nats_per_dim) for r in reports if r.nats_per_dim is not None]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses == [(x["step"], x["nats_per_dim"]) for x in lines if "nats_per_dim" in x]
    assert [r.step for r in reports if r.checkpoint] == [3, 6, 9, 12]
    assert all(r.steps == 12 for r in reports)
    assert [r.seconds_left for r in reports if r.seconds_left is not None][-1] == 0
    assert result.finished and result.stopped_by is None and result.messages == ()


def test_after_the_first_steps_a_run_says_how_long_it_takes(tmp_path):
    reports = []
    train(tiny(log_every=6, checkpoint_every=6), tmp_path, reports.append, kinds=KINDS)
    first = next(r for r in reports if r.seconds_left is not None)
    assert first.step == 4 and first.nats_per_dim is None and 0 < first.seconds_left < 60
    reports.clear()
    train(tiny(steps=3), tmp_path / "short", reports.append, kinds=KINDS)
    assert all(r.seconds_left is None or r.nats_per_dim is not None for r in reports)


def test_validation_is_the_score_of_the_saved_model(tmp_path):
    result = train(tiny(), tmp_path, kinds=KINDS)
    model = ilk.load(result.model)
    for kinds, nats in zip(
        KINDS, (result.train_nats_per_dim, result.valid_nats_per_dim), strict=True
    ):
        batch = validation_batch(tiny(), kinds)
        assert score(model, batch, 4) == pytest.approx(nats, abs=1e-6)


@pytest.mark.parametrize("kept", [[2, 0], [0, 1, 2]])
def test_validation_kinds_have_the_labels_of_the_training_kinds(tmp_path, kept):
    """Those of other names are left out: the score is that of images with the right labels."""
    train_set, others = striped(kinds=3), striped(kinds=6).subset([4, 5])
    valid = train_set.subset(kept)
    recipe = tiny(model="gated", by_label=True, steps=3)
    both = Kinds(
        torch.cat([others.images, valid.images]),
        torch.cat([others.kind, valid.kind + 2]),
        (*others.names, *valid.names),
        2,
        "both",
    )
    result = train(recipe, tmp_path, kinds=(train_set, both))
    batch = validation_batch(recipe, valid)
    batch = batch._replace(kind=torch.tensor(kept)[batch.kind])
    wanted = score(ilk.load(result.model), batch, 4)
    assert result.valid_nats_per_dim == pytest.approx(wanted, abs=1e-6)
    (message,) = result.messages
    assert message.startswith(f"2 of {len(both)} validation kinds left out")


def test_without_a_label_nothing_is_validated(tmp_path):
    recipe, valid = tiny(model="gated", by_label=True, steps=3), striped(kinds=6).subset([4, 5])
    result = train(recipe, tmp_path, kinds=(striped(kinds=3), valid))
    assert result.finished and result.valid_nats_per_dim is None
    (message,) = result.messages
    assert message.endswith("have no label: nothing is validated")


@pytest.mark.parametrize("size", [1, 3, 128])
def test_a_score_does_not_depend_on_the_chunks(size):
    model, batch = tiny().build((1, 4, 4), 2, 12).eval(), validation_batch(tiny(), KINDS[0])
    with torch.no_grad():
        whole = float(Objective(model)(*batch))
        one_by_one = -torch.stack(
            [
                model(batch.support[b, batch.mask[b]]).log_prob(batch.queries[:, b]).mean()
                for b in range(len(batch.kind))
            ]
        ).mean()
    assert score(model, batch, size) == pytest.approx(whole, abs=1e-6)
    assert float(one_by_one) / 16 == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "count", "columns"),
    [({}, 6 * 10, 10), ({"model": "gated"}, 48, 8), ({"model": "gated", "by_label": True}, 48, 8)],
)
def test_samples_are_laid_out_in_rows(changes, count, columns):
    recipe = tiny(**changes)
    model, batch = recipe.build((1, 4, 4), 2, 12).eval(), validation_batch(recipe, KINDS[0])
    images, across = samples(model, batch, seed=3)
    assert images.shape == (count, 1, 4, 4) and across == columns
    assert torch.equal(images, samples(model, batch, seed=3)[0])
    if not changes:
        rows = images.unflatten(0, (6, 10))
        assert torch.equal(rows[:, :2], batch.support[:6])


def test_sheets_and_tensorboard(tmp_path):
    reports = []
    train(tiny(sample_every=5, tensorboard=True), tmp_path, reports.append, kinds=KINDS)
    sheets = sorted((tmp_path / "samples").iterdir())
    assert [r.sheet for r in reports if r.sheet] == sheets
    assert [p.name for p in sheets] == [f"step-{s:08d}.png" for s in (5, 10, 12)]
    assert len(np.unique(np.asarray(Image.open(sheets[0]).convert("L")))) > 1
    events = list((tmp_path / "tensorboard").glob("events.*"))
    assert events and b"nats_per_dim" in events[0].read_bytes()


def test_truncate_keeps_what_came_before(tmp_path):
    path = tmp_path / "log.jsonl"
    truncate(path, 3)
    assert not path.exists()
    path.write_text('{"step": 1}\n{"step": 3}\nnonsense\n{"step": 4}\n{"st')
    truncate(path, 3)
    assert path.read_text() == '{"step": 1}\n{"step": 3}\n'

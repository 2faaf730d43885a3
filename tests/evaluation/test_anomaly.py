"""Anomaly scores by hand, Student's tail against scipy's, and rates of false alarms kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluation.toy import PrototypeModel, prototypes
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from ilk.evaluation import CORRECTIONS, Normal, anomaly_scores, codec_nats
from ilk.models import GatedPixelCNN
from ilk.training import memorise


@pytest.mark.parametrize("count", [3, 4, 8, 30])
def test_students_tail(count: int) -> None:
    scores = np.random.default_rng(count).normal(5, 2, count)
    normal = Normal(tuple(scores))
    asked = torch.linspace(-10, 60, 50, dtype=torch.float64)
    t = (asked.numpy() - scores.mean()) / (scores.std(ddof=1) * np.sqrt(1 + 1 / count))
    wanted = student.sf(t, count - 1)
    np.testing.assert_allclose(normal.chance(asked).numpy(), wanted, rtol=1e-3, atol=1e-9)
    for rate in (0.5, 0.1, 0.01):
        threshold = normal.threshold(rate)
        assert normal.chance(torch.tensor([threshold]).double()) == pytest.approx(rate, rel=1e-3)


def test_the_rate_of_false_alarms_is_kept_for_gaussian_scores() -> None:
    """Over many sets of 8 normal scores and one more: 5 % and 20 %, within 3 standard errors."""
    random, tries = np.random.default_rng(0), 4000
    scores = random.normal(100, 7, (tries, 9))
    chances = [float(Normal(tuple(row[:8])).chance(torch.tensor(row[8:]))) for row in scores]
    for rate in (0.05, 0.2):
        error = (rate * (1 - rate) / tries) ** 0.5
        assert abs(np.mean(np.array(chances) < rate) - rate) < 3 * error


def test_scores_compare_across_sets() -> None:
    """Scale and place of a set's scores do not matter."""
    a, b = Normal((1.0, 2.0, 4.0)), Normal((110.0, 120.0, 140.0))
    torch.testing.assert_close(
        a.standardised(torch.tensor([7.0])), b.standardised(torch.tensor([170.0]))
    )
    assert Normal((2.0, 2.0, 2.0)).standardised(torch.tensor([2.0])) == 0
    # Their mean is not 0.1 but the next number.
    assert Normal((0.1, 0.1, 0.1)).spread == pytest.approx((4 / 3) ** 0.5)


@pytest.mark.parametrize("score", [-12.57, 800.0])
def test_rounding_is_no_spread(score: float) -> None:
    """34 copies of a page score alike but for the last bit, and a page near them is no alarm."""
    scores = torch.full((34,), score)
    scores[::3] = scores[::3].nextafter(torch.tensor(0.0))
    normal = Normal(tuple(scores.tolist()))
    assert normal.spread == pytest.approx((1 + 1 / 34) ** 0.5)
    assert normal.chance(torch.tensor([score + 1])) == pytest.approx(
        student.sf(0.986, 33), abs=1e-3
    )


def test_scores_by_hand() -> None:
    model = PrototypeModel(2.0, tilt=-0.7).eval()
    x = prototypes(3, 4, flip=0.2).images
    support, asked = x[:4], x[4:]
    given = -model(support).log_prob(asked)
    wanted = {
        "none": given,
        "ratio": given + model().log_prob(asked),
        "complexity": given - codec_nats(asked, 2),
    }
    for name in CORRECTIONS:
        scores, normal = anomaly_scores(model, support, asked, name)
        torch.testing.assert_close(scores, wanted[name].double())
        others = torch.cat([support[:2], support[3:]])
        left = anomaly_scores(model, others, support[2:3], name)[0]
        assert normal.scores[2] == pytest.approx(float(left), rel=1e-9)


def test_a_likelihood_alone_takes_a_blank_page_for_normal_and_a_ratio_does_not() -> None:
    """A model that expects paper holds an empty page likelier than the drawings of the kind."""
    model = PrototypeModel(1.0, tilt=-2.0).eval()
    drawings = prototypes(1, 12, flip=0.15, seed=4).images
    blank = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    x, strange = torch.cat([drawings[8:], blank]), [0, 0, 0, 0, 1]
    area = {
        name: roc_auc_score(strange, anomaly_scores(model, drawings[:8], x, name)[0])
        for name in CORRECTIONS
    }
    assert area["none"] == 0.0 and area["ratio"] == 1.0


def test_learning_the_normal_images_tells_what_the_model_is_not_shown() -> None:
    """A model without conditions; kinds that differ in one half. Scores by hand, and in order."""
    torch.manual_seed(0)
    model = GatedPixelCNN((1, 4, 4), width=8, depth=2).eval()
    before = {name: w.clone() for name, w in model.state_dict().items()}
    left = torch.tensor([1, 1, 0, 0]).expand(1, 4, 4)
    normal, strange = left.repeat(5, 1, 1, 1), left.flip(-1).repeat(5, 1, 1, 1)
    for i in range(1, 5):  # no two alike
        normal[i, 0, i - 1, 0] = strange[i, 0, i - 1, 3] = 0
    done: list[tuple[int, int]] = []
    told = lambda i, n: done.append((i, n))  # noqa: E731
    x = torch.cat([normal, strange])
    scores, reference = anomaly_scores(model, normal, x, steps=12, on_step=told)
    assert scores[:5].max() < scores[5:].min()
    assert done == [(i, 60) for i in range(1, 61)]
    learned = memorise(model, normal, 12)
    others = memorise(model, normal[[0, 2, 3, 4]], 12)  # what scores number 1, alone in its fold
    with torch.no_grad():
        by_hand = model().log_prob(x) - learned().log_prob(x)
        wanted = model().log_prob(normal[1]) - others().log_prob(normal[1])
    torch.testing.assert_close(scores, by_hand.double())
    assert reference.scores[1] == pytest.approx(float(wanted), rel=1e-4)
    assert all(torch.equal(w, before[name]) for name, w in model.state_dict().items())
    assert not any(w.grad is not None for w in model.parameters())


def test_a_codec_charges_for_what_is_complex() -> None:
    generator = torch.Generator().manual_seed(0)
    for channels, levels in ((1, 2), (1, 256), (3, 256), (2, 5)):
        noise = torch.randint(levels, (1, channels, 24, 24), generator=generator)
        flat = torch.zeros_like(noise)
        cost = codec_nats(torch.cat([flat, noise]).to(torch.uint8), levels)
        entropy = noise.numel() * np.log(levels)
        assert cost[0] < 0.5 * entropy + 500 and cost[1] > 0.95 * entropy


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="levels must be at most 256 for PNG and WebP, got 1000"):
        codec_nats(torch.zeros(1, 1, 4, 4, dtype=torch.int64), 1000)
    images = prototypes(1, 4).images
    with pytest.raises(ValueError, match="support must hold at least 3 normal images, got 2"):
        anomaly_scores(PrototypeModel(), images[:2], images)
    with pytest.raises(ValueError, match="correction must be one of"):
        anomaly_scores(PrototypeModel(), images, images, "typical")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wanted those of 3 images or more, got 1"):
        Normal((1.0,))
    with pytest.raises(ValueError, match="rate must be between 0 and 1, got 1"):
        Normal((1.0, 2.0, 3.0)).threshold(1)

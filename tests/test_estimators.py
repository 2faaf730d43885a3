"""scikit-learn's own checks of its estimators, and sums over all rows there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from evaluation.toy import KernelModel
from sklearn.utils.estimator_checks import parametrize_with_checks

import ilk
from ilk.estimators import FewShotClassifier, FewShotDensity

# Checks of scikit-learn are of rows far shorter than an image.
pytestmark = pytest.mark.filterwarnings("ignore:X has .* features")

# What can't pass, and why. Nothing else is left out: the model can tell blobs apart.
EXPECTED_FAILURES = {
    "check_estimators_overwrite_params": "joblib hashes a module and its deep copy differently",
}


@parametrize_with_checks(
    [
        FewShotClassifier(KernelModel(), scale="range", temperature=2.0),
        FewShotDensity(KernelModel(), scale="range"),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_sklearn(estimator, check) -> None:
    check(estimator)


def test_rows_that_are_no_whole_images_are_told() -> None:
    model = attention((1, 2, 3))
    with pytest.warns(
        UserWarning, match=r"X has 4 features: .* first values of images \(1, 2, 3\)"
    ):
        FewShotDensity(model).fit(rows(4))
    for temperature in ("fit", -1.0):
        with pytest.raises(ValueError, match="temperature must be a number above 0, got"):
            FewShotClassifier(model, temperature=temperature).fit(rows(6)[:4], [0, 1, 0, 1])


def test_fit_leaves_the_model_as_it_was() -> None:
    """What `check_estimators_overwrite_params` is about."""
    model = attention((1, 2, 2)).train()
    before = {k: t.clone() for k, t in model.state_dict().items()}
    given = FewShotClassifier(model).fit(rows(4), [0, 1] * 8)
    given.predict_proba(rows(4))
    assert given.get_params()["model"] is model and model.training
    assert all(torch.equal(t, before[k]) for k, t in model.state_dict().items())


def attention(shape: tuple[int, int, int]) -> ilk.models.Model:
    model = ilk.models.AttentionPixelCNN(
        shape, levels=2, width=8, depth=4, read_at=(2,), patches=8, likelihood="bernoulli"
    )
    return model.double().eval().requires_grad_(False)


def rows(length: int) -> np.ndarray:
    return np.array(list(itertools.product(range(2), repeat=length)))


@pytest.mark.parametrize("length", [6, 4, 1])
def test_a_density_sums_to_one_over_all_rows(length: int, float64) -> None:
    """Short rows too: what follows them is summed out."""
    density = FewShotDensity(attention((1, 2, 3)), shots=2).fit(rows(length)[:5])
    total = np.exp(density.score_samples(rows(length))).sum()
    assert total == pytest.approx(1.0, abs=1e-12)


def test_short_rows_are_marginals_in_raster_order(float64) -> None:
    """Of colour too: a pixel's channels come one after the other."""
    model = attention((3, 1, 2))
    examples = rows(6)[[3, 17, 40]]
    density = FewShotDensity(model).fit(examples[:, :4])
    support = np.concatenate([examples[:, :4], np.zeros((3, 2), dtype=int)], axis=1)
    whole = FewShotDensity(model).fit(support)
    p = np.exp(whole.score_samples(rows(6))).reshape(16, 4).sum(axis=1)
    np.testing.assert_allclose(np.exp(density.score_samples(rows(4))), p, rtol=1e-12)


def test_rows_are_images_as_numpy_has_them(float64) -> None:
    model = attention((3, 2, 2))
    images = torch.randint(2, (5, 3, 2, 2))
    X = images.permute(0, 2, 3, 1).reshape(5, -1).numpy()
    density = FewShotDensity(model).fit(X[:3])
    wanted = model(images[:3]).log_prob(images)
    np.testing.assert_allclose(density.score_samples(X), wanted.numpy(), rtol=1e-12)


def test_many_examples_are_the_mean_of_several_sets(float64) -> None:
    model = attention((1, 2, 3))
    X = rows(6)
    density = FewShotDensity(model, shots=3).fit(X[:5])
    sets = [torch.from_numpy(X[i:5:2]).view(-1, 1, 2, 3) for i in (0, 1)]
    images = torch.from_numpy(X).view(-1, 1, 2, 3)
    p = sum(model(s).log_prob(images).exp() for s in sets) / 2
    np.testing.assert_allclose(np.exp(density.score_samples(X)), p.numpy(), rtol=1e-12)


def test_of_many_sets_few_are_encoded_at_once(float64, monkeypatch) -> None:
    model, encoded = attention((1, 2, 3)), []
    X, y = rows(6)[:12], np.arange(12) % 4
    classifier = FewShotClassifier(model, shots=1).fit(X, y)
    wanted = classifier.predict_log_proba(X)
    monkeypatch.setattr("ilk.estimators.BATCH", 5)
    model.trunk.register_forward_hook(lambda _, given, made: encoded.append(len(given[0])))
    np.testing.assert_allclose(classifier.predict_log_proba(X), wanted, rtol=1e-12)
    assert encoded == [5, 5, 2]


def test_samples_are_as_frequent_as_their_scores_say(float64) -> None:
    from helpers import FALSE_ALARM, chance

    density = FewShotDensity(attention((1, 2, 3)), shots=2).fit(rows(4)[[1, 7, 9]])
    drawn = density.sample(8000, random_state=0)
    counts = np.bincount(drawn @ [8, 4, 2, 1], minlength=16)
    expected = 8000 * np.exp(density.score_samples(rows(4)))
    assert chance(torch.from_numpy(counts), torch.from_numpy(expected)) > FALSE_ALARM
    assert (density.sample(8, random_state=0) == density.sample(8, random_state=0)).all()


def test_posteriors_by_hand(float64) -> None:
    model = attention((1, 2, 3))
    X, y = rows(6)[[0, 5, 9, 33, 60]], np.array(["b", "a", "b", "a", "b"])
    given = FewShotClassifier(model, priors=[3.0, 1.0], temperature=2.0).fit(X, y)
    images = torch.from_numpy(rows(6)).view(-1, 1, 2, 3)
    sets = [torch.from_numpy(X[y == c]).view(-1, 1, 2, 3) for c in "ab"]
    p = [model(s).log_prob(images).exp().sqrt() * w for s, w in zip(sets, (3, 1), strict=True)]
    wanted = (p[0] / (p[0] + p[1])).numpy()
    np.testing.assert_allclose(given.predict_proba(rows(6))[:, 0], wanted, rtol=1e-12)
    assert (given.predict(rows(6)) == np.where(wanted >= 0.5, "a", "b")).all()


def test_log_posteriors_are_finite_where_posteriors_are_zero() -> None:
    """Two classes a few thousand nats apart: what one loses is the difference of their nats."""
    X = np.array([[0] * 400, [15] * 400])
    given = FewShotClassifier(KernelModel(20, width=0.5)).fit(X, ["low", "high"])
    assert (given.predict_proba(X).min(axis=1) == 0).all()
    apart = FewShotDensity(given.model_).fit(X[1:]).score_samples(X[:1])
    apart -= FewShotDensity(given.model_).fit(X[:1]).score_samples(X[:1])
    wanted = [[apart[0], 0.0], [0.0, apart[0]]]
    np.testing.assert_allclose(given.predict_log_proba(X), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (FewShotDensity(KernelModel(2, 4)), "X must hold integers 0..3"),
        (FewShotDensity(KernelModel(1, 4), scale="range"), "X must have at most 1 features"),
        (FewShotDensity(KernelModel(), scale="grey"), "scale must be 'pixels' or 'range'"),  # type: ignore[arg-type]
        (FewShotDensity(KernelModel(), shots=0), "shots must be at least 1 or None, got 0"),
        (FewShotDensity(ilk.models.ContextModel((1, 2, 2))), "model must take a support set"),
        (FewShotDensity("cuneiform"), "no model 'cuneiform'"),
    ],
)
def test_mistakes_are_named(estimator: FewShotDensity, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        estimator.fit([[0.5, 1.5], [2.0, 3.0]])


def test_priors_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match=r"priors must be 2 weights, got shape \(3,\)"):
        FewShotClassifier(KernelModel(2, 4), priors=[1, 1, 1]).fit([[0], [1]], ["a", "b"])


@pytest.mark.parametrize("ink", ["auto", "dark"])
def test_dark_ink_is_ink_in_arrays_as_in_files(ink: str) -> None:
    """Grey rows of dark ink are the model's pixels, and draws come back as dark ink."""
    bits = np.zeros((4, 26, 26), dtype=np.int64)
    for i, page in enumerate(bits):
        page[4:22, 8 + 2 * i : 10 + 2 * i] = 1
    bits = bits.reshape(4, -1)
    torch.manual_seed(0)
    model = ilk.models.ConditionalPixelCNN((1, 26, 26), width=8, depth=2)
    wanted = FewShotDensity(model).fit(bits)
    light = FewShotDensity(model, scale="range").fit(255.0 * bits)
    dark = FewShotDensity(model, scale="range", ink=ink).fit(255.0 * (1 - bits))  # type: ignore[arg-type]
    for found, rows in ((light, 255.0 * bits), (dark, 255.0 * (1 - bits))):
        np.testing.assert_allclose(found.score_samples(rows), wanted.score_samples(bits))
    drawn = wanted.sample(3, random_state=0)
    seen = (bits.max(axis=0) > bits.min(axis=0))[None]
    assert ((dark.sample(3, random_state=0) < 128) == (drawn > 0))[seen.repeat(3, 0)].all()
    told = FewShotDensity(model, scale="range", ink="light").fit(255.0 * (1 - bits))
    assert not np.allclose(told.score_samples(255.0 * (1 - bits)), wanted.score_samples(bits))
    with pytest.raises(ValueError, match="ink: wanted auto, dark or light, got 'black'"):
        FewShotDensity(model, ink="black").fit(bits)  # type: ignore[arg-type]

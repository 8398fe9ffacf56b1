"""Probabilities as they are kept: all of few classes, the likeliest of many, with the right class and the order untouched."""

import numpy as np
import pytest

from attention.training.scoring import KEPT, compact, expand, top5_accuracy


@pytest.fixture
def many():
    """Probabilities (300, 200), of which some are so close that half precision cannot tell them apart, and labels."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(200, 0.05), 300).astype(np.float32)
    probabilities[:50, 7] = probabilities[:50].max(1) + 1e-7
    return probabilities, random.integers(0, 200, 300)


def test_of_few_classes_all_is_kept_in_half_precision():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 20)
    arrays = compact(probabilities, np.zeros(20, int))
    assert set(arrays) == {"probabilities"}
    assert (expand(arrays, np.zeros(20, int), 10) == probabilities.astype(np.float16)).all()


def test_of_many_classes_the_likeliest_and_the_right_one_come_back(many):
    probabilities, labels = many
    found = expand(compact(probabilities, labels), labels, 200)
    assert (found.argmax(1) == probabilities.argmax(1)).all()
    assert (
        np.argsort(-found, 1, kind="stable")[:, :KEPT] == np.argsort(-probabilities, 1, kind="stable")[:, :KEPT]
    ).all()
    rows = np.arange(len(labels))
    assert found[rows, labels] == pytest.approx(probabilities[rows, labels], abs=1e-3)
    assert ((found > 0).sum(1) <= KEPT + 1).all() and found.max(1) == pytest.approx(probabilities.max(1), abs=1e-3)
    assert top5_accuracy(found, labels) == top5_accuracy(probabilities, labels)


def test_among_five():
    probabilities = np.eye(10)[[0, 0, 0]] * 0.5 + np.linspace(0.09, 0, 10)
    assert top5_accuracy(probabilities, np.array([0, 4, 5])) == pytest.approx(2 / 3)

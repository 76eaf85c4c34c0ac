"""Data that do not fit the network are named before anything is trained."""

import numpy as np
import pytest

from experiments.cases.errors import SuiteError
from experiments.training import shape_checks
from tests import toy


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda x, y: None, r"must return \(x, y\)"),
        (lambda x, y: (x, y[..., 0]), r"return y of shape \(\*size, columns\)"),
        (lambda x, y: (np.repeat(x, 3, -1), y), "x has 3 columns, the network takes 1"),
        (lambda x, y: (x, np.repeat(y, 2, -1)), "y has 2 columns, the network returns 1"),
        (lambda x, y: (x.astype(str), y), "data's x|data\\(\\)'s x must be an array of numbers"),
    ],
)
def test_data_that_do_not_fit_are_named(values, words):
    def data(s, rng, size):
        return values(*toy.data(s, rng, size))

    with pytest.raises(SuiteError, match=words):
        shape_checks.check(toy.make(data=data), toy.Toy(), 1, 1)

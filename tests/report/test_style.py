"""Looks: read by everyone, in both themes, and one colour a fix."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import reproductions
from experiments.report.style import THEMES, WIDTHS, arm_colours, make_theme
from tests import toy

# Machado, Oliveira and Fernandes (2009), at full severity, on linear RGB.
BLIND = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216]]
    + [[-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]]
    + [[-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602]]
    + [[0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
themes = pytest.mark.parametrize("theme", THEMES)


def linear(colour):
    shares = np.array(to_rgb(colour))
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it."""
    bright = sorted((linear(colour) @ TO_XYZ[1] for colour in (one, other)), reverse=True)
    return (bright[0] + 0.05) / (bright[1] + 0.05)


def lab(colour, blindness):
    """CIELAB of a colour as it is seen (D65)."""
    xyz = TO_XYZ @ np.clip(BLIND[blindness] @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@themes
def test_text_is_read_easily(theme):
    shown = make_theme(theme)
    assert contrast(shown.ink, shown.background) > 7
    assert contrast(shown.muted, shown.background) > 4.5


@themes
def test_every_mark_stands_out_from_the_paper(theme):
    shown = make_theme(theme)
    for colour in (shown.broken, shown.fixed, *shown.fixes):
        assert contrast(colour, shown.background) >= 3, colour


@themes
@pytest.mark.parametrize("blindness", BLIND)
def test_arms_are_told_apart_by_everyone(theme, blindness):
    shown = make_theme(theme)
    colours = [shown.broken, shown.fixed, *shown.fixes[:4]]
    for one, other in itertools.combinations(colours, 2):
        distance = np.linalg.norm(lab(one, blindness) - lab(other, blindness))
        assert distance > 9, (one, other)


def test_contrast_and_distance_are_those_of_black_and_white():
    assert contrast("black", "white") == pytest.approx(21)
    assert lab("white", "none") == pytest.approx([100, 0, 0], abs=0.1)


@themes
def test_a_fix_has_its_own_colour_and_keeps_it_from_case_to_case(theme):
    seen = {}
    for name in reproductions.names():
        colours = arm_colours(reproductions.load(name), make_theme(theme))
        assert len(set(colours.values())) == len(colours)
        for fix, colour in colours.items():
            assert seen.setdefault(fix, colour) == colour, fix


def test_every_word_of_a_verdict_has_a_colour():
    words = {"solves", "fails", "depends on the seed", "undecided", "supported", "contradicted"}
    assert words <= set(make_theme().verdicts)


def test_colours_of_a_case_begin_with_broken_and_fixed():
    assert list(arm_colours(toy.CASE, make_theme())) == ["broken", "fixed", "bend", "longer"]


def test_a_wide_picture_is_read_at_the_width_of_a_column():
    column, wide = (make_theme(width=width) for width in WIDTHS)
    assert wide.inches > column.inches
    # In points on 600 pixels, at a hundred pixels an inch.
    assert wide.font_size * column.inches / wide.inches >= 7


def test_an_unknown_look_is_refused():
    with pytest.raises(ValueError, match=r"Received: grey, column"):
        make_theme("grey")
    with pytest.raises(ValueError, match=r"Received: light, narrow"):
        make_theme(width="narrow")

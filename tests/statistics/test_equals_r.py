"""The statistics that R has, compared with R. Debian's r-base-core is installed if this is allowed."""

import shutil
import subprocess

import numpy as np
import pytest

from clinical_dpo.statistics import comparisons, f1_effects, intervals, paired_tests, power
from clinical_dpo.statistics.seed_intervals import seed_effect
from tests.helpers import debian

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def r():
    """A function that runs R code and returns the printed numbers."""
    if missing := debian.install(["r-base-core"], ["Rscript"]):
        pytest.skip(missing)
    program = shutil.which("Rscript", path=debian.PATH)

    def run(code):
        command = [program, "--vanilla", "-e", f"options(digits = 17); cat(unlist({{{code}}}))"]
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        return [float(number) for number in process.stdout.split()]

    return run


def vector(values):
    return f"c({', '.join(map(repr, np.asarray(values, dtype=float).tolist()))})"


@pytest.mark.parametrize(("b", "c"), [(15, 7), (2, 0), (46, 9), (6, 16), (150, 86)])
def test_mcnemar(r, b, c):
    expected = r(f"t <- matrix(c(50, {c}, {b}, 60), 2); x <- mcnemar.test(t, correct = FALSE); y <- mcnemar.test(t)\n"
              f"list(binom.test({b}, {b + c})$p.value, x$statistic, x$p.value, y$statistic, y$p.value)")  # fmt: skip
    assert paired_tests.mcnemar_exact(b, c) == pytest.approx(expected[0], rel=1e-9)
    ours = [*paired_tests.mcnemar_chi2(b, c, corrected=False), *paired_tests.mcnemar_chi2(b, c, corrected=True)]
    assert ours == pytest.approx(expected[1:], rel=1e-9)


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (1, 29), (81, 263), (200, 200)])
def test_intervals_of_a_proportion(r, successes, n):
    for level in (0.95, 0.99):
        expected = r(f"list(prop.test({successes}, {n}, correct = FALSE, conf.level = {level})$conf.int,"
                  f"binom.test({successes}, {n}, conf.level = {level})$conf.int)")  # fmt: skip
        ours = [*intervals.wilson(successes, n, level), *intervals.clopper_pearson(successes, n, level)]
        assert ours == pytest.approx(expected, abs=1e-9)


def test_tests_and_intervals_of_means(r):
    x, y = np.random.default_rng(1).normal([[0.3], [0]], 1, (2, 30))
    expected = r(f"x <- {vector(x)}; y <- {vector(y)}; t <- t.test(x, y, paired = TRUE)\n"
              "w <- wilcox.test(x, y, paired = TRUE, exact = TRUE)\n"
              "list(t$statistic, t$p.value, t$conf.int, w$statistic, w$p.value)")  # fmt: skip
    ours = [*paired_tests.paired_t(x, y), *intervals.t_interval(x - y), *paired_tests.wilcoxon(x, y)]
    assert ours == pytest.approx(expected, rel=1e-9)


def test_adjusted_p(r):
    p_values = [0.0002, 0.04, 0.013, 0.3, 0.0499]
    expected = r(f"p <- {vector(p_values)}; list(p.adjust(p, 'holm'), p.adjust(p, 'bonferroni'))")
    ours = [*comparisons.holm(p_values, 5), *(comparisons.bonferroni(p, 5) for p in p_values)]
    assert ours == pytest.approx(expected)


@pytest.mark.parametrize(("n", "alpha"), [(12, 0.05), (300, 0.01)])
def test_power_of_the_t_test(r, n, alpha):
    options = f"n = {n}, sd = 1.3, sig.level = {alpha}, type = 'paired', strict = TRUE, tol = 1e-10"
    [expected, smallest] = r(
        f"list(power.t.test(delta = 0.4, {options})$power, power.t.test(power = 0.8, {options})$delta)"
    )
    assert power.paired_t_power(n, 0.4 / 1.3, alpha) == pytest.approx(expected, abs=1e-8)
    assert power.detectable_mean_difference(n, 1.3, alpha) == pytest.approx(smallest, rel=1e-6)


def test_power_of_mcnemars_test(r):
    """R sums over all tables."""
    [expected] = r(
        "n <- 25; p <- c(.35, .1, .55); total <- 0\n"
        "for (b in 0:n) for (c in 0:(n - b)) if (b + c > 0 && binom.test(b, b + c)$p.value < .05)\n"
        "  total <- total + dmultinom(c(b, c, n - b - c), prob = p)\n"
        "total"
    )
    assert power.mcnemar_power(25, 0.45, 0.25, 0.05) == pytest.approx(expected, abs=1e-10)


def test_interval_and_p_of_an_f1_difference(r):
    """R code computes MOVER from the intervals of prop.test, and the permutation test as a sum over two binomials."""
    labels = ["UTI"] * 60 + ["No UTI"] * 90
    first = ["UTI"] * 55 + ["No UTI"] * 5 + ["UTI"] * 6 + ["No UTI"] * 84
    second = (
        ["UTI"] * 45 + ["No UTI"] * 10 + ["UTI"] * 3 + ["No UTI"] * 2 + ["UTI"] * 2 + ["No UTI"] * 78 + ["UTI"] * 10
    )
    code = f"""
    y <- {vector([label == "UTI" for label in labels])} == 1
    a <- {vector([word == "UTI" for word in first])} == 1
    s <- {vector([word == "UTI" for word in second])} == 1
    f <- function(j) 2 * j / (1 + j)
    score <- function(w) 2 * sum(y & w) / (sum(y) + sum(w))
    ends <- function(w) f(prop.test(sum(y & w), sum(y | w), correct = FALSE)$conf.int)
    move <- function(w) (y & w) - sum(y & w) / sum(y | w) * (y | w)
    g <- sum(move(a) * move(s)); g <- if (g > 0) max(g - .5, 0) else g
    rho <- g / sqrt(sum(move(a)^2) * sum(move(s)^2))
    d <- score(a) - score(s); ea <- ends(a); es <- ends(s)
    reach <- function(u, v) sqrt(u^2 - 2 * rho * u * v + v^2)
    low <- d - reach(score(a) - ea[1], es[2] - score(s)); high <- d + reach(ea[2] - score(a), score(s) - es[1])
    hit <- sum(y & a != s); alarm <- sum(!y & a != s); both <- sum(y & a & s); wrong <- sum(!y & a & s); p <- 0
    for (i in 0:hit) for (k in 0:alarm) {{
      u <- 2 * (both + i) / (sum(y) + both + i + wrong + k)
      v <- 2 * (both + hit - i) / (sum(y) + both + hit - i + wrong + alarm - k)
      if (abs(u - v) >= abs(d) - 1e-12) p <- p + dbinom(i, hit, .5) * dbinom(k, alarm, .5)
    }}
    c(d, low, high, p)"""
    f1 = f1_effects.f1_difference(labels, first, second, ["UTI", "No UTI"], seed=1)
    assert [f1.difference, *f1.interval, f1.p_permutation] == pytest.approx(r(code), abs=1e-9)


def test_interval_over_training_seeds(r):
    """R computes the mean squares."""
    generator = np.random.default_rng(5)
    values = generator.normal(0, 0.1, (3, 1)) + generator.normal(0.1, 0.3, 40) + generator.normal(0, 0.4, (3, 40))
    expected = r(f"""
    v <- {vector(values.ravel())}; seed <- factor(rep(1:3, each = 40)); item <- factor(rep(1:40, 3))
    ms <- anova(lm(v ~ seed + item))[["Mean Sq"]]
    reach <- sqrt(qt(.975, 2)^2 * ms[1] / 120 + qt(.975, 39)^2 * max(ms[2] - ms[3], 0) / 120)
    c(mean(v) - reach, mean(v) + reach)""")
    ours = seed_effect(values)
    assert [ours.ci_low, ours.ci_high] == pytest.approx(expected, rel=1e-9)

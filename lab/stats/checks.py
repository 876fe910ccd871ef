"""The checks a verdict rests on: differences of scores on the same images, each with an interval that was calibrated.

Scores are per image (`Evidence`); `boot` gives every class and group the same weight (`bootstrap` with `balanced`) and
allows for refitted probes. A check passes when its whole 95 % interval lies above 0. How often each passes where
there is nothing was measured: docs/calibration.md. What follows from them is `lab.stats.verdict`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from lab.stats.depth import against_best, behind_best, early_and_late, trend
from lab.stats.intervals import Bootstrap, Interval, difference, widened

R2 = "R²"  # the measure of a number that is predicted
KAPPA = "weighted kappa"  # that of ordered grades
MEAN_AUC = "mean AUC"  # that of several labels an image
PREDICTED = (R2, KAPPA)  # the measures of a target that has one name


@dataclass(frozen=True)
class Evidence:
    """Scores per layer and image of one model, and of its controls, all on the same images.

    `scores["probe"]`, and if run "shuffled", are `(L, N)` in layer order, "pixels" is `(N,)`; "matched" `(D, L, N)` has
    an axis of draws of channels, "untrained" `(S, L, N)` one of twins. A score is the share of repeats in which the
    image was predicted right, or its part in the AUC (`lab.stats.auc.image_areas`): `measure` says which, `chance` what
    guessing gives. For a number or grade to be predicted there is one class, its name, and a score is the image's part
    in R² or kappa (`lab.stats.numbers`). A network that was never trained has no untrained twin to be compared with:
    it is its own. `probe` is its kind where that is not the usual one.
    """

    model: str
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    depths: tuple[float, ...]
    labels: np.ndarray
    scores: Mapping[str, np.ndarray]
    trained: bool = True
    measure: str = "accuracy"
    chance: float = 0.5
    probe: str = ""

    @property
    def subject(self) -> str:
        """What the layers read: the classes, several labels, or a number by its name."""
        if self.measure in PREDICTED:
            return self.classes[0]
        return "the labels" if self.measure == MEAN_AUC else "the classes"

    @property
    def score(self) -> str:
        """What a score is called at the beginning of a sentence."""
        return {R2: R2, KAPPA: "The weighted kappa", MEAN_AUC: "The mean AUC"}.get(self.measure, "Accuracy")

    def draws(self, control: str) -> np.ndarray:
        """Return a control's scores `(S, L, N)`, with one draw where there is no axis of draws."""
        values = self.scores[control]
        return values if values.ndim == 3 else values[None]


@dataclass(frozen=True)
class Check:
    """One number a verdict rests on; `compared` holds the two scores whose difference `value` is, `layer` the layer
    that was picked for one of them."""

    check: str
    statement: str
    value: float
    ci_low: float
    ci_high: float
    passed: bool
    compared: tuple[float, float] | None = field(default=None, compare=False)
    layer: str = field(default="", compare=False)

    def row(self) -> dict[str, object]:
        """Return the columns of the `checks` table."""
        return {
            "check": self.check,
            "statement": self.statement,
            "value": self.value,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "passed": self.passed,
        }


def check_evidence(evidence: Evidence, boot: Bootstrap) -> tuple[Check, ...]:
    """Return all checks that the evidence allows, the leading ones first."""
    asked = _Checks(evidence, boot, *early_and_late(evidence.depths))
    return (
        *asked.leading(),
        *asked.against_chance(),
        *(asked.matched() if "matched" in evidence.scores else ()),
        *(asked.untrained() if "untrained" in evidence.scores else ()),
        *(asked.pixels() if "pixels" in evidence.scores else ()),
        *(asked.selectivity() if "shuffled" in evidence.scores else ()),
        *asked.along_depth(),
    )


@dataclass(frozen=True)
class _Checks:
    """The evidence with the positions of its early and late layers; one method a control."""

    evidence: Evidence
    boot: Bootstrap
    early: np.ndarray
    late: np.ndarray

    @property
    def probe(self) -> np.ndarray:
        return self.evidence.scores["probe"]

    def thirds(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean scores of early and of late layers `(..., N)` from `(..., L, N)`."""
        return values[..., self.early, :].mean(axis=-2), values[..., self.late, :].mean(axis=-2)

    def leading(self) -> Iterator[Check]:
        first, last = self.thirds(self.probe)
        text = f"Late layers read {self.evidence.subject} better than early ones"
        yield self.compared("late_minus_early", text, last, first)
        yield from self.against_best("late_minus_best_early", "early_minus_best_late", self.probe)

    def against_chance(self) -> Iterator[Check]:
        first, last = self.thirds(self.probe)
        guess = np.full_like(last, self.evidence.chance)
        yield self.compared("late_above_chance", "Late layers beat chance", last, guess)
        yield self.compared("early_above_chance", "Early layers beat chance", first, guess)

    def matched(self) -> Iterator[Check]:
        draws = self.evidence.draws("matched")
        equal = draws.mean(axis=0)
        luck, freedom = self.luck(draws)
        yield from self.against_best("matched_late_minus_early", "matched_early_minus_late", equal, luck, freedom)

    def luck(self, draws: np.ndarray) -> tuple[np.ndarray, int]:
        """Return what the choice of channels adds to the variance of each layer's score `(L,)`, and its freedom.

        A layer that has no more channels than are drawn is one draw: it could have had others.
        """
        means = self.boot.mean(draws)
        spread = means.var(axis=0, ddof=1) if len(means) > 1 else np.zeros(means.shape[1])
        several = np.ptp(means, axis=0) > 0
        if not several.any():
            return np.zeros(len(spread)), 1
        return spread[several].mean() / np.where(several, len(means), 1), int(several.sum() * (len(means) - 1))

    def untrained(self) -> Iterator[Check]:
        twins = self.evidence.draws("untrained")
        first, last = self.thirds(self.probe)
        firsts, lasts = self.thirds(twins)
        text = "Late layers beat those of the untrained twin"
        yield self.compared("late_minus_untrained", text, last, lasts)
        text = f"{self.evidence.score} rises more from early to late than in the untrained twin"
        yield self.compared("rise_minus_untrained", text, last - first, lasts - firsts, bound=2)
        text = f"{self.evidence.score} rises from early to late in the untrained twin too"
        yield self.compared("untrained_rise", text, lasts, firsts)

    def pixels(self) -> Iterator[Check]:
        _, last = self.thirds(self.probe)
        text = "Late layers beat a probe on raw pixels"
        yield self.compared("late_minus_pixels", text, last, self.evidence.scores["pixels"])

    def selectivity(self) -> Iterator[Check]:
        for name, true, shuffled in zip(
            ("early", "late"), self.thirds(self.probe), self.thirds(self.evidence.scores["shuffled"]), strict=True
        ):
            text = f"{name.title()} layers read the true labels better than shuffled ones (selectivity)"
            yield self.compared(f"{name}_selectivity", text, true, shuffled)

    def along_depth(self) -> Iterator[Check]:
        """Say how the scores go with depth, which layers are as good as the best, and whether the last one is best."""
        layers, means = self.evidence.layers, self.boot.mean(self.probe)
        if len(layers) < 2:
            return
        slope = trend(self.evidence.depths, self.probe, self.boot)
        if np.isfinite(slope.value):
            along = f"(by {slope.value:+z.2f} from input to output along a straight line)"
            text = f"{self.evidence.score} rises with depth {along}."
            yield _row("trend", text, slope)
        behind, best = behind_best(self.probe, self.boot)
        enough = next(k for k, gap in enumerate(behind) if gap.low <= 0)
        text = (
            f"The first layer is clearly worse than the best, {layers[best]} ({means[0]:.2f} against "
            f"{means[best]:.2f}); the first that is not: {layers[enough]} ({means[enough]:.2f})."
        )
        yield _row("first_behind_best", text, behind[0], (means[best], means[enough]), layers[enough])
        rival = int(means[:-1].argmax())
        text = (
            f"The last layer reads {self.evidence.subject} better than every earlier one ({means[-1]:.2f} against "
            f"{means[rival]:.2f} at {layers[rival]})."
        )
        gap = against_best(self.probe[-1], self.probe[:-1], self.boot)
        yield _row("last_minus_best", text, gap, (means[-1], means[rival]), layers[rival])

    def compared(self, name: str, text: str, better: np.ndarray, worse: np.ndarray, *, bound: int = 1) -> Check:
        """Check that a mean over images exceeds another; `worse` `(S, N)` may have been drawn several times.

        Differences lie within [-bound, bound].
        """
        gaps = np.atleast_2d(better - worse)
        found = difference(self.boot, gaps.mean(axis=0) / bound)
        found = Interval(found.value * bound, found.low * bound, found.high * bound)
        if len(gaps) > 1:
            found = widened(found, float(self.boot.mean(gaps).var(ddof=1)) / len(gaps), len(gaps) - 1)
        one, other = (float(np.mean(self.boot.mean(values))) for values in (better, worse))
        return _row(name, f"{text} ({one:.2f} against {other:.2f}).", found, (one, other))

    def against_best(
        self, late_better: str, early_better: str, scores: np.ndarray, luck: np.ndarray | None = None, freedom: int = 1
    ) -> Iterator[Check]:
        """Check that late layers on average exceed the best early one, and the same the other way round.

        From scores `(L, N)`; `luck` `(L,)` adds to each layer's variance. "For" and "against" stand on the same test.
        """
        luck = np.zeros(len(scores)) if luck is None else luck
        sides = (
            (late_better, "late", "early", self.late, self.early),
            (early_better, "early", "late", self.early, self.late),
        )
        for name, own, other, ours, theirs in sides:
            mean = scores[ours].mean(axis=0)
            variance = float(luck[theirs].max() + luck[ours].sum() / len(ours) ** 2)
            found = widened(against_best(mean, scores[theirs], self.boot), variance, freedom)
            rival = theirs[int(self.boot.mean(scores[theirs]).argmax())]
            layer, one, best = (
                self.evidence.layers[rival],
                *(float(self.boot.mean(one)) for one in (mean, scores[rival])),
            )
            who = f"At equal numbers of channels, {own}" if name.startswith("matched") else own.title()
            text = f"{who} layers read {self.evidence.subject} better than the best {other} one"
            yield _row(name, f"{text} ({one:.2f} against {best:.2f} at {layer}).", found, (one, best), layer)


def _row(name: str, text: str, found: Interval, compared: tuple[float, float] | None = None, layer: str = "") -> Check:
    return Check(name, text, found.value, found.low, found.high, bool(found.low > 0), compared, layer)

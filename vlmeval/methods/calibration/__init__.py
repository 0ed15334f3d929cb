"""Calibrating scores: shifts of classes and temperatures that are learned from rows which are not evaluated.

Two parts of the house use the fits. `vlmeval.examine` asks what recalibration would change of any method's
probabilities. `vlmeval run --calibrate` makes methods of their own of zero-shot (`calibrate`), never in its place. With
z the logits of a row (`logits_of`), every unit counting once:

- ``centred``: z_k - (mean of z_k - mean over classes of those means), over rows that are not evaluated. No label is
  used. A prompt that is near to every picture draws all of them to its class, and this takes the pull away. Of the
  family of contextual calibration (Zhao et al. 2021, which divides by the probability of an empty input) and batch
  calibration (Zhou et al. 2024, which divides by the mean probability of a batch of inputs: the arithmetic mean where
  this takes the geometric one).
- ``prior``: z_k + b_k, b such that the mean probability of every class over rows that are not evaluated is the class's
  frequency there. Of the labels only these frequencies are used. Multiplying by the ratio of the two priors (Saerens,
  Latinne & Decaestecker 2002, equation 2.4; additive in logits: Menon et al. 2021) is the first step to it and reaches
  it only where the scores were calibrated; the b that reaches it is unique (softmax: up to a constant), prior matching
  (Liusie et al. 2023), and is the maximum-likelihood bias of those rows at temperature 1.
- ``bias-temperature``: softmax(z / T + b), T and b by maximum likelihood on labelled validation rows: bias-corrected
  temperature scaling (Alexandari et al. 2020; Guo et al. 2017 without b). With several labels a row, a slope and an
  intercept a class: Platt scaling (Platt 1999). This is not zero-shot any more.

A shift of a class leaves the order of its own rows as it was where classes have scores of their own (sigmoid, cosine):
AUROC class by class stays, and with thresholds chosen class by class decisions do too. With a softmax both change.
"""

from vlmeval.methods.calibration.calibrate import KINDS, Calibrated, calibrate
from vlmeval.methods.calibration.logits import DOUBLE, SINGLE, SMOOTHING, logits_of
from vlmeval.methods.calibration.platt import Platt, fit_platt, scarcer_units
from vlmeval.methods.calibration.shifts import match_labels, match_softmax
from vlmeval.methods.calibration.temperature import Temperature, fit_temperature
from vlmeval.methods.calibration.vector import BiasTemperature, fit_bias_temperature

__all__ = [
    "DOUBLE",
    "KINDS",
    "SINGLE",
    "SMOOTHING",
    "BiasTemperature",
    "Calibrated",
    "Platt",
    "Temperature",
    "calibrate",
    "fit_bias_temperature",
    "fit_platt",
    "fit_temperature",
    "logits_of",
    "match_labels",
    "match_softmax",
    "scarcer_units",
]

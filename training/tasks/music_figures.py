"""How well music is foretold: chorales as pieces of tokens, and the nats that a quarter of them costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from service.bundle import Anchor, QualityFigure
from service.frontends.music import (
    FRAMES_OF_QUARTER,
    ORDER,
    VOICES,
    Grid,
    Key,
    Range,
    Setting,
    shift_of,
    steps_of,
    tokens_of_frames,
)
from service.model import Model
from training.batches import padded
from training.data import chorales
from training.data.chorales import Chorale, Chorales
from training.tasks.music_baselines import PitchMarkov, VoiceMarkov, piano_roll
from training.word_network import WordNetwork

METRIC, QUARTER_METRIC = "nats per frame", "nats per quarter"
BASELINE = "a Markov chain for each pitch"
VOICE_BASELINE = "a Markov chain for each voice, by its place in the beat"
ANCHOR = Anchor(
    value=8.45,
    system="LSTM on the original split, pitches of a frame taken as independent (GRU 8.43, RNN 8.91, TCN 8.10)",
    source="Bai, Kolter and Koltun, 2018, JSB Chorales",
)
IGNORED = -100
PITCHES = Range(low=30, high=88)
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """A chorale on one grid: what each voice does, tokens [frames, VOICES], in C."""

    tokens: Ids
    setting: Setting
    place: int

    def steps(self, *, countdown: bool = False, look_ahead: bool = False) -> Ids:
        """[frames × VOICES, columns]."""
        return steps_of(
            self.tokens, self.setting, PITCHES.tokens, place=self.place, countdown=countdown, look_ahead=look_ahead
        )

    @property
    def targets(self) -> Ids:
        """What each step decides, [frames × VOICES]."""
        return self.tokens[:, ORDER].reshape(-1)


def piece_of(chorale: Chorale, grid: Grid) -> Piece:
    """A chorale, or every quarter of it, moved into C."""
    setting = Setting(minor=chorale.minor, bar=chorale.bar, grid=grid)
    every = slice(None, None, setting.sixteenths)
    shift = shift_of(Key(chorale.tonic, chorale.minor))
    pitches = np.where(chorale.pitches > 0, chorale.pitches - shift, 0)[every]
    begins = None if grid is Grid.QUARTERS else chorale.begins
    return Piece(tokens_of_frames(pitches, begins, PITCHES), setting, int(chorale.places[0]))


Runner: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""Steps [rows, time, columns] of pieces from their begin → logits [rows, time, tokens]."""


def torch_runner(network: WordNetwork) -> Runner:
    """Run a torch network."""

    def run(inputs: NDArray[np.int64]) -> NDArray[np.floating]:
        lengths = torch.full((len(inputs),), inputs.shape[1])
        with torch.inference_mode():
            outputs, _ = network.eval()(torch.from_numpy(inputs), lengths, network.initial_state(len(inputs)))
        logits: NDArray[np.floating] = outputs["logits"].numpy()
        return logits

    return run


def model_runner(model: Model) -> Runner:
    """Run an exported model, by the code that also serves it."""

    def run(inputs: NDArray[np.int64]) -> NDArray[np.floating]:
        lengths = np.full(len(inputs), inputs.shape[1], np.int32)
        name = model.signature.inputs[0].name
        outputs, _ = model.run({name: inputs}, lengths, model.initial_state(len(inputs)))
        return outputs["logits"].astype(np.float32, copy=False)

    return run


def nats_per_quarter(
    run: Runner,
    part: Sequence[Chorale],
    grid: Grid,
    *,
    countdown: bool = False,
    look_ahead: bool = False,
    added: bool = False,
) -> float:
    """The mean negative log-likelihood of a quarter of music: of all voices, or of all but the melody if `added`."""
    pieces = [piece_of(chorale, grid) for chorale in part]
    total = 0.0
    for start in range(0, len(pieces), 32):
        chosen = pieces[start : start + 32]
        inputs, _ = padded([piece.steps(countdown=countdown, look_ahead=look_ahead) for piece in chosen])
        targets, _ = padded([piece.targets for piece in chosen], IGNORED)
        if added:
            targets[:, ::VOICES] = IGNORED
        logits = torch.from_numpy(run(inputs.numpy())).flatten(0, 1)
        total += float(F.cross_entropy(logits.double(), targets.flatten(), reduction="sum"))
    return total / sum(len(piece.tokens) / piece.setting.quarter for piece in pieces)


def figures(run: Runner, data: Chorales, command: str) -> tuple[QualityFigure, ...]:
    """All figures on the test part, each beside its baseline.

    A frame of quarters is a set of pitches. The network says how likely it is that these voices sing them, which is at
    most how likely the set is: its figure is an upper bound of that of the set.
    """
    train, test = data.train, data.test
    chains = PitchMarkov([piano_roll(each.pitches[::FRAMES_OF_QUARTER]) for each in train])
    voices = VoiceMarkov([piece_of(each, Grid.SIXTEENTHS).tokens for each in train], PITCHES.tokens)
    tested = [piece_of(each, Grid.SIXTEENTHS).tokens for each in test]
    quarters = sum(map(len, tested)) / FRAMES_OF_QUARTER
    split = f"test, {len(test)} chorales"
    added = sum(voices.nats(tokens, ORDER[1:]) for tokens in tested) / quarters
    rows = (
        (
            METRIC,
            f"{split}, frames of quarters",
            nats_per_quarter(run, test, Grid.QUARTERS),
            BASELINE,
            chains.nats_per_frame([piano_roll(each.pitches[::FRAMES_OF_QUARTER]) for each in test]),
            ANCHOR if data.source == chorales.SOURCE else None,
        ),
        (
            QUARTER_METRIC,
            f"{split}, on sixteenths",
            nats_per_quarter(run, test, Grid.SIXTEENTHS),
            VOICE_BASELINE,
            sum(voices.nats(tokens) for tokens in tested) / quarters,
            None,
        ),
        (
            QUARTER_METRIC,
            f"{split}, on sixteenths, three voices added to a melody",
            nats_per_quarter(run, test, Grid.SIXTEENTHS, added=True, look_ahead=True),
            VOICE_BASELINE,
            added,
            None,
        ),
    )
    return tuple(
        QualityFigure(
            metric=metric,
            value=round(value, 3),
            higher_is_better=False,
            split=where,
            baseline=baseline,
            baseline_value=round(theirs, 3),
            anchor=anchor,
            command=command,
        )
        for metric, where, value, baseline, theirs, anchor in rows
    )

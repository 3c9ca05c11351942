"""Forecasting: observations in, how the series goes on out: after each message of them, or on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.frontends.calendar import SEASONS, Calendar, Frequency
from service.frontends.quantiles import MEAN_LEVELS, at_levels
from service.frontends.series import LARGEST, MAX_SEASON, Floats, Outlook, SeriesFrontend
from service.session import Chunk
from service.state import Array
from service.tasks.following import (
    RECORDS,
    Demand,
    Following,
    FollowingOptions,
    Forecast,
    ForecastOptions,
    Observations,
    View,
)
from service.tasks.task import NOTHING, End, Finish, Item, Reaction, Turn, plain_of

MAX_MESSAGE_STEPS = 4096
"""Of one message, the steps that its times leave out included."""
MAX_LEVELS = 99
DEFAULT_LEVELS = (0.1, 0.5, 0.9)


class _Wanted(NamedTuple):
    """One forecast to be made from what the network said."""

    view: View
    options: ForecastOptions
    numbers: Array
    items: list[Item]
    sequence_number: int


@dataclass(frozen=True)
class ForecastModel:
    """What a bundle says of its model: the tensors, the frontend of its usual season, and the levels of its output."""

    input_name: str
    output_name: str
    frequencies: tuple[Frequency, ...]
    frontend: SeriesFrontend
    levels: tuple[float, ...]

    @classmethod
    def of(cls, bundle: Bundle) -> "ForecastModel":
        """Raises BundleError when the bundle has no frontend for series, or no head of quantiles."""
        manifest = bundle.manifest
        try:
            if manifest.frontend is None or manifest.frontend.kind != "series" or len(manifest.heads) != 1:
                raise ValueError("no frontend for series, or not one head")
            said: Any = manifest.frontend.parameters
            frequencies = tuple(map(Frequency, said["frequencies"]))
            sizes = {name: int(said[name]) for name in ("horizon", "lags", "ahead")}
            frontend = SeriesFrontend(season=SEASONS[frequencies[0]], **sizes)
            head: Any = manifest.heads[0].parameters
            levels = tuple(float(level) for level in head["levels"])
            output = next(each for each in manifest.outputs if each.name == manifest.heads[0].name)
            if manifest.inputs[0].step_shape != (frontend.width,):
                raise ValueError(f"its input is not [batch, time, {frontend.width}]")
            if output.step_shape != (frontend.horizon, len(levels)):
                raise ValueError(f"its output is not [batch, time, {frontend.horizon}, {len(levels)}]")
        except (IndexError, KeyError, TypeError, ValueError) as error:
            message = f"{bundle.folder}: forecasting needs a frontend for series and a head of quantiles ({error})"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error
        return cls(manifest.inputs[0].name, manifest.heads[0].name, frequencies, frontend, levels)


class Forecasting:
    """Sessions that follow a series each."""

    name = "forecast"
    plain = plain_of(RECORDS)

    def __init__(self, model: ForecastModel) -> None:
        self._model = model
        self._frontend = lru_cache(MAX_SEASON)(lambda season: replace(model.frontend, season=season))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Forecasting":
        """The task of a bundle. Raises BundleError when it cannot forecast."""
        return cls(ForecastModel.of(bundle))

    def begin(self, options: FollowingOptions) -> Following:
        """A session before its first observation. Raises OPTION_OUT_OF_RANGE or FREQUENCY_UNSUPPORTED."""
        frequencies = self._model.frequencies
        frequency = frequencies[0] if options.frequency is None else options.frequency
        if frequency not in frequencies:
            known = ", ".join(each.value for each in frequencies)
            problem = (
                f"frequency {frequency.value} is none that this model was made for ({known}): choose another model"
            )
            raise invalid(Reason.FREQUENCY_UNSUPPORTED, problem, "config.frequency")
        if options.season > MAX_SEASON:
            problem = f"season_length is {options.season}, not in 0..{MAX_SEASON}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.season_length")
        season = options.season or SEASONS[frequency]
        chosen = self._checked(options.forecast, "config.options")
        window = self._frontend(season).start()
        return Following(chosen, options.on_demand, season, Calendar.of(frequency), window)

    def accept(
        self, progress: Following, message: Observations | Demand | Finish | End, sequence_number: int, now: float
    ) -> Chunk:
        """Observations become steps; all else takes its turn behind them. Raises for what `_placed` names."""
        match message:
            case Observations():
                return self._observe(progress, message, sequence_number, now)
            case Demand(options):
                if not progress.known:
                    raise _empty("forecast")
                asked = progress.options if options is None else self._checked(options, "forecast.options")
                return Chunk(sequence_number, {}, 0, now, self._view(progress, asked))
            case Finish() if not progress.count:
                raise _empty("finish")
            case Finish() | End():
                progress.busy = True
                asked_last = progress.options if progress.on_demand and progress.known else None
                return Chunk(sequence_number, {}, 0, now, self._view(progress, asked_last, message))

    def react(self, turns: Sequence[Turn[Following]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """The forecasts that are due in a tick; those of all sessions that ask alike are made together."""
        found: list[list[Item]] = [[] for _ in turns]
        wanted = [each for turn, items in zip(turns, found, strict=True) for each in self._wanted(turn, items, outputs)]
        for options in dict.fromkeys(each.options for each in wanted):
            self._make([each for each in wanted if each.options == options], options)
        return [self._reaction(turn, items) for turn, items in zip(turns, found, strict=True)]

    def _observe(self, progress: Following, message: Observations, sequence_number: int, now: float) -> Chunk:
        values, calendar = _placed(progress, message)
        known = progress.known or bool(np.isfinite(values).any())
        if not known and not progress.on_demand:
            raise _empty("observations.values")
        frontend = self._frontend(progress.season)
        steps, outlook, progress.window = frontend.feed(progress.window, values)
        progress.outlook, progress.calendar, progress.known = outlook.at(-1), calendar, known
        progress.count += len(values)
        view = self._view(progress, None if progress.on_demand else progress.options)
        return Chunk(sequence_number, {self._model.input_name: steps}, len(steps), now, view)

    def _view(self, progress: Following, asked: ForecastOptions | None, end: Finish | End | None = None) -> View:
        return View(progress.outlook, progress.count, progress.calendar, asked, end)

    def _wanted(self, turn: Turn[Following], items: list[Item], outputs: Mapping[str, Array]) -> list[_Wanted]:
        """What a turn asks for; its progress remembers the last of what the network said."""
        wanted, done = [], 0
        for segment in turn.segments:
            done += segment.stop - segment.start
            if segment.stop > segment.start:
                turn.progress.numbers = outputs[self._model.output_name][turn.row, done - 1]
            view: View = segment.chunk.mark
            if segment.completes and view.asked is not None and turn.progress.numbers is not None:
                number = segment.chunk.sequence_number
                wanted.append(_Wanted(view, view.asked, turn.progress.numbers, items, number))
        if done and turn.progress.numbers is not None:
            # A copy, since the outputs of the whole batch would live on with it.
            turn.progress.numbers = turn.progress.numbers.copy()
        return wanted

    def _make(self, wanted: Sequence[_Wanted], options: ForecastOptions) -> None:
        """Write forecasts with the same options into the items of their turns."""
        horizon = options.horizon
        outlook = Outlook(
            *(np.stack(parts) for parts in zip(*(each.view.outlook or () for each in wanted), strict=True))
        )
        numbers = np.stack([each.numbers for each in wanted])
        values = outlook.values(at_levels(numbers, self._model.levels, (*options.levels, *MEAN_LEVELS)))[:, :horizon]
        for place, (view, _, _, items, sequence_number) in enumerate(wanted):
            quantiles, rest = np.split(values[place], [len(options.levels)], axis=1)
            times = view.calendar.following(horizon)
            forecast = Forecast(view.observation_count, rest.mean(axis=1), options.levels, quantiles.T.copy(), times)
            items.append(Item(sequence_number, forecast))

    def _reaction(self, turn: Turn[Following], items: list[Item]) -> Reaction:
        last = turn.segments[-1]
        if last.completes and isinstance(last.chunk.mark.end, End):
            return Reaction(items, done=True)
        if last.completes and isinstance(last.chunk.mark.end, Finish):
            turn.progress.start_series(self._frontend(turn.progress.season).start())
            return Reaction(items, reset=True)
        return Reaction(items) if items else NOTHING

    def _checked(self, options: ForecastOptions, field_name: str) -> ForecastOptions:
        """Options with their defaults filled in. Raises OPTION_OUT_OF_RANGE."""
        most = self._model.frontend.horizon
        if not 0 <= options.horizon <= most:
            problem = f"horizon_count is {options.horizon}; this model looks 1 to {most} values ahead"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, f"{field_name}.horizon_count")
        levels = options.levels or DEFAULT_LEVELS
        ordered = all(low < high for low, high in zip((0.0, *levels), (*levels, 1.0), strict=True))
        if not ordered or len(levels) > MAX_LEVELS:
            problem = f"quantile_levels must ascend between 0 and 1, {MAX_LEVELS} at most"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, f"{field_name}.quantile_levels")
        return ForecastOptions(options.horizon or most, levels)


def _placed(progress: Following, message: Observations) -> tuple[Floats, Calendar]:
    """Values with NaN for every step that the times leave out, and the calendar after them.

    Raises CHUNK_EMPTY, VALUE_NOT_FINITE, MESSAGE_TOO_LARGE, TIME_MISSING, TIME_NOT_LATER or TIME_GAP_TOO_LONG.
    """
    values, times = message.values, message.times
    if not len(values):
        raise invalid(Reason.CHUNK_EMPTY, "no values: send one observation or more", "observations.values")
    if len(values) > MAX_MESSAGE_STEPS:
        problem = f"{len(values)} values are over the limit of {MAX_MESSAGE_STEPS} in one message: send several"
        raise invalid(Reason.MESSAGE_TOO_LARGE, problem, "observations.values")
    wrong = np.flatnonzero(np.isinf(values) | (np.abs(values) > LARGEST))
    if len(wrong):
        problem = f"value {wrong[0]} is {values[wrong[0]]:g}: neither finite nor missing (NaN)"
        raise invalid(Reason.VALUE_NOT_FINITE, problem, f"observations.values[{wrong[0]}]")
    timed = progress.calendar.newest is not None
    if (0 if times is None else len(times)) != (len(values) if timed or times is not None else 0) or (
        times is not None and progress.count and not timed
    ):
        problem = "all observations of a series have a time, or none has: send as many times as values, or finish"
        raise invalid(Reason.TIME_MISSING, problem, "observations.times")
    if times is None:
        return values, progress.calendar
    steps, calendar = progress.calendar.advance(times)
    total = int(steps.sum())
    if total > MAX_MESSAGE_STEPS:
        problem = f"the times leave out {total - len(values)} steps, more than {MAX_MESSAGE_STEPS}: finish the series"
        raise invalid(Reason.TIME_GAP_TOO_LONG, problem, "observations.times")
    placed = np.full(total, np.nan)
    placed[np.cumsum(steps) - 1] = values
    return placed, calendar


def _empty(field_name: str) -> Exception:
    return invalid(Reason.SERIES_EMPTY, "the series has no value yet: send observations first", field_name)

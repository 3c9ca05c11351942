"""`hiddenstate forecast`: how series go on, as a fan chart, a table or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiddenstate.command.terminal import ADDRESS, Address, Json, note, print_json

if TYPE_CHECKING:
    from datetime import datetime

    from hiddenstate.client import Client
    from hiddenstate.command.observations import Row
    from hiddenstate.tasks.forecast import Forecast, Observation

PEEKED = 3
"""Lines of a stream that are looked at to find its frequency."""
REFRESHES_PER_SECOND = 20


def forecast(
    file: Annotated[Path | None, typer.Argument(help="CSV file; -: standard input, live.", show_default=False)] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model. Default: the one for the frequency.")] = "",
    frequency: Annotated[
        str, typer.Option(help="yearly, quarterly, monthly, … or other. Default: as the times say.")
    ] = "",
    horizon: Annotated[int | None, typer.Option(min=1, help="Values to forecast. Default: all the model can.")] = None,
    quantiles: Annotated[str, typer.Option(help="Levels between 0 and 1, ascending.")] = "0.1,0.25,0.5,0.75,0.9",
    season: Annotated[int | None, typer.Option(min=1, help="Observations after which a pattern repeats.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw into this picture.", show_default=False)] = None,
    json: Json = False,
    address: Address = ADDRESS,
) -> None:
    """Forecast every series of a CSV file (series,time,value; all but the value may be left out).

    Through a pipe the lines are one series, followed live:  tail -f sales.csv | hiddenstate forecast -
    """
    from hiddenstate.client import Client
    from hiddenstate.command.observations import grouped, rows_of

    live = file is None or str(file) == "-"
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a CSV file, or lines through a pipe")
    options: dict[str, Any] = {"horizon": horizon, "season_length": season, "quantiles": _levels(quantiles)}
    with Client(address) as client:
        if live:
            rows = rows_of(sys.stdin)
            first = list(islice(rows, PEEKED))
            options |= _chosen(first, model, frequency)
            note(f"model {options['model'] or 'of the server'}")
            _follow(client, chain(first, rows), options, plot, json=json)
        else:
            with (file or Path()).open(encoding="utf-8") as lines:
                series = grouped(rows_of(lines))
            if not series:
                raise typer.BadParameter(f"{file} holds no value")
            _forecast_all(client, series, model, frequency, options, plot, json=json)


def _levels(text: str) -> list[float]:
    try:
        return [float(level) for level in text.split(",") if level.strip()]
    except ValueError as error:
        raise typer.BadParameter(f"--quantiles {text!r}: give numbers between 0 and 1, with commas") from error


def _chosen(rows: list[Row], model: str, frequency: str) -> dict[str, str]:
    """Model and frequency: as given, else as the times say."""
    from hiddenstate.command.observations import times_of
    from hiddenstate.tasks.forecast import FREQUENCIES, frequency_of, model_for

    times = times_of(rows)
    if frequency and frequency not in FREQUENCIES:
        raise typer.BadParameter(f"--frequency {frequency!r} is none of {', '.join(FREQUENCIES)}")
    if not frequency and len(times) > 1 and not model:
        frequency = frequency_of(times)
    named = next((each for each in FREQUENCIES if each == frequency), None)
    if not model and named is not None:
        model = model_for(named)
    return {"model": model, "frequency": frequency}


def _forecast_all(
    client: Client,
    series: dict[str, list[Row]],
    model: str,
    frequency: str,
    options: dict[str, Any],
    plot: Path | None,
    *,
    json: bool,
) -> None:
    """One forecast at the end of each series."""
    from hiddenstate.command.fan_chart import FanChart, save_fans

    charts, known = [], ""
    for name, rows in series.items():
        said: dict[str, Any] = {**options, **_chosen(rows, model, frequency)}
        if said["model"] not in (model, known):
            known = said["model"]
            note(f"{said['frequency']} values: model {known}")
        for found in client.forecast(map(_observation, rows), **said):
            charts.append(FanChart(name, [row.value for row in rows], found))
            _show(charts[-1], json=json)
    if plot is not None:
        save_fans(charts, plot)
        note(f"wrote {plot}")


def _follow(client: Client, rows: Iterable[Row], options: dict[str, Any], plot: Path | None, *, json: bool) -> None:
    """A forecast after every line; at a terminal one chart that moves."""
    from rich.console import Console
    from rich.live import Live

    from hiddenstate.command.fan_chart import FanChart, save_fans

    past: list[float | None] = []
    answers = client.forecast(_remembered(rows, past), each=True, **options)
    chart: FanChart | None = None
    drawn = sys.stdout.isatty() and not json
    with Live(console=Console(), refresh_per_second=REFRESHES_PER_SECOND) if drawn else _Nothing() as live:
        for number, found in enumerate(answers, 1):
            chart = FanChart("", past[:number], found)
            if json:
                print_json(_plain("", found))
            elif drawn:
                live.update(chart)
            else:
                print(_line(found, 0), flush=True)
    if plot is not None and chart is not None:
        save_fans([chart], plot)
        note(f"wrote {plot}")


class _Nothing:
    """Where nothing is drawn."""

    def __enter__(self) -> Any:
        return None

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


def _remembered(rows: Iterable[Row], past: list[float | None]) -> Iterator[Observation]:
    for row in rows:
        past.append(row.value)
        yield _observation(row)


def _observation(row: Row) -> Observation:
    return row.value if row.time is None else (row.time, row.value)


def _show(chart: Any, *, json: bool) -> None:
    """JSON; a chart at a terminal; one line for each value through a pipe."""
    if json:
        print_json(_plain(chart.name, chart.forecast))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(chart)
    else:
        for place in range(len(chart.forecast.means)):
            print("\t".join(filter(None, (chart.name, _line(chart.forecast, place)))), flush=True)


def _line(found: Forecast, place: int) -> str:
    """When, the mean, and every quantile of one value."""
    when = _when(found.times[place]) if found.times else f"+{place + 1}"
    numbers = [found.means[place], *(values[place] for values in found.quantiles.values())]
    return "\t".join([when, *(f"{number:.6g}" for number in numbers)])


def _when(time: datetime) -> str:
    """The day, and the time of day where there is one."""
    return time.date().isoformat() if (time.hour, time.minute, time.second) == (0, 0, 0) else time.isoformat()


def _plain(name: str, found: Forecast) -> dict[str, Any]:
    said = asdict(found) | {"times": [time.isoformat() for time in found.times]}
    said["quantiles"] = {f"{level:g}": values for level, values in found.quantiles.items()}
    return {"series": name, **said} if name else said

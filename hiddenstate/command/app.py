"""The commands and where each of them lives."""

from typing import Annotated

import typer

from hiddenstate.command import (
    classify,
    compose,
    forecast,
    generate,
    gesture,
    models,
    mounted,
    pronounce,
    sentiment,
    sessions,
    tag,
    transcribe,
    translate,
)

ASK, RUN = "Ask a server", "Run a server"

app = typer.Typer(
    help="Stream text, series, gestures, music and more through recurrent models whose state lives on the server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("generate", rich_help_panel=ASK)(generate.generate)
app.command("sentiment", rich_help_panel=ASK)(sentiment.sentiment)
app.command("tag", rich_help_panel=ASK)(tag.tag)
app.command("classify", rich_help_panel=ASK)(classify.classify)
app.command("forecast", rich_help_panel=ASK)(forecast.forecast)
app.command("translate", rich_help_panel=ASK)(translate.translate)
app.command("pronounce", rich_help_panel=ASK)(pronounce.pronounce)
app.command("transcribe", rich_help_panel=ASK)(transcribe.transcribe)
app.command("gesture", rich_help_panel=ASK)(gesture.gesture)
app.command("compose", rich_help_panel=ASK)(compose.compose)
app.command("models", rich_help_panel=ASK)(models.models)

app.add_typer(sessions.app, name="sessions", rich_help_panel=ASK)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("hiddenstate"))
        raise typer.Exit


@app.command("demo", rich_help_panel=RUN)
def demo(
    models: Annotated[str, typer.Option(help="Model repository to serve.")] = "models",
    resume: Annotated[
        bool, typer.Option("--resume", help="Show a text that goes on though its server is killed.")
    ] = False,
) -> None:
    """Start a server on the shipped models, play a scene for each task, show its metrics, stop it."""
    from hiddenstate.demo import run, survival

    raise typer.Exit((survival.run if resume else run)(models))


mounted.mount(app)

"""Gestures: which one it is while its frames stream in, where it begins and ends, and what it was in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.bundle import Bundle
from service.errors import BundleError, Reason, invalid
from service.frontends.activity import Activity
from service.frontends.frames import Floats, FrameFrontend, frontend_from_file, rows
from service.session import Chunk
from service.state import Array
from service.tasks.scoring import Floats as Scores
from service.tasks.scoring import ScoreHead, Total, probabilities, running_scores
from service.tasks.task import NOTHING, End, Finish, Item, Reaction, Turn, plain_of
from service.tasks.watching import RECORDS, Frames, GestureEvent, GestureOptions, Mark, Piece, Recognized, Watching

MAX_FRAME_RATE = 1000.0
MAX_MESSAGE_FRAMES = 4096


@dataclass(frozen=True)
class GestureModel:
    """What a bundle says of its gestures: class labels, heads, frames a second, the probability that counts as seen."""

    input_name: str
    labels: tuple[str, ...]
    heads: tuple[ScoreHead, ...]
    frame_rate: float
    threshold: float
    activity: Activity


class GestureRecognition:
    """Sessions that watch."""

    name = "gesture"
    plain = plain_of(RECORDS)

    def __init__(self, frontend: FrameFrontend, model: GestureModel) -> None:
        self._frontend, self._model = frontend, model
        self._no_steps = np.zeros((0, frontend.feature_count), np.float32)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "GestureRecognition":
        """The task of a bundle. Raises BundleError when its manifest does not say all that is needed."""
        manifest = bundle.manifest
        said: Any = manifest.task_parameters
        try:
            if manifest.frontend is None or manifest.whole_sequence or not manifest.heads:
                raise ValueError("no frontend, no head, or a network that needs whole sequences")
            model = GestureModel(
                input_name=manifest.inputs[0].name,
                labels=tuple(map(str, manifest.heads[0].parameters["labels"])),  # type: ignore[arg-type]
                heads=tuple(map(ScoreHead.of, manifest.heads)),
                frame_rate=float(said["frame_rate_hertz"]),
                threshold=float(said["threshold"]),
                activity=Activity.from_parameters(said["activity"]),
            )
            file = bundle.path(str(manifest.frontend.parameters["frames"]))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{bundle.folder}: its manifest does not describe a model of gestures ({error})"
            raise BundleError(Reason.BUNDLE_MANIFEST_INVALID, message) from error
        return cls(frontend_from_file(file), model)

    def begin(self, options: GestureOptions) -> Watching:
        """A session before its first frame. Raises OPTION_OUT_OF_RANGE."""
        if not 0 <= options.frame_rate <= MAX_FRAME_RATE:
            problem = f"frame_rate_hertz is {options.frame_rate:g}, not above 0 and at most {MAX_FRAME_RATE:g}"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.frame_rate_hertz")
        if not 0 <= options.threshold <= 1:
            problem = f"threshold is {options.threshold:g}, not in 0..1"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.threshold")
        if options.class_count > len(self._model.labels):
            problem = f"class_count is {options.class_count}; this model knows {len(self._model.labels)} classes"
            raise invalid(Reason.OPTION_OUT_OF_RANGE, problem, "config.class_count")
        return Watching(options, self._frontend.begin(), self._model.activity.begin(self._frontend))

    def accept(self, progress: Watching, message: Frames | Finish | End, sequence_number: int, now: float) -> Chunk:
        """Frames become steps, cut where gestures end; the parts behind the first wait for it in `queue`."""
        if isinstance(message, Frames):
            pieces = self._pieces(progress, self._checked(message))
        else:
            pieces = self._last_piece(progress, message)
        ends = isinstance(message, End)
        # What follows a gesture must not run before the state has begun anew.
        progress.busy = ends or any(piece.closes for piece in pieces)
        marks = [Mark(piece, progress.busy, ends) for piece in pieces] or [Mark(None, ends, ends)]
        progress.queue = marks[1:]
        return self._chunk(marks[0], sequence_number, now)

    def react(self, turns: Sequence[Turn[Watching]], outputs: Mapping[str, Array], now: float) -> Sequence[Reaction]:
        """Score every step that was run; tell onsets, running results, and what has ended."""
        onsets = self._score([turn for turn in turns if turn.steps], outputs)
        return [self._reaction(turn, onsets.get(turn.row) if turn.steps else None, now) for turn in turns]

    def _checked(self, message: Frames) -> Floats:
        frames = rows(message.values, self._frontend)
        if len(frames) > MAX_MESSAGE_FRAMES:
            problem = f"a message of {len(frames)} frames is over the limit of {MAX_MESSAGE_FRAMES}: send it in pieces"
            raise invalid(Reason.MESSAGE_TOO_LARGE, problem, "frames.values")
        return frames

    def _pieces(self, progress: Watching, frames: Floats) -> list[Piece]:
        first = progress.frames
        progress.frames += len(frames)
        if not progress.options.detect:
            if progress.frame_count == 0:
                progress.start = first
            return [self._piece(progress, frames, progress.start, closes=False)]
        stretches = self._model.activity.cut(progress.activity, self._frontend, frames)
        return [self._piece(progress, stretch.frames, stretch.start, closes=stretch.ends) for stretch in stretches]

    def _last_piece(self, progress: Watching, message: Finish | End) -> list[Piece]:
        if progress.frame_count:
            self._model.activity.stop(progress.activity)
            return [self._piece(progress, None, progress.start, closes=True)]
        if isinstance(message, Finish) and not progress.options.detect:
            raise invalid(Reason.GESTURE_EMPTY, "the gesture ends before its first frame: send frames first", "finish")
        return []

    def _piece(self, progress: Watching, frames: Floats | None, start: int, *, closes: bool) -> Piece:
        steps = self._no_steps
        if frames is not None and len(frames):
            steps = self._frontend.encode(progress.memory, frames)
            progress.frame_count += len(frames)
        if closes:
            steps = np.concatenate([steps, self._frontend.flush(progress.memory)])
        piece = Piece(steps, start, progress.frame_count, closes)
        progress.start = start
        if closes:
            progress.memory, progress.frame_count = self._frontend.begin(), 0
        return piece

    def _chunk(self, mark: Mark, sequence_number: int, now: float) -> Chunk:
        steps = mark.piece.steps if mark.piece else self._no_steps
        return Chunk(sequence_number, {self._model.input_name: steps}, len(steps), now, mark)

    def _score(self, turns: Sequence[Turn[Watching]], outputs: Mapping[str, Array]) -> dict[int, tuple[int, float]]:
        """Carry the totals of these turns; by row: the step that first reached the threshold, and its probability."""
        if not turns:
            return {}
        counts = [turn.steps for turn in turns]
        totals = [turn.progress.total for turn in turns]
        scores = running_scores(self._model.heads, outputs, [turn.row for turn in turns], counts, totals)
        latest = probabilities(scores[np.arange(len(turns)), np.array(counts) - 1]).tolist()
        onsets = {}
        for place, turn in enumerate(turns):
            progress = turn.progress
            progress.latest = tuple(latest[place])
            if progress.options.detect and not progress.begun:
                onset = self._onset(scores[place, : turn.steps], progress.options.threshold or self._model.threshold)
                if onset is not None:
                    progress.begun = True
                    onsets[turn.row] = onset
        return onsets

    @staticmethod
    def _onset(scores: Scores, threshold: float) -> tuple[int, float] | None:
        best = probabilities(scores).max(axis=1)
        reached = np.flatnonzero(best >= threshold)
        return (int(reached[0]), float(best[reached[0]])) if len(reached) else None

    def _reaction(self, turn: Turn[Watching], onset: tuple[int, float] | None, now: float) -> Reaction:
        progress, last = turn.progress, turn.segments[-1]
        mark: Mark = last.chunk.mark
        items = [self._onset_item(turn, *onset)] if onset else []
        if not last.completes:
            return Reaction(items) if items else NOTHING
        if mark.piece is None:
            return Reaction(items, done=mark.ends_session)
        number = last.chunk.sequence_number
        if not mark.piece.closes:
            if progress.options.interim and turn.steps:
                items.append(Item(number, self._recognized(progress, mark.piece, final=False), interim=True))
            return self._goes_on(progress, items, last.chunk, now) if mark.holds else Reaction(items)
        if progress.begun:
            items.append(self._offset_item(progress, mark.piece, number))
        if progress.begun or not progress.options.detect:
            items.append(Item(number, self._recognized(progress, mark.piece, final=True)))
        progress.total, progress.latest, progress.begun = Total(), (), False
        if mark.ends_session:
            return Reaction(items, done=True)
        return self._goes_on(progress, items, last.chunk, now)

    def _goes_on(self, progress: Watching, items: list[Item], done: Chunk, now: float) -> Reaction:
        """With the next piece of the message, if one waits; from the initial state where a gesture is complete."""
        reset = done.mark.piece.closes
        if not progress.queue:
            progress.busy = False
            return Reaction(items, reset=reset)
        return Reaction(items, self._chunk(progress.queue.pop(0), done.sequence_number, now), reset)

    def _onset_item(self, turn: Turn[Watching], step: int, probability: float) -> Item:
        """The onset answers the message that brought the step."""
        before = 0
        for segment in turn.segments:
            before += segment.stop - segment.start
            if step < before:
                break
        start = segment.chunk.mark.piece.start
        event = GestureEvent(True, start, start / self._rate(turn.progress), "", probability)
        return Item(segment.chunk.sequence_number, event)

    def _offset_item(self, progress: Watching, piece: Piece, number: int) -> Item:
        frame = piece.start + piece.frame_count
        label, probability = self._ranked(progress, 1)[0]
        return Item(number, GestureEvent(False, frame, frame / self._rate(progress), label, probability))

    def _recognized(self, progress: Watching, piece: Piece, *, final: bool) -> Recognized:
        ranked = self._ranked(progress, progress.options.class_count or len(self._model.labels))
        return Recognized(ranked, piece.start, piece.frame_count, final)

    def _ranked(self, progress: Watching, count: int) -> tuple[tuple[str, float], ...]:
        pairs = zip(self._model.labels, progress.latest, strict=True)
        return tuple(sorted(pairs, key=lambda pair: -pair[1])[:count])

    def _rate(self, progress: Watching) -> float:
        return progress.options.frame_rate or self._model.frame_rate

"""The tiny model repository of the server's tests: committed under `tests/data`, so that using it needs no torch.

`python -m tests.repositories` makes it again (this needs torch). The networks are untrained: bits matter, not meaning.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from service.bundle import MANIFEST_FILE, FrontendSpec, HeadSpec, Limits, Provenance, Topology, sha256_of

if TYPE_CHECKING:
    from training.networks import NetworkSpec

REPOSITORY = Path(__file__).parent / "data"
"""One small bundle for each kind of model: its root can be served as it is."""

PLAIN = "tiny-lstm"
"""11 tokens, no frontend: served by `Infer` alone."""
GENERATOR = "tiny-generator"
"""Text generation over bytes, without a start token."""
SENTIMENT = "tiny-sentiment"
"""Sentiment over bytes, with a start token and the labels negative and positive."""
SERIES = "tiny-series"
"""A GRU on 3 float features, so that NaN and infinity can be sent."""
TAGGER = "tiny-tagger"
"""Bidirectional: takes whole sequences of 11 tokens."""
WORDS = "tiny-words"
"""Tags words of four letters or fewer with O, B-X and I-X, looking ahead 0 or 1 word."""
TABLE = "tiny-table"
"""Puts rows of 3 numbers into the classes low, middle and high; carries nothing."""
TRANSLATION = "tiny-translation"
"""From `en` to `es`: sources of at most 64 bytes, targets of at most 24 of the letters a to h and the blank."""
FORECAST = "tiny-forecast"
"""Forecasts 4 values of monthly or daily series, with the quantiles 0.1, 0.5 and 0.9."""
GESTURE = "tiny-gesture"
"""Names gestures of two channels circle, tap or wave; a step looks at three frames and goes on by two."""
MUSIC = "tiny-music"
"""Composes in four voices; knows the pitches 48 to 72."""
SPEECH = "tiny-speech"
"""Hears the letters a to e and the blank, in tones; steps of 480 samples at 16 kHz."""
MODELS = (FORECAST, GENERATOR, GESTURE, MUSIC, PLAIN, SENTIMENT, SERIES, SPEECH, TABLE, TAGGER, TRANSLATION, WORDS)

START_TOKEN, END_TOKEN = "<start>", "<end>"


def copy_bundle(root: Path, name: str, *, as_name: str | None = None, as_version: int | None = None) -> Path:
    """Copy a bundle into another repository, under its own name and version unless told otherwise."""
    folder = root / (as_name or name) / str(as_version or 1)
    shutil.copytree(REPOSITORY / name / "1", folder)
    if as_name or as_version:
        edit_manifest(folder, lambda said: said.update(name=as_name or name, version=as_version or 1))
    return folder


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest in place; nothing checks the result."""
    path = folder / MANIFEST_FILE
    said = json.loads(path.read_text(encoding="utf-8"))
    change(said)
    path.write_text(json.dumps(said), encoding="utf-8")


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Change a file and its digest, so that only its content can be found fault with."""
    (folder / name).write_bytes(content)
    edit_manifest(folder, lambda said: said["files"].update({name: sha256_of(folder / name)}))


def shift_golden(folder: Path, by: float = 0.01) -> None:
    """Change the recorded outputs, as if the graph had changed; digests agree."""
    with np.load(folder / "golden.npz") as archive:
        arrays = {name: archive[name] + by if "/outputs/" in name else archive[name] for name in archive.files}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    replace_file(folder, "golden.npz", content.getvalue())


def make(root: Path = REPOSITORY) -> None:
    """Export all bundles but the plain one into a repository. Needs torch."""
    import torch

    from training.networks import NetworkSpec

    characters = torch.tensor([list(b"It is a truth universally acknowledged")])
    tokens = torch.arange(22).reshape(2, 11) % 11
    files = ("tokenizer.json",)
    _write(
        root,
        NetworkSpec("lstm", hidden=8, vocabulary=256, embedding=4, heads={"logits": 256}),
        sample=characters,
        name=GENERATOR,
        task="text_generation",
        topology=Topology.ONE_TO_MANY,
        frontend=FrontendSpec(kind="text", files=files),
        frontend_files={"tokenizer.json": byte_tokenizer()},
        heads=(HeadSpec(name="logits", kind="categorical"),),
    )
    _write(
        root,
        NetworkSpec("gru", hidden=8, vocabulary=257, embedding=4, heads={"logits": 2}),
        sample=characters,
        name=SENTIMENT,
        task="sentiment",
        topology=Topology.MANY_TO_ONE,
        frontend=FrontendSpec(kind="text", parameters={"start_token": START_TOKEN}, files=files),
        frontend_files={"tokenizer.json": byte_tokenizer(START_TOKEN)},
        heads=(HeadSpec(name="logits", kind="categorical", parameters={"labels": ["negative", "positive"]}),),
    )
    _write(
        root,
        NetworkSpec("gru", hidden=8, features=3, heads={"following": 2}),
        sample=torch.randn(4, 12, 3, generator=torch.Generator().manual_seed(5)),
        name=SERIES,
        task="forecast",
        topology=Topology.MANY_TO_MANY,
    )
    _write(
        root,
        NetworkSpec("lstm", hidden=4, vocabulary=11, bidirectional=True, heads={"tags": 3}),
        sample=tokens,
        name=TAGGER,
        task="tagging",
        topology=Topology.MANY_TO_MANY,
        limits=Limits(max_sequence_steps=64),
    )
    _write_words(root)
    _write_table(root)
    _write_translation(root)
    _write_gesture(root)
    _write_music(root)
    _write_speech(root)


def _write_music(root: Path) -> None:
    import torch

    from service.frontends.music import Range, Setting, steps_of
    from training.word_network import WordNetwork, WordNetworkSpec

    pitches = Range(48, 72)
    tokens = np.random.default_rng(5).integers(0, pitches.tokens, (16, 4))
    sizes = pitches.column_sizes()
    spec = WordNetworkSpec("gru", 6, 1, sizes, (2,) * len(sizes), heads={"logits": pitches.tokens})
    _write_network(
        root,
        lambda: WordNetwork(spec),
        sample=torch.from_numpy(steps_of(tokens, Setting(), pitches.tokens))[None],
        name=MUSIC,
        task="music",
        topology=Topology.ONE_TO_MANY,
        frontend=FrontendSpec(kind="music", parameters={"low": pitches.low, "high": pitches.high}),
        heads=(HeadSpec(name="logits", kind="categorical"),),
    )


def _write_speech(root: Path) -> None:
    import torch

    from service.frontends.audio import SAMPLE_RATE, STEP_SAMPLES
    from tests.speech_network import Tones
    from tests.tones import TOKENS, spoken

    _write_network(
        root,
        Tones,
        sample=torch.from_numpy(spoken("ab cde. eda").reshape(1, -1, STEP_SAMPLES)),
        gain=1.0,
        name=SPEECH,
        task="transcription",
        topology=Topology.MANY_TO_MANY,
        frontend=FrontendSpec(
            kind="audio", parameters={"sample_rate_hertz": SAMPLE_RATE, "step_samples": STEP_SAMPLES}
        ),
        heads=(HeadSpec(name="logits", kind="ctc", parameters={"tokens": list(TOKENS)}),),
        task_parameters={"words": [], "beam_count": 4},
    )


def _write_translation(root: Path) -> None:
    import torch

    from tests.seq2seq_networks import TinySeq2seq

    def build() -> TinySeq2seq:
        network = TinySeq2seq("gru", letters=256, vocabulary=11, hidden=6)
        network.decoder.head.bias.data[1] += 0.6  # so that some targets end early, and some not at all
        return network

    source, target = "source.json", "target.json"
    _write_network(
        root,
        build,
        sample=torch.tensor([list(b"It is a truth universally acknowledged")]),
        target_sample=torch.arange(22).reshape(2, 11) % 11,
        name=TRANSLATION,
        task="translation",
        topology=Topology.MANY_TO_MANY,
        frontend=FrontendSpec(
            kind="translation",
            parameters={
                "source_tokenizer": source,
                "target_tokenizer": target,
                "source_language": "en",
                "target_language": "es",
                "start_token": START_TOKEN,
                "end_token": END_TOKEN,
            },
            files=(source, target),
        ),
        frontend_files={source: byte_tokenizer(), target: letter_tokenizer()},
        heads=(HeadSpec(name="logits", kind="categorical"),),
        task_parameters={"beam_count": 1, "length_penalty": 1.0, "max_token_count": 24},
        limits=Limits(max_sequence_steps=64),
    )


def _write_forecast(root: Path) -> None:
    import torch

    from service.frontends.series import SeriesFrontend
    from training.forecast_network import OUTPUT, ForecastNetwork
    from training.networks import NetworkSpec

    sizes = {"horizon": 4, "lags": 4, "ahead": 3}
    frontend = SeriesFrontend(season=12, **sizes)
    values = np.exp(np.random.default_rng(5).normal(3, 0.2, 40))
    steps, _, _ = frontend.feed(frontend.start(), values)
    spec = NetworkSpec("gru", hidden=4, features=frontend.width, heads={OUTPUT: 12})
    _write_network(
        root,
        lambda: ForecastNetwork(spec, members=2, horizon=4),
        sample=torch.from_numpy(steps)[None],
        name=FORECAST,
        task="forecast",
        topology=Topology.MANY_TO_MANY,
        frontend=FrontendSpec(kind="series", parameters={"frequencies": ["monthly", "daily"], **sizes}),
        heads=(HeadSpec(name=OUTPUT, kind="quantiles", parameters={"levels": [0.1, 0.5, 0.9]}),),
    )


def _write_gesture(root: Path) -> None:
    import torch

    from service.frontends.frames import frontend_to_bytes
    from service.frontends.scaling import Scaling
    from service.frontends.sensors import SensorFrontend
    from training.stream_network import StreamNetwork, StreamSpec

    frontend = SensorFrontend(Scaling(np.zeros(2, np.float32), np.ones(2, np.float32)), window=3, stride=2)
    spec = StreamSpec("gru", frontend.feature_count, 3, 5, windows=(1, 3), widths=(4, 4), normalized=True, members=2)
    _write_network(
        root,
        lambda: StreamNetwork(spec),
        sample=torch.randn(4, 12, frontend.feature_count, generator=torch.Generator().manual_seed(5)),
        name=GESTURE,
        task="gesture",
        topology=Topology.MANY_TO_ONE,
        frontend=FrontendSpec(kind="sensors", parameters={"frames": "frames.json"}, files=("frames.json",)),
        frontend_files={"frames.json": frontend_to_bytes(frontend)},
        heads=(
            HeadSpec(
                name="logits", kind="classes", parameters={"labels": ["circle", "tap", "wave"], "pooling": "mean"}
            ),
        ),
        task_parameters={
            "frame_rate_hertz": 20.0,
            "threshold": 0.1,
            "activity": {"begins": 0.5, "ends": 0.2, "rest_frames": 2},
        },
    )


def _write_table(root: Path) -> None:
    import torch

    from training.dense import DenseNetwork

    _write_network(
        root,
        lambda: DenseNetwork(torch.zeros(3), torch.ones(3), (5,), 3, dropout=0.0, members=2),
        sample=torch.randn(8, 1, 3, generator=torch.Generator().manual_seed(5)),
        name=TABLE,
        task="classification",
        topology=Topology.ONE_TO_ONE,
        frontend=FrontendSpec(kind="table", parameters={"columns": ["x", "y", "z"]}),
        heads=(HeadSpec(name="logits", kind="classes", parameters={"labels": ["low", "middle", "high"]}),),
    )


def _write_words(root: Path) -> None:
    import torch

    from service.frontends.words import FEATURES, WordFrontend
    from training.word_network import WordNetwork, WordNetworkSpec

    words = ["a", "fine", "film", "and", "a", "bad", "one"]
    frontend = WordFrontend.fitted(words, dict.fromkeys(FEATURES, 1))
    heads = {"tags_0": 3, "tags_1": 3}
    spec = WordNetworkSpec("gru", 6, 1, frontend.sizes, (3,) * len(FEATURES), heads=heads)
    parameters = {"labels": ["O", "B-X", "I-X"]}
    _write_network(
        root,
        lambda: WordNetwork(spec),
        sample=torch.from_numpy(frontend.encode(words))[None],
        name=WORDS,
        task="tagging",
        topology=Topology.MANY_TO_MANY,
        frontend=FrontendSpec(kind="words", parameters={"words": "words.json"}, files=("words.json",)),
        frontend_files={"words.json": frontend.to_bytes()},
        heads=tuple(
            HeadSpec(name=head, kind="tags", parameters={**parameters, "look_ahead": wait})
            for wait, head in enumerate(heads)
        ),
    )


def _write(root: Path, spec: NetworkSpec, sample: Any, **description: Any) -> None:
    from training.networks import RecurrentNetwork

    _write_network(root, lambda: RecurrentNetwork(spec), sample, **description)


def _write_network(
    root: Path, build: Callable[[], Any], sample: Any, target_sample: Any = None, gain: float = 3.0, **description: Any
) -> None:
    import torch

    from training.export import BundleDescription, write_bundle

    torch.manual_seed(5)
    network = build()
    for parameter in network.parameters():
        parameter.data *= gain  # the weights a network begins with leave its outputs nearly even
    provenance = Provenance(seed=5, training_seconds=0, revision="untrained")
    said = BundleDescription(provenance=provenance, **description)
    folder = root / said.name / str(said.version)
    write_bundle(folder, network, said, sample=sample, target_sample=target_sample)


def byte_tokenizer(*special: str) -> bytes:
    """A tokenizer.json whose tokens are the 256 bytes, and then the special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: number for number, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if special:
        tokenizer.add_special_tokens(list(special))
    return tokenizer.to_str().encode()


def letter_tokenizer() -> bytes:
    """A tokenizer.json of a start, an end, the letters a to h and the blank."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    known = {token: number for number, token in enumerate([START_TOKEN, END_TOKEN, *"abcdefgh "])}
    tokenizer = Tokenizer(models.WordLevel(known, END_TOKEN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.add_special_tokens([START_TOKEN, END_TOKEN])
    return tokenizer.to_str().encode()


if __name__ == "__main__":
    make()

"""Measure decoding: `python -m tests.bench.decoding BUNDLE`, tokens a second of sessions at once and one by one.

No transport: the scheduler, the task and the graph of the server in a plain loop, in one thread. Sentences are drawn
from the source vocabulary, with the same lengths for every bundle.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from service.bundle import Bundle, load_bundle
from service.frontends.text import read_tokenizer
from service.model import Model, load_model
from service.offline import Conversations
from service.tasks.translating import SourceText, Translation, TranslationOptions
from service.tasks.translation import TranslationTask

SENTENCES, ONE_BY_ONE = 192, 24
"""Sentences of a round, and how many of them are enough when they are translated one by one."""
SHORTEST, LONGEST, MOST_TOKENS = 4, 28, 24
ROUNDS = 3


def sentences(bundle: Bundle, count: int) -> list[str]:
    """Made-up sentences of 4 to 28 tokens."""
    frontend = bundle.manifest.frontend
    assert frontend is not None
    tokenizer = read_tokenizer(bundle.folder / str(frontend.parameters["source_tokenizer"]))
    drawn = random.Random(7)
    known = [number for number in range(tokenizer.get_vocab_size()) if tokenizer.decode([number]).strip()]
    lengths = (drawn.randint(SHORTEST, LONGEST) for _ in range(count))
    made = (tokenizer.decode(drawn.choices(known, k=length)) for length in lengths)
    return [sentence for sentence in made if sentence.strip()]


def tokens_per_second(
    bundle: Bundle, model: Model, beam_count: int, at_once: int, texts: Sequence[str]
) -> tuple[float, list[str]]:
    """The rate of target tokens of the best hypotheses, and the translations."""
    task = TranslationTask.from_bundle(bundle)
    most = min(MOST_TOKENS, int(str(bundle.manifest.task_parameters.get("max_token_count", MOST_TOKENS))))
    options = TranslationOptions(beam_count=beam_count, max_token_count=most)
    talk = Conversations(model, bundle.manifest, task, at_once)
    begun = time.perf_counter()
    found = [items[-1] for items in talk.answers(options, ([SourceText(text)] for text in texts))]
    seconds = time.perf_counter() - begun
    best = [each.hypotheses[0] for each in found if isinstance(each, Translation)]
    return sum(len(each.tokens) + 1 for each in best) / seconds, [each.text for each in best]


def main() -> None:
    """Print the table; the rounds take turns."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decoding", description=__doc__)
    parser.add_argument("bundle", type=Path)
    bundle = load_bundle(parser.parse_args().bundle)
    model = load_model(bundle)
    texts = sentences(bundle, SENTENCES)
    table = Table("beams", "sessions at once", "tokens/s", "ratio", title=f"{bundle.manifest.name}, one thread")
    for beam_count in (1, 5):
        rates: dict[int, list[float]] = {1: [], 64: []}
        for _ in range(ROUNDS):
            alone, few = tokens_per_second(bundle, model, beam_count, 1, texts[:ONE_BY_ONE])
            together, many = tokens_per_second(bundle, model, beam_count, 64, texts)
            assert many[: len(few)] == few, "a translation depends on its neighbours"
            rates[1].append(alone)
            rates[64].append(together)
        for at_once, found in rates.items():
            ratio = median(found) / median(rates[1])
            table.add_row(str(beam_count), str(at_once), f"{median(found):,.0f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

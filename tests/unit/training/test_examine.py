"""What counts as equal when a bundle is measured again, and which recipe made it."""

import pytest

from service.bundle import Provenance, QualityFigure, load_bundle
from tests.repositories import REPOSITORY, SENTIMENT, TABLE, copy_bundle
from training.examine import Comparison, Examined, NotExaminedError, compare, newest_bundles, recipe_of, same_answer
from training.tasks import TASKS, task_named


def figure(
    value: float = 0.9, baseline: float | None = 0.8, *, split: str = "test", against: str = "b", command: str = "c"
) -> QualityFigure:
    return QualityFigure(
        metric="accuracy",
        value=value,
        higher_is_better=True,
        split=split,
        baseline=against,
        baseline_value=baseline,
        command=command,
    )


def manifest(**provenance: str):
    made = Provenance(seed=1, training_seconds=0, revision="abc", **provenance)
    return load_bundle(REPOSITORY / SENTIMENT / "1").manifest.model_copy(update={"provenance": made})


@pytest.mark.parametrize(
    ("measured", "equal"),
    [
        (figure(0.90005), True),
        (figure(0.9002), False),
        (figure(baseline=0.8002), True),
        (figure(baseline=0.9002), False),
        (figure(baseline=None), False),
        (figure(split="another part"), False),
        (figure(against="another"), False),
    ],
)
def test_a_figure_is_equal_when_it_agrees_to_the_last_decimal_kept_and_still_beats_its_baseline(measured, equal):
    (comparison,) = compare([figure()], [measured])
    assert comparison.equal is equal


@pytest.mark.parametrize(("baseline", "moved"), [(0.8, False), (0.80005, False), (0.81, True)])
def test_a_baseline_that_came_out_otherwise_is_told(baseline, moved):
    (comparison,) = compare([figure()], [figure(baseline=baseline)])
    assert comparison.equal
    assert comparison.baseline_moved is moved


def test_figures_above_one_agree_relatively():
    (comparison,) = compare([figure(104.2, None)], [figure(104.205, None)])
    assert comparison.equal


def test_a_figure_of_folds_is_no_fault_of_the_bundle_and_any_other_that_is_missing_is():
    folds, lost = compare([figure(command="hiddenstate evaluate sentiment --folds 10"), figure(split="other")], [])
    assert folds.equal
    assert not lost.equal


def test_a_bundle_differs_when_one_figure_or_one_answer_does():
    same, other = Comparison(figure(), figure()), Comparison(figure(), figure(0.5))
    assert Examined((same,), 3, 3, 0.0).equal
    assert not Examined((same, other), 3, 3, 0.0).equal
    assert not Examined((same,), 3, 2, 0.0).equal


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1.0, "x"]}, {"a": [1.000001, "x"]}, True),
        ({"a": 1.0}, {"a": 1.0001}, False),
        ({"a": 1.0}, {"b": 1.0}, False),
        ([1.0], [1.0, 2.0], False),
        (["x"], ["y"], False),
        ([2, None], [2, None], True),
        (1e6, 1e6 + 1, True),
    ],
)
def test_answers_are_equal_as_far_as_single_precision_tells(one, other, same):
    assert same_answer(one, other) is same


def test_a_bundle_names_its_recipe_and_an_older_one_has_it_in_its_command():
    assert recipe_of(manifest(recipe="digits")) == "digits"
    assert recipe_of(manifest(command="hiddenstate train sentiment --threads 1 --export models")) == "sentiment"


@pytest.mark.parametrize("provenance", [{}, {"command": "make own"}, {"command": "hiddenstate train digits --data x"}])
def test_a_bundle_of_no_recipe_or_of_other_data_is_not_measured(provenance):
    with pytest.raises(NotExaminedError):
        recipe_of(manifest(**provenance))


def test_the_newest_version_of_every_model_is_measured(tmp_path):
    for version in (2, 10):
        copy_bundle(tmp_path, SENTIMENT, as_version=version)
    copy_bundle(tmp_path, TABLE)
    assert [(each.manifest.name, each.manifest.version) for each in newest_bundles(tmp_path)] == [
        (SENTIMENT, 10),
        (TABLE, 1),
    ]


def test_a_folder_without_bundles_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no bundle"):
        newest_bundles(tmp_path)


@pytest.mark.parametrize("name", TASKS)
def test_every_recipe_says_how_its_bundle_is_measured(name):
    assert callable(task_named(name).examination)

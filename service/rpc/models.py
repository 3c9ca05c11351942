"""What is served, on the wire: the model service."""

import re
from collections.abc import Iterable
from typing import Any

from hiddenstate.v1 import model_pb2, tensor_pb2
from service.bundle import Cell, Manifest
from service.catalog import Catalog, Served
from service.errors import Code, Reason, ServiceError, invalid, unserved
from service.repository import Refused
from service.rpc.parsing import page_size
from service.rpc.tensors import data_type_of

PAGE_TOKEN = re.compile("[0-9]{0,9}")
BATCH_AXIS = "batch"

_TASKS = {
    "translation": model_pb2.TASK_TRANSLATION,
    "sentiment": model_pb2.TASK_SENTIMENT,
    "text_generation": model_pb2.TASK_TEXT_GENERATION,
    "transcription": model_pb2.TASK_TRANSCRIPTION,
    "music": model_pb2.TASK_MUSIC,
    "gesture": model_pb2.TASK_GESTURE,
    "forecast": model_pb2.TASK_FORECAST,
    "tagging": model_pb2.TASK_TAGGING,
    "classification": model_pb2.TASK_CLASSIFICATION,
}


def task_of(name: str) -> model_pb2.Task:
    """What a model has learned, as the contract says it."""
    return _TASKS.get(name, model_pb2.TASK_OTHER)


class ModelListing:
    """Answers which models there are, those that were refused included."""

    def __init__(self, catalog: Catalog, services: dict[str, str]) -> None:
        """`services`: the full name of the service of each task."""
        self._catalog = catalog
        self._services = services
        self._listed: tuple[Any, ...] = ()
        self._known: list[model_pb2.Model] = []

    @property
    def _models(self) -> list[model_pb2.Model]:
        """All of them; written anew only when others serve than before."""
        listed = (self._catalog.served, self._catalog.refused)
        if listed != self._listed:
            models = [_served(served, self._catalog, self._services) for served in self._catalog.served]
            models += [_refused(refused) for refused in self._catalog.refused]
            self._known = sorted(models, key=lambda model: (model.name, model.version))
            self._listed = listed
        return self._known

    def list_models(self, request: model_pb2.ListModelsRequest) -> model_pb2.ListModelsResponse:
        """One page. Raises OPTION_OUT_OF_RANGE for a size or a token that is none of ours."""
        size = page_size(request.page_size)
        matching = [
            model
            for model in self._models
            if request.task in (model_pb2.TASK_UNSPECIFIED, model.task)
            and request.state in (model_pb2.MODEL_STATE_UNSPECIFIED, model.state)
        ]
        if not PAGE_TOKEN.fullmatch(request.page_token):
            raise invalid(Reason.OPTION_OUT_OF_RANGE, "page_token is none that this server gave", "page_token")
        start = int(request.page_token or 0)
        following = str(start + size) if start + size < len(matching) else ""
        return model_pb2.ListModelsResponse(models=matching[start : start + size], next_page_token=following)

    def get_model(self, request: model_pb2.GetModelRequest) -> model_pb2.GetModelResponse:
        """One version, that of new sessions unless one is named.

        Raises MODEL_NAME_MISSING, MODEL_NOT_FOUND or MODEL_VERSION_NOT_FOUND.
        """
        if request.WhichOneof("version_choice") == "label":
            raise unserved(Reason.OPTION_NOT_SERVED, "labels are not served yet: name a version, or none", "label")
        if not request.name:
            raise invalid(Reason.MODEL_NAME_MISSING, "name a model: ListModels lists them", "name")
        named = [model for model in self._models if model.name == request.name]
        found = [model for model in named if request.version in (0, model.version)]
        if not found:
            reason = Reason.MODEL_VERSION_NOT_FOUND if named else Reason.MODEL_NOT_FOUND
            known = ", ".join(f"{model.name} {model.version}" for model in named or self._models)
            wanted = f"{request.name!r} version {request.version}" if request.version else repr(request.name)
            problem = f"no model {wanted}; there is {known}"
            raise ServiceError(Code.NOT_FOUND, reason, problem)
        # The default, where no version is named; it need not be the newest, which may have been refused.
        return model_pb2.GetModelResponse(model=max(found, key=lambda model: (model.is_default, model.version)))


def _served(served: Served, catalog: Catalog, services: dict[str, str]) -> model_pb2.Model:
    manifest, model, bundle = served.manifest, served.loaded.model, served.loaded.bundle
    newest = max(each.manifest.version for each in catalog.served if each.manifest.name == manifest.name)
    labels = next((head.parameters.get("labels") for head in manifest.heads if "labels" in head.parameters), None)
    return model_pb2.Model(
        name=manifest.name,
        version=manifest.version,
        is_default=manifest.version == newest,
        task=task_of(manifest.task),
        topology=f"TOPOLOGY_{manifest.topology.name}",
        cell="CELL_UNSPECIFIED" if manifest.cell is Cell.NONE else f"CELL_{manifest.cell.name}",
        description=manifest.description,
        state=model_pb2.MODEL_STATE_READY,
        services=sorted(services[task] for task in served.tasks if task in services),
        inputs=[_spec(tensor.name, tensor.dtype, tensor.shape) for tensor in manifest.inputs_by_name.values()],
        outputs=[_spec(tensor.name, tensor.dtype, tensor.shape) for tensor in manifest.outputs],
        state_tensors=[_spec(tensor.name, tensor.dtype, tensor.shape) for tensor in manifest.state],
        state_byte_count=served.engine.gauges.state_bytes,
        whole_sequence=manifest.whole_sequence,
        limits=_limits(served),
        variants=_variants(manifest, {name: bundle.path(each.file) for name, each in manifest.variants.items()}),
        active_variant=served.loaded.variant,
        device=str(model.device),
        batch_independence=_independence(served),
        quality=[_figure(manifest, index) for index in range(len(manifest.quality))],
        class_labels=[str(label) for label in labels] if isinstance(labels, list | tuple) else [],
        digest=bundle.digest,
        data_licences=[f"{source.name}: {source.licence}" for source in manifest.data],
    )


def _refused(refused: Refused) -> model_pb2.Model:
    problem = model_pb2.ModelProblem(reason=refused.error.reason.value, message=refused.error.message)
    return model_pb2.Model(
        name=refused.name, version=int(refused.version), state=model_pb2.MODEL_STATE_REFUSED, problem=problem
    )


def _spec(name: str, dtype: str, shape: Iterable[int | str]) -> tensor_pb2.TensorSpec:
    """As a client sends it: without the batch axis; -1 for the axis of steps."""
    axes = [axis if isinstance(axis, int) else -1 for axis in shape if axis != BATCH_AXIS]
    return tensor_pb2.TensorSpec(name=name, data_type=data_type_of(dtype), shape=axes)


def _limits(served: Served) -> model_pb2.ModelLimits:
    limits = served.engine.limits
    return model_pb2.ModelLimits(
        max_chunk_step_count=limits.max_chunk_steps,
        max_message_step_count=limits.max_message_steps,
        max_sequence_step_count=served.manifest.limits.max_sequence_steps or 0,
        max_session_count=limits.max_sessions,
    )


def _variants(manifest: Manifest, files: dict[str, Any]) -> list[model_pb2.ModelVariant]:
    shipped = [
        model_pb2.ModelVariant(name=name, is_shipped=True, byte_count=path.stat().st_size)
        for name, path in files.items()
    ]
    withheld = [model_pb2.ModelVariant(name=name, withheld_reason=reason) for name, reason in manifest.withheld.items()]
    return shipped + withheld


def _independence(served: Served) -> model_pb2.BatchIndependence:
    probe = served.loaded.model.probe
    if probe is None:
        return model_pb2.BatchIndependence()
    result = (
        model_pb2.BATCH_INDEPENDENCE_RESULT_BITWISE
        if probe.batch_independent
        else model_pb2.BATCH_INDEPENDENCE_RESULT_WITHIN_TOLERANCE
    )
    return model_pb2.BatchIndependence(result=result, max_difference=probe.max_difference)


def _figure(manifest: Manifest, index: int) -> model_pb2.QualityFigure:
    figure = manifest.quality[index]
    message = model_pb2.QualityFigure(
        metric=figure.metric,
        value=figure.value,
        higher_is_better=figure.higher_is_better,
        split=figure.split,
        baseline=figure.baseline or "",
        command=figure.command,
    )
    if figure.baseline_value is not None:
        message.baseline_value = figure.baseline_value
    return message

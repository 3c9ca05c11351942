"""Health, service by service, and reflection."""

import asyncio

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.calls import SERVICES, Target, serving
from tests.repositories import PLAIN, SENTIMENT, copy_bundle

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def health_of(target: Target, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(target.channel)
    response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(response.status)


async def test_each_service_says_whether_it_serves(target: Target):
    serving_now = {name for name in SERVICES if await health_of(target, name) == SERVING}
    wanted = {
        "Classification",
        "Forecast",
        "Gesture",
        "Inference",
        "Model",
        "Music",
        "Sentiment",
        "Session",
        "Tagging",
        "TextGeneration",
        "Transcription",
        "Translation",
    }
    assert serving_now == {f"hiddenstate.v1.{name}Service" for name in wanted}
    assert await health_of(target, "") == SERVING


async def test_a_task_without_a_model_does_not_serve(tmp_path):
    copy_bundle(tmp_path, PLAIN)
    async with serving(models=tmp_path) as (_, target):
        assert await health_of(target, "hiddenstate.v1.InferenceService") == SERVING
        assert await health_of(target, "hiddenstate.v1.SentimentService") == NOT_SERVING
        found = await target.call("AnalyzeSentiment", [{"config": {}}])
        assert found.reason == "MODEL_NAME_MISSING"
        assert "no model for sentiment is served" in found.message


async def test_a_task_serves_while_a_model_for_it_is_loaded(tmp_path):
    copy_bundle(tmp_path, PLAIN)
    async with serving(models=tmp_path) as (_, target):
        copy_bundle(tmp_path, SENTIMENT)
        request = {"modelName": SENTIMENT}
        for method, expected in (("RepositoryModelLoad", SERVING), ("RepositoryModelUnload", NOT_SERVING)):
            assert (await target.call(method, [request])).code == "OK"
            for _ in range(200):
                if await health_of(target, "hiddenstate.v1.SentimentService") == expected:
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail(f"the health service has not heard of {method}")
            assert await health_of(target, "hiddenstate.v1.InferenceService") == SERVING


async def reflected(target: Target, **request: str) -> reflection_pb2.ServerReflectionResponse:
    stub = reflection_pb2_grpc.ServerReflectionStub(target.channel)
    stream = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
    (response,) = [response async for response in stream]
    return response


async def test_reflection_lists_every_service(target: Target):
    listed = {each.name for each in (await reflected(target, list_services="")).list_services_response.service}
    also = {"inference.GRPCInferenceService", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert listed == {*SERVICES, *also}


async def test_reflection_gives_the_methods_of_each_service(target: Target):
    for name in SERVICES:
        found = await reflected(target, file_containing_symbol=name)
        (described,) = (
            service
            for content in found.file_descriptor_response.file_descriptor_proto
            for service in FileDescriptorProto.FromString(content).service
            if f"hiddenstate.v1.{service.name}" == name
        )
        assert described.method

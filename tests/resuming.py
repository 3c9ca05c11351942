"""A client of the session protocol on raw stubs: what any client has to hold in order to resume."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from tests.calls import END_OF_STREAM, METHODS, Target, expanded, numbers_of, path_of
from tests.neighbours import END, Conversation, items

MEMORY, STORED = "DURABILITY_MEMORY", "DURABILITY_STORED"


class Client:
    """Holds what a client of the protocol has to: its messages, and the answers by number."""

    def __init__(self, said: Conversation, durability: str = MEMORY) -> None:
        self.said = said
        self.durability = durability
        self.answers: dict[int, bytes] = {}
        self.received = self.durable = 0
        self.opened: Any = None
        self.move: Any = None
        self.stream: Any = None
        self.messages = [*said.before, *said.after, END]

    @property
    def _kind(self) -> Any:
        return GetMessageClass(METHODS[self.said.method].input_type)

    async def open(self, target: Target) -> None:
        """A new session, or the one that was left."""
        answer = GetMessageClass(METHODS[self.said.method].output_type)
        call = target.channel.stream_stream(
            path_of(self.said.method),
            request_serializer=self._kind.SerializeToString,
            response_deserializer=answer.FromString,
        )
        self.stream = call(timeout=10)
        config: Any = dict(self.said.config)
        session = dict(config.get("session", {})) | {"durability": self.durability}
        if self.opened is not None:
            config = {}
            session = {"resumeToken": self.opened.resume_token, "receivedAnswerNumber": self.received}
        await self.stream.write(ParseDict({"config": {**config, "session": session}}, self._kind()))
        response = await self.stream.read()
        assert response is not END_OF_STREAM, await self.stream.details()
        self.opened = response.opened

    async def send(self, numbers: range) -> None:
        for number in numbers:
            message = ParseDict(expanded(self.messages[number - 1]), self._kind())
            message.sequence_number, message.received_answer_number = number, self.received
            await self.stream.write(message)

    async def send_rest(self) -> None:
        await self.send(range(self.opened.next_sequence_number, len(self.messages) + 1))

    async def acknowledge(self) -> None:
        await self.stream.write(ParseDict({"acknowledgement": {}, "receivedAnswerNumber": self.received}, self._kind()))

    async def take(self) -> bool:
        """One response; False at the end."""
        response = await self.stream.read()
        if response is END_OF_STREAM:
            return False
        if response.HasField("move"):
            self.move = response.move
        self.durable = max(self.durable, response.durable_sequence_number)
        for number, item in zip(numbers_of(response), items_of(response), strict=True):
            if number > self.received:
                assert number == self.received + 1
                self.received = number
                self.answers[number] = item
        return True

    async def take_all(self) -> None:
        while await self.take():
            pass
        assert (await self.stream.code()).name == "OK", await self.stream.details()


def items_of(response: Any) -> list[bytes]:
    return items(response) if numbers_of(response) else []


async def whole(target: Target, said: Conversation) -> dict[int, bytes]:
    """The answers of a session that nothing happens to."""
    client = Client(said, "DURABILITY_NONE")
    await client.open(target)
    await client.send_rest()
    await client.take_all()
    assert client.answers
    return client.answers

"""A conversation: who said what, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Message:
    """role: one of ROLES. extra: what else belongs to it, as OpenAI's "tool_calls" and "name" do; templates see it."""

    role: str
    content: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form of OpenAI's messages, which chat templates read."""
        return {"role": self.role, "content": self.content, **self.extra}


@dataclass(frozen=True)
class Conversation:
    """source: file and line, or what invented it. label: of a text that is to be classified, and then the assistant's
    only message. accept: every text of the last answer that counts as exact; empty for the message itself.
    topic: what kind it is, for counts: "question", "greeting", ..."""

    messages: tuple[Message, ...]
    source: str = ""
    label: str = ""
    accept: tuple[str, ...] = ()
    topic: str = ""

    @property
    def question(self) -> tuple[Message, ...]:
        """All but the last answer."""
        return self.messages[:-1]

    def to_json(self) -> dict[str, Any]:
        """One line of train.jsonl and held_out.jsonl; empty fields are left out."""
        found: dict[str, Any] = {"messages": [message.to_json() for message in self.messages], "source": self.source}
        rest = {"label": self.label, "accept": list(self.accept), "topic": self.topic}
        return found | {key: value for key, value in rest.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Conversation:
        """The inverse. Raises KeyError or TypeError for anything else."""
        messages = tuple(
            Message(
                item["role"],
                item["content"],
                {key: value for key, value in item.items() if key not in ("role", "content")},
            )
            for item in data["messages"]
        )
        accept = tuple(data.get("accept", ()))
        return cls(messages, data.get("source", ""), data.get("label", ""), accept, data.get("topic", ""))

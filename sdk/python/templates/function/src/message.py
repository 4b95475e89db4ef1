"""What the function does, without HTTP."""

import json

from steward_sdk import config, text


class Refusal(Exception):
    """Why there is no record: an HTTP status and a text for people."""

    def __init__(self, status: int, detail: str):
        super().__init__(detail)
        self.status = status
        self.detail = detail


def limits() -> dict:
    """What is asked of a message."""
    return {"max_characters": config.integer("max_characters", 2000)}


def check(body: bytes) -> dict:
    """Reads a message in JSON and makes a record of it."""
    most = limits()["max_characters"]
    message = _parse(body)
    trimmed = text.trim(message["text"])
    if not trimmed:
        raise Refusal(422, "the message is empty")
    if len(trimmed) > most:
        raise Refusal(422, f"{len(trimmed)} characters; at most {most} are taken")
    return {"id": message["id"], "text": trimmed, "characters": len(trimmed), "script": _script(trimmed)}


def _parse(body: bytes) -> dict:
    """A message has an id and a text, and nothing else."""
    try:
        message = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Refusal(422, f"not JSON in UTF-8: {error}") from None
    if not isinstance(message, dict):
        raise Refusal(422, "a message is an object with `id` and `text`")
    for field in ("id", "text"):
        value = message.get(field)
        # Half of a character is no text: `\ud83d` alone.
        if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
            raise Refusal(422, f"`{field}` must be a text")
    for unknown in message.keys() - {"id", "text"}:
        raise Refusal(422, f"unknown field `{unknown.encode(errors='replace').decode()}`")
    return message


def _script(text: str) -> str:
    """The script most letters belong to."""
    han = sum("\u3400" <= c <= "\u9fff" or "\U00020000" <= c <= "\U000323af" for c in text)
    other = sum(c.isalpha() for c in text) - han
    if han == 0 and other <= 0:
        return "none"
    # A Chinese character says about as much as three Latin letters.
    return "han" if han * 3 >= other else "other"

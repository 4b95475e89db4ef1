"""An HTTP function (`wasi:http` 0.2): `POST /` takes a customer message and answers a normalised record,
`GET /limits` says what is asked of a message.

This file is the HTTP around `message.py`.
"""

from message import Refusal, check, limits
from steward_sdk import log
from steward_sdk.http import BodyTooLarge, Request, Response, json, problem

# The largest body that is read, in bytes. The host has a limit of its own.
MAX_BODY_BYTES = 1024 * 1024


def answer(request: Request) -> Response:
    try:
        return _answer(request)
    except Refusal as refusal:
        log.warn(refusal.detail, status=refusal.status)
        return problem(refusal.status, refusal.detail)


def _answer(request: Request) -> Response:
    # The path is relative to the function: /f/{tenant}/{function}/ is / here.
    match request.method, request.path:
        case "POST", "/":
            pass
        case "GET", "/limits":
            return json(limits())
        case _, "/":
            raise Refusal(405, "POST a message")
        case _, "/limits":
            raise Refusal(405, "GET the limits")
        case _, path:
            raise Refusal(404, f"there is nothing at {path}")
    try:
        record = check(request.body(MAX_BODY_BYTES))
    except BodyTooLarge as error:
        raise Refusal(413, str(error)) from None
    # `steward function logs` shows it. Never log the text itself.
    log.info("took a message", characters=record["characters"], script=record["script"])
    return json(record)

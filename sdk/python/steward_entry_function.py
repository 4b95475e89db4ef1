"""What a component of the world `function` exports: it calls the function `answer` of `src/plugin.py`."""

import plugin
from steward_sdk import http, log


class WasiHttpIncomingHandler0210:
    def handle(self, request, response_out):
        try:
            response = plugin.answer(http.Request(request))
        except BaseException as error:
            log.exception(error)
            response = http.problem(500, "the function failed; its log says why")
        http.send(response, response_out)

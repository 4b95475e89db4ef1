"""Structured log lines: `steward function logs` shows them.

Never log the text of a document: lines are kept, and people read them.
"""

import linecache
import traceback

from wit_world.imports import steward_log_log_0_1_0 as wit

# Where a component runs there are no files, so that no line of a source can be shown; in a typed world, which has nothing of
# WASI, to look for one would end the call before its stack is written.
linecache.checkcache = lambda filename=None: None
linecache.updatecache = lambda filename, module_globals=None: []

Level = wit.Level


def write(level: Level, message: str, **fields: object) -> None:
    """Writes one line, with fields that machines can search for."""
    wit.write(level, message, [wit.Field(key, str(value)) for key, value in fields.items()])


def trace(message: str, **fields: object) -> None:
    write(Level.TRACE, message, **fields)


def debug(message: str, **fields: object) -> None:
    write(Level.DEBUG, message, **fields)


def info(message: str, **fields: object) -> None:
    write(Level.INFO, message, **fields)


def warn(message: str, **fields: object) -> None:
    write(Level.WARN, message, **fields)


def error(message: str, **fields: object) -> None:
    write(Level.ERROR, message, **fields)


def exception(raised: BaseException) -> None:
    """Writes what was raised, with its stack."""
    stack = "".join(traceback.format_exception(raised)).rstrip()
    write(Level.ERROR, f"exception: {type(raised).__name__}: {raised}\n{stack}")

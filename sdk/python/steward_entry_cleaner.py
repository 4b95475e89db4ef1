"""What a component of the world `cleaner` exports: it calls the class `Plugin` of `src/plugin.py`."""

from componentize_py_types import Err
from wit_world.imports import steward_types_types_0_1_0 as types

from plugin import Plugin
from steward_sdk import PluginError, log

_ERRORS = {
    "invalid-input": types.Error_InvalidInput,
    "invalid-config": types.Error_InvalidConfig,
    "unavailable": types.Error_Unavailable,
    "other": types.Error_Other,
}


def _call(method, batch):
    try:
        return getattr(Plugin(), method)(batch)
    except PluginError as error:
        raise Err(_ERRORS[error.code](error.message)) from None
    except BaseException as error:
        log.exception(error)
        raise


class StewardCleaningCleaner010:
    def clean(self, batch):
        return _call("clean", batch)

    def fingerprint(self, batch):
        return _call("fingerprint", batch)

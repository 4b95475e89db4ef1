"""What Steward plugins in Python are written with.

`config` and `log` are there in every world; `steward_sdk.cleaner`, `steward_sdk.http` and `steward_sdk.inference` are
imported by the plugins that need them. A component's modules are imported when it is built, so that they are there in
every call: read the configuration in a call, never at the top of a module.
"""

from . import config, log, text
from .errors import PluginError

__all__ = ["PluginError", "config", "log", "text"]

"""Why a batch as a whole could not be treated."""

CODES = ("invalid-input", "invalid-config", "unavailable", "other")


class PluginError(Exception):
    """Ends a call of a typed world with an error of the contract.

    A single bad text is never an error: it is an outcome of its own.
    """

    def __init__(self, code: str, message: str):
        if code not in CODES:
            raise ValueError(f"{code}: not one of {', '.join(CODES)}")
        super().__init__(message)
        self.code = code
        self.message = message

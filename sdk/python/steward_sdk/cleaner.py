"""Plugins of the world `cleaner`: they clean and fingerprint batches of texts."""

from abc import ABC, abstractmethod

from wit_world.exports.steward_cleaning_cleaner_0_1_0 import (
    Change,
    Cleaned,
    Outcome,
    Outcome_Changed as Changed,
    Outcome_Dropped as Dropped,
    Outcome_Kept as Kept,
    Reason,
    Signature,
)
from wit_world.imports.steward_types_types_0_1_0 import Document

__all__ = [
    "Change", "Changed", "Cleaned", "Cleaner", "Document", "Dropped", "Kept", "Outcome", "Reason", "Signature",
    "changed", "dropped",
]  # fmt: skip


class Cleaner(ABC):
    """The class `Plugin` of `src/plugin.py` derives from it. `__init__` runs before every call: a call gets a fresh
    instance. A `PluginError` is the answer of the call; anything else that is raised is logged and ends it as a crash."""

    @abstractmethod
    def clean(self, batch: list[Document]) -> list[Outcome]:
        """Cleans a batch. The answer has one outcome per document, in order."""

    def fingerprint(self, batch: list[Document]) -> list[Signature]:
        """Lets the host find duplicates across batches. The answer has one signature per document, in order.

        A plugin without an opinion leaves it: then texts are the same where they are written the same.
        """
        return [Signature("", []) for _ in batch]


def changed(text: str, **rules: int) -> Changed:
    """The outcome of a text that rules changed: `changed(text, whitespace=2)`."""
    return Changed(Cleaned(text, [Change(rule.replace("_", "-"), count) for rule, count in rules.items()]))


def dropped(rule: str, detail: str) -> Dropped:
    """The outcome of a text that a rule dropped."""
    return Dropped(Reason(rule, detail))

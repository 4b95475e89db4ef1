"""Models that the host runs, in worlds that have them. The manifest requests a model and the deployment grants it."""

from typing import Optional

from componentize_py_types import Err
from wit_world.imports import steward_inference_inference_0_1_0 as wit

from .errors import PluginError

LabelScore = wit.steward_types_types_0_1_0.LabelScore
Entity = wit.Entity
PairScore = wit.PairScore


class Model:
    """The right to use one model."""

    def __init__(self, handle: wit.Model):
        self._handle = handle

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector per text, in order, scaled to length 1."""
        return _translated(self._handle.embed, texts)

    def classify(self, texts: list[str], labels: Optional[list[str]] = None) -> list[list[LabelScore]]:
        """One list of labels per text, best first. With an embedding model, `labels` are the texts to compare with."""
        return _translated(self._handle.classify, texts, labels)

    def classify_tokens(self, texts: list[str]) -> list[list[Entity]]:
        """The entities of each text, in order of their start; spans are code points."""
        return _translated(self._handle.classify_tokens, texts)

    def score_pairs(self, pairs: list[tuple[str, str]]) -> list[PairScore]:
        """One score for each pair, in order."""
        return _translated(self._handle.score_pairs, pairs)


def open(name: str) -> Model:
    """Opens a model by `name`, `name@version` or `name@alias`."""
    return Model(_translated(wit.open, name))


def _translated(call, *arguments):
    """What the host refuses, as an error that the plugin can pass on."""
    try:
        return call(*arguments)
    except Err as error:
        kinds = {wit.Error_InvalidInput: "invalid-input", wit.Error_NoSuch: "unavailable", wit.Error_Unavailable: "unavailable"}
        raise PluginError(kinds.get(type(error.value), "other"), error.value.value) from None

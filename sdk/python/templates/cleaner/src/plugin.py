"""Cleans batches of texts: white space is collapsed, what is too short or said twice is dropped.

Every text gets an outcome, and every change or drop says which rule made it.
"""

from steward_sdk import config, log, text
from steward_sdk.cleaner import Cleaner, Document, Dropped, Kept, Outcome, Signature, changed, dropped


class Plugin(Cleaner):
    def __init__(self) -> None:
        """Runs before every call. A value that does not parse fails the call with `invalid-config`."""
        self.min_chars = config.integer("min_chars", 2)
        self.drop_duplicates = config.boolean("drop_duplicates", True)

    def clean(self, batch: list[Document]) -> list[Outcome]:
        # What was seen in this batch, and the id of the document that said it first.
        seen: dict[str, str] = {}
        outcomes = [self._outcome(document, seen) for document in batch]
        count = sum(isinstance(outcome, Dropped) for outcome in outcomes)
        # `steward function logs` shows it. Never log the texts themselves.
        log.info("cleaned a batch", documents=len(batch), dropped=count)
        return outcomes

    def fingerprint(self, batch: list[Document]) -> list[Signature]:
        """Lets the host find the same text in different batches."""
        return [Signature(fnv1a_128(key(collapse_white_space(document.text)[0]).encode()), []) for document in batch]

    def _outcome(self, document: Document, seen: dict[str, str]) -> Outcome:
        collapsed, places = collapse_white_space(document.text)
        if len(collapsed) < self.min_chars:
            return dropped("too-short", f"{len(collapsed)} < {self.min_chars} characters")
        first = seen.get(key(collapsed))
        if first is not None and self.drop_duplicates:
            return dropped("duplicate", f"same as {first}")
        seen[key(collapsed)] = document.id
        return changed(collapsed, whitespace=places) if places else Kept()


def key(text: str) -> str:
    """What two texts have in common that are the same to this plugin."""
    return text.lower()


def collapse_white_space(given: str) -> tuple[str, int]:
    """Every run of white space becomes one space, none stays at the ends. Answers in how many places that changed it."""
    places = 0

    def collapse(run) -> str:
        nonlocal places
        inside = 0 < run.start() and run.end() < len(given)
        places += not inside or run.group() != " "
        return " " if inside else ""

    return text.RUN.sub(collapse, given), places


def fnv1a_128(data: bytes) -> str:
    """The 128-bit hash FNV-1a (RFC 9923), 32 hexadecimal digits."""
    value = 0x6C62272E07BB014262B821756295C58D
    for byte in data:
        value = (value ^ byte) * 0x0000000001000000000000000000013B % 2**128
    return f"{value:032x}"

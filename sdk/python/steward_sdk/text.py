"""White space by Unicode's property White_Space: `str.split` and `str.strip` mean a slightly larger set.

Python's strings count Unicode code points, as the contract does.
"""

import re

_WHITE_SPACE = "[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
RUN = re.compile(_WHITE_SPACE)
"""A run of white space."""

_ENDS = re.compile(rf"\A{_WHITE_SPACE}|{_WHITE_SPACE}\Z")


def trim(text: str) -> str:
    """A text without white space at its ends."""
    return _ENDS.sub("", text)

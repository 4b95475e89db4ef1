#!/usr/bin/env python3
"""Plays the users of docs/loop.md: people who ask, and who say what they think of the answer.

  users.py parts            writes known.jsonl (labels in which two intents have hardly an example), before.jsonl and
                            after.jsonl (what users will ask, and what they mean by it)
  users.py ask FILE --as u  each message of the file is asked by a user of its own, u-1, u-2 …, who likes the answer or corrects
                            it; what all of them said goes to the server in one request

The server is that of STEWARD_URL (http://127.0.0.1:7300 where it is not set), the key that of STEWARD_KEY.
"""

import argparse
import collections
import json
import os
import pathlib
import sys

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(EXAMPLES))
from api import ask, read_rows

MESSAGES = EXAMPLES / "customer-service/data/intents.jsonl"
RARE = {"damaged-item", "invoice"}


def parts(folder: pathlib.Path):
    """Parts the messages by their place among those of their label and language."""
    count = collections.Counter()
    files = {"known": [], "before": [], "after": []}
    for row in read_rows(MESSAGES):
        of = (row["label"], row["lang"])
        place = count[of]
        count[of] += 1
        if row["label"] in RARE:
            part = "known" if place % 14 == 1 else ("before", "after")[place % 2]
        else:
            part = {0: "before", 3: "after"}.get(place % 6, "known")
        files[part].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        print(f"{path}: {len(rows)} messages")


def play(path: str, prefix: str, function: str):
    said, right = [], 0
    for number, row in enumerate(read_rows(path), 1):
        user, trace = f"{prefix}-{number}", os.urandom(16).hex()
        headers = {"Steward-Sticky-Key": user, "traceparent": f"00-{trace}-{os.urandom(8).hex()}-01"}
        batch = {"batch": [{"id": "1", "text": row["text"]}]}
        answer = ask("POST", f"/f/default/{function}", batch, headers)
        label = answer[0][0]["label"]
        opinion = {"liked": True} if label == row["label"] else {"correction": row["label"]}
        about = {"function": function, "trace": trace, "prompt": row["text"], "completion": label}
        said.append({"respondent": user, **about, **opinion})
        right += label == row["label"]
    taken = ask("POST", "/api/v1/feedback", {"feedback": said})
    print(f"{right} of {len(said)} answers were right; {taken['added']} pieces of feedback were taken in")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("parts")
    command.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    command = commands.add_parser("ask")
    command.add_argument("file")
    command.add_argument("--as", dest="prefix", default="u")
    command.add_argument("--function", default="support")
    given = parser.parse_args()
    if given.command == "parts":
        parts(given.out)
    else:
        play(given.file, given.prefix, given.function)


if __name__ == "__main__":
    main()

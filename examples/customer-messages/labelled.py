#!/usr/bin/env python3
"""Puts the labels of `truth.jsonl` into the messages, and keeps a quarter of them apart.

    examples/customer-messages/labelled.py [FOLDER]     FOLDER: out beside this file

Writes `train.jsonl` and `held-out.jsonl`. Copies of a message stay together: what is learned by heart is not measured.
"""

import json
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "out"
folder.mkdir(parents=True, exist_ok=True)


def read(name):
    with open(HERE / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


truth = {record["id"]: record for record in read("truth.jsonl")}
with open(folder / "train.jsonl", "w", encoding="utf-8") as train, \
        open(folder / "held-out.jsonl", "w", encoding="utf-8") as held_out:
    for message in read("messages.jsonl"):
        said = truth[message["id"]]
        original = said.get("same_as", message["id"])
        # Empty messages and those that are too short have no label, and stay in the rows to train on.
        apart = said["label"] is not None and zlib.crc32(original.encode()) % 4 == 0
        record = {**message, "label": said["label"]}
        (held_out if apart else train).write(json.dumps(record, ensure_ascii=False) + "\n")

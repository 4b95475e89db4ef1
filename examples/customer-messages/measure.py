#!/usr/bin/env python3
"""Compares what `steward data run` wrote with what a person says of each message.

    examples/customer-messages/measure.py [OUTPUT]     OUTPUT: out/messages.jsonl beside this file
"""

import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent


def read(path):
    with open(path, encoding="utf-8") as lines:
        return {record["id"]: record for record in map(json.loads, lines)}


truth = read(HERE / "truth.jsonl")
output = read(sys.argv[1] if len(sys.argv) > 1 else HERE / "out" / "messages.jsonl")

right = sum((id in output) == (truth[id]["expect_drop"] is None) for id in truth)
print(f"kept or dropped as expected: {right} of {len(truth)}")

# Names and dates of birth are in the texts and not in the list: what is found of them is counted and not judged.
listed = {entity["entity"] for record in truth.values() for entity in record["entities"]}
found, missed, wrong, unlisted = Counter(), Counter(), Counter(), Counter()
for id, record in output.items():
    wanted = Counter(entity["entity"] for entity in truth[id]["entities"])
    given = Counter(finding["entity"] for finding in record["findings"])
    found.update(wanted & given)
    missed.update(wanted - given)
    for entity, count in (given - wanted).items():
        (wrong if entity in listed else unlisted)[entity] += count
print(f"personal data: {found.total()} found, {missed.total()} missed, {wrong.total()} found where there is none")
for entity in sorted(missed | wrong):
    print(f"  {entity}: {missed[entity]} missed, {wrong[entity]} wrong")
for entity in sorted(unlisted):
    print(f"  {entity}: {unlisted[entity]} found, not judged")

for lang, name in [("en", "English"), ("zh", "Chinese"), ("mix", "both")]:
    labelled = [id for id in output if output[id]["lang"] == lang and truth[id]["label"]]
    right = sum(output[id]["label"] == truth[id]["label"] for id in labelled)
    print(f"labels, {name}: {right} of {len(labelled)} right ({right / len(labelled):.0%})")

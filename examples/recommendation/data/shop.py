#!/usr/bin/env python3
"""Two hundred and forty invented customers of a shop, and what they looked at and bought.

    shop.py events    CloudEvents, one a line: each item that is listed, each time that one is viewed or bought
    shop.py rows      the same interactions as rows of a dataset

The same at every run. What is in it is known, so that one can see whether a recommender finds it:

- A customer has a main interest, and half as often the one that goes with it (who takes photos drinks coffee as well): nothing in
  the texts of the items says that these two go together.
- A customer is a beginner (items 1 to 6 of a category) or advanced (7 to 12), and in four of five cases stays so.
- Within both, a few items are much more popular than the rest; one interaction in eight follows what is popular alone.
- Customers of the segment `cn` have other main interests than those of `eu`.
- Item 13 of each category is new: nobody has seen it.
"""
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

CUSTOMERS = 240
GOES_WITH = {
    "photography": "coffee", "coffee": "photography", "music": "yoga", "yoga": "music",
    "cycling": "baking", "baking": "cycling", "camping": "gardening", "gardening": "camping",
}
# How often an interest is the main one, by segment.
INTERESTS = {
    "cn": {"photography": 6, "coffee": 3, "yoga": 2, "music": 2, "cycling": 1, "camping": 1},
    "eu": {"cycling": 6, "baking": 3, "camping": 2, "gardening": 2, "photography": 1, "yoga": 1},
}
# What is bought six times as often as the last of its kind.
WEIGHTS = [6, 4, 3, 2, 1, 1]
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def drawn(rng, weights):
    """A key by its weight. Only `random()` is asked: it gives the same numbers in every version of Python."""
    left = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return key


def interactions():
    rng = random.Random(2026)
    everywhere = {(category, advanced, place): weight
                  for category in GOES_WITH for advanced in (False, True) for place, weight in enumerate(WEIGHTS)}
    happened = []
    for number in range(CUSTOMERS):
        segment = "cn" if number % 2 else "eu"
        main = drawn(rng, INTERESTS[segment])
        advanced = rng.random() < 0.5
        at = BEGIN + timedelta(minutes=rng.random() * 60 * 24 * 30)
        for _ in range(8 + int(rng.random() * 10)):
            if rng.random() < 0.125:
                category, level, place = drawn(rng, everywhere)
            else:
                category = drawn(rng, {main: 2, GOES_WITH[main]: 1})
                level = advanced if rng.random() < 0.8 else not advanced
                place = drawn(rng, dict(enumerate(WEIGHTS)))
            at += timedelta(minutes=5 + rng.random() * 60 * 24 * 4)
            happened.append({
                "customer": f"c-{number + 1:03}", "segment": segment, "item": f"{category}-{place + 1 + 6 * level:02}",
                "category": category, "action": "bought" if rng.random() < 0.3 else "viewed",
                "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            })
    return sorted(happened, key=lambda did: (did["at"], did["customer"]))


def event(event_type, key, subject, at, data):
    return {"specversion": "1.0", "id": key, "source": "/shop", "type": f"com.example.shop.item.{event_type}",
            "subject": subject, "time": at, "datacontenttype": "application/json", "data": data}


def events():
    for line in (Path(__file__).parent / "catalogue.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        yield event("listed", f"listed-{item['id']}", item["id"], BEGIN.strftime("%Y-%m-%dT%H:%M:%SZ"), item)
    for number, did in enumerate(interactions(), 1):
        data = {"customer": did["customer"], "segment": did["segment"]}
        yield event(did["action"], f"did-{number:05}", did["item"], did["at"], data)


if __name__ == "__main__":
    wanted = {"events": events, "rows": interactions}.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if not wanted:
        sys.exit(__doc__)
    for row in wanted():
        print(json.dumps(row, ensure_ascii=False))

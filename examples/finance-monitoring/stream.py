#!/usr/bin/env python3
"""Sends the headlines of a folder to the log of events, as a feed would, and waits until they are counted.

    stream.py FOLDER SOURCE

Each day is a batch of CloudEvents, and behind it a watermark, which says that everything until midnight was sent: the workflow
finance-monitoring runs on that. The ids are those of the feed, so that what is sent again is there once.
"""

import datetime
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from api import ask, read_rows

HEADLINE, WATERMARK, HOUR = "com.example.news.headline", "com.example.news.watermark", "com.example.finance.hour"
# What the server is not told: it is the truth that the evaluation compares with.
HIDDEN = ("id", "time", "source", "label", "companies")
BATCH = 500


def batches(rows):
    for at in range(0, len(rows), BATCH):
        yield rows[at : at + BATCH]


def append(body, kind):
    return ask("POST", "/api/v1/events", body, {"Content-Type": kind})


def main():
    folder, source = pathlib.Path(sys.argv[1]), sys.argv[2]
    first = ask("GET", f"/api/v1/events?type={HEADLINE}&limit=1")["events"]
    if first and not first[0]["source"].startswith(f"{source}/"):
        sys.exit(f"This tenant has watched the stream {first[0]['source']} already, and the hours of {source} are closed.\n"
                 "Run this on a fresh data folder, or with the DAYS and SEED of before.")
    days = {}
    for row in read_rows(folder / "headlines.jsonl"):
        days.setdefault(row["time"][:10], []).append(row)
    sent = 0
    for number, (day, rows) in enumerate(sorted(days.items())):
        for part in batches(rows):
            events = [
                {"specversion": "1.0", "id": row["id"], "source": f"{source}/{urllib.parse.quote(row['source'])}",
                 "type": HEADLINE, "time": row["time"], "datacontenttype": "application/json",
                 "data": {k: v for k, v in row.items() if k not in HIDDEN}}
                for row in part
            ]
            answers = append(events, "application/cloudevents-batch+json")
            sent += sum(not answer["duplicate"] for answer in answers)
        # Midnight, at the end of the day.
        until = f"{datetime.date.fromisoformat(day) + datetime.timedelta(days=1)}T00:00:00Z"
        mark = {"specversion": "1.0", "id": f"until-{day}", "source": source, "type": WATERMARK, "subject": day,
                "data": {"until": until}}
        append(mark, "application/cloudevents+json")
        progress(f"sent {number + 1} of {len(days)} days")
    done()
    last = max(row["time"] for row in rows)[:13] + ":00:00Z"
    begun, known = time.monotonic(), -1
    while not ask("GET", f"/api/v1/events?type={HOUR}&since={last}&limit=1")["events"]:
        faulted = ask("GET", "/api/v1/runs?workflow=finance-monitoring&status=faulted&limit=1")
        if faulted:
            done()
            run = faulted[0]
            sys.exit(f"Run {run['id']} failed: {json.dumps(run.get('error'), ensure_ascii=False)}\n"
                     f"Mend the cause, then:  steward run redrive {run['id']}")
        runs = len(ask("GET", "/api/v1/runs?workflow=finance-monitoring&status=completed&limit=1000"))
        if runs != known:
            begun, known = time.monotonic(), runs
        if time.monotonic() - begun > 120:
            done()
            sys.exit("No run has ended for two minutes.  See:  steward run list --workflow finance-monitoring")
        progress(f"counted {min(runs, len(days))} of {len(days)} days")
        time.sleep(0.2)
    done()
    print(f"{sum(map(len, days.values()))} headlines of {len(days)} days, {sent} of them new to the server")


def progress(text):
    if sys.stdout.isatty():
        print(f"\r\033[K… {text}", end="", flush=True)


def done():
    if sys.stdout.isatty():
        print("\r\033[K", end="")


main()

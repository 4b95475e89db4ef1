#!/usr/bin/env python3
"""Compares the alerts of the server with what was put into the stream.

    evaluate.py FOLDER

A spike is found if there is an alert about its company, of its kind and direction, from its first hour on until ten hours
after its last one (tone is judged over up to ten hours). An alert that is about no spike is false. The answer is printed for
people and written to FOLDER/evaluation.json.
"""

import calendar
import json
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from api import ask, read_rows

AFTERMATH = 10 * 3600


def events(kind):
    """Every event of a type, in the order of the log."""
    after = 0
    while True:
        page = ask("GET", f"/api/v1/events?type={kind}&after={after}&limit=500")
        yield from page["events"]
        if not page["events"]:
            return
        after = page["next"]


def seconds(time_of):
    return calendar.timegm(time.strptime(time_of, "%Y-%m-%dT%H:%M:%SZ"))


def main():
    folder = pathlib.Path(sys.argv[1])
    spikes = read_rows(folder / "truth.jsonl")
    alerts = [event["data"] for event in events("com.example.finance.alert")]
    times = [seconds(row["time"]) for row in read_rows(folder / "headlines.jsonl")]
    days = round((max(times) - min(times)) / 86400)

    def about(alert, spike):
        at = seconds(alert["hour"])
        begin, end = seconds(spike["start"]), seconds(spike["end"])
        return alert["company"] == spike["company"] and begin <= at < end + AFTERMATH

    def finds(alert, spike):
        kind = spike["kind"] in (alert["kind"], "both")
        way = alert["kind"] == "volume" or alert["direction"] == spike["direction"]
        return kind and way and about(alert, spike)

    missed = []
    for spike in spikes:
        first = next((a for a in alerts if finds(a, spike)), None)
        hours = first and (seconds(first["hour"]) - seconds(spike["start"])) // 3600
        says = f"found after {hours + 1} h" if first else "MISSED"
        print(f"  {spike['start'][:16]}  {spike['company']:<18} {spike['kind']:<7} {spike['direction']:<5} {says}")
        if not first:
            missed.append(spike)
    false = [a for a in alerts if not any(about(a, s) for s in spikes)]
    for alert in false:
        print(f"  {alert['hour'][:16]}  {alert['company']:<18} {alert['kind']:<7} {alert['direction']:<5} false: nothing was put in")
    told = {"spikes": len(spikes), "found": len(spikes) - len(missed), "alerts": len(alerts), "false_alerts": len(false),
            "days": days, "false_alerts_a_day": round(len(false) / days, 3)}
    print(f"{told['found']} of {told['spikes']} spikes found; {len(false)} of {len(alerts)} alerts false, "
          f"{told['false_alerts_a_day']} a day in {days} days")
    (folder / "evaluation.json").write_text(json.dumps(told) + "\n", encoding="utf-8")
    if alerts:
        print("\nThe last alert, as it is told:\n")
        for text in alerts[-1]["text"].values():
            print("  " + text.replace("\n", "\n  ") + "\n")


main()

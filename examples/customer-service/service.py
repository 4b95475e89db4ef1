#!/usr/bin/env python3
"""What `run` asks of a server that runs the workflow `customer-service`. It wants STEWARD_URL and STEWARD_KEY.

    service.py messages                 the messages of data/messages.jsonl, the part of the person included
    service.py evaluate [--json FILE]   the questions of data/questions.jsonl, through the whole workflow
    service.py corrections              the training data, with what people corrected since, to standard output
"""

import hashlib
import json
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from api import ask, read_rows

DATA = Path(__file__).resolve().parent / "data"
WORKFLOW = "customer-service"
# How long a run may take until it has ended or waits for a person, in seconds.
PATIENCE = 60


def settled(run):
    """The run once it has ended or waits for a person."""
    until = time.monotonic() + PATIENCE
    while run["status"] not in ("completed", "faulted", "cancelled", "waiting"):
        if time.monotonic() > until:
            sys.exit(f"✗ the run {run['id']} is {run['status']} after {PATIENCE} s:  steward run journal {run['id']}")
        time.sleep(0.02)
        run = ask("GET", f"/api/v1/runs/{run['id']}")
    return run


def ended(run):
    run = ask("GET", f"/api/v1/runs/{run['id']}?wait=true")
    if run["status"] != "completed":
        sys.exit(f"✗ the run {run['id']} is {run['status']}: {run.get('error')}")
    return run


def start(message, key, **more):
    run = ask("POST", f"/api/v1/workflows/{WORKFLOW}/runs", {"text": message, **more}, {"Idempotency-Key": key})
    return settled(run)


def messages():
    """Sends each message; where a run waits, does what a person would do. Started once: the same again is the same run."""
    version = ask("GET", f"/api/v1/workflows/{WORKFLOW}")["version"]
    for row in read_rows(DATA / "messages.jsonl"):
        text = row["text"]
        key = hashlib.sha256(f"{version} {row['id']} {text}".encode()).hexdigest()
        run = start(text, key, channel="example")
        print(f"\n  {row['id']}  {text}")
        if run["status"] == "waiting":
            answer = json.dumps(row["person"], ensure_ascii=False)
            print(f"       not sure enough: waits for a person.  steward run approve {run['id']} --data '{answer}'")
            ask("POST", f"/api/v1/runs/{run['id']}/approve", {"approved": True, "data": row["person"]})
        out = ended(run)["output"]
        corrected = f", a person says {out['correction']}" if out["correction"] else ""
        print(f"       kept as: {out['message']}")
        print(f"       intent {out['intent']['label']} ({out['intent']['score']:.2f}){corrected}; "
              f"entry {out['answers'][0]['id']} ({out['answers'][0]['score']:.2f}); answered by {out['by']}")
        print("       → " + out["reply"].replace("\n", "\n         "))
        if out["left_out"]:
            print(f"       left out: {out['left_out']['title']}: {out['left_out']['detail']}")
        rate(row, run["id"], out)


def rate(row, run_id, out):
    """What the customer says of the answer, as feedback of this run, of its trace and of the versions that answered: its id is
    that of the run, and said twice it counts once."""
    run = ask("GET", f"/api/v1/runs/{run_id}")
    pins = run["pins"]
    feedback = {
        "id": f"run-{run_id}",
        "trace": run["trace"],
        "survey": WORKFLOW,
        "respondent": row["customer"],
        "rating": row["rating"],
        "function": f"answers@{pins['functions']['steward:answers']['version']}",
        "model": pins["models"]["model:intents"],
    }
    if out["by"] == "person":
        # What would have been said, and what was said instead: a row for training on preferences.
        feedback |= {"prompt": out["message"], "completion": proposed(run_id), "correction": out["reply"]}
    taken = ask("POST", "/api/v1/feedback", {"feedback": [feedback]})
    if taken["rejected"]:
        sys.exit(f"✗ the feedback was not taken: {taken['reasons']}")


def proposed(run_id):
    """The answer that was found and not given, as the journal of the run has it."""
    for entry in ask("GET", f"/api/v1/runs/{run_id}/journal?limit=1000"):
        entry = entry["entry"]
        if entry["kind"] == "completed" and entry["key"].endswith("/retrieve"):
            return entry["output"]["answers"][0]["text"]
    sys.exit(f"✗ the run {run_id} has found no answer")


def evaluate(report=None):
    """Every question through the workflow, each with the versions that answer now."""
    questions = read_rows(DATA / "questions.jsonl")
    versions = json.dumps([
        ask("GET", f"/api/v1/workflows/{WORKFLOW}")["version"],
        ask("GET", "/api/v1/models/intents/deployment")["spec"],
        ask("GET", "/api/v1/functions/answers")["revision"],
    ])
    versions = hashlib.sha256(versions.encode()).hexdigest()[:16]
    begun = time.monotonic()
    rows = []
    for question in questions:
        run = start(question["text"], f"evaluation-{versions}-{question['id']}", channel="evaluation")
        alone = run["status"] == "completed" and run["output"]["by"] == "knowledge"
        if run["status"] == "waiting":
            # Nobody is asked: the run ends without an answer, and says what it found.
            ask("POST", f"/api/v1/runs/{run['id']}/approve", {"approved": False, "comment": "evaluation"})
        out = ended(run)["output"]
        found = [answer["id"] for answer in out["answers"]]
        rank = found.index(question["answer"]) + 1 if question["answer"] in found else None
        rows.append({**question, "alone": alone, "rank": rank, "found": found[0], "label": out["intent"]["label"]})
    seconds = time.monotonic() - begun

    def numbers(rows):
        known = [row for row in rows if row["answer"]]
        intended = [row for row in rows if row["intent"]]
        alone = [row for row in rows if row["alone"]]
        return {
            "questions": len(rows),
            "intent": share([row["label"] == row["intent"] for row in intended]),
            "hit_at_1": share([row["rank"] == 1 for row in known]),
            "mrr": share([1 / row["rank"] if row["rank"] else 0 for row in known]),
            "handed_over": share([not row["alone"] for row in rows]),
            "right_alone": share([row["rank"] == 1 for row in alone]),
            "unanswerable_handed_over": share([not row["alone"] for row in rows if not row["answer"]]),
        }

    parts = {"all": numbers(rows)}
    for lang in ("en", "zh"):
        parts[lang] = numbers([row for row in rows if row["lang"] == lang])
    trained = held_out()
    print(f"intents on held-out texts of {trained['dataset']}: {trained['accuracy']:.3f} ({trained['model']})\n")
    titles = {
        "questions": "questions",
        "intent": "intent right",
        "hit_at_1": "best entry first (hit@1)",
        "mrr": "mean reciprocal rank (of 5)",
        "handed_over": "handed over to a person",
        "right_alone": "right of what it answered alone",
        "unanswerable_handed_over": "handed over of what nothing answers",
    }
    print(" " * 37 + "".join(part.rjust(8) for part in parts))
    for name, title in titles.items():
        cells = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in (parts[p][name] for p in parts))
        print(f" {title:36}" + "".join(cell.rjust(8) for cell in cells))
    wrong = [row for row in rows if row["alone"] and row["rank"] != 1]
    for row in wrong:
        print(f"\n wrong: {row['id']} {row['text']}\n        answered with {row['found']}, wanted {row['answer']}")
    print(f"\n{len(rows)} runs in {seconds:.1f} s")
    if report:
        Path(report).parent.mkdir(parents=True, exist_ok=True)
        Path(report).write_text(json.dumps({"held_out": trained, "parts": parts, "rows": rows}, ensure_ascii=False, indent=1))


def share(values):
    return sum(values) / len(values) if values else 1.0


def held_out():
    """What the model that answers scored on texts that it never learned from."""
    version = ask("GET", "/api/v1/models/intents/deployment")["spec"]["stable"]["version"]
    for measured in ask("GET", f"/api/v1/models/intents@{version}/evaluations"):
        if measured["dataset"].endswith("/held-out"):
            accuracy = measured["report"]["metrics"]["accuracy"]
            return {"model": f"intents@{version}", "dataset": measured["dataset"], "accuracy": accuracy}
    sys.exit(f"✗ intents@{version} was never measured on texts that were held out: train it with `steward model train`")


def corrections():
    """The rows of the example and, behind them, what people corrected: texts that the anonymizer has left, each once."""
    rows = read_rows(DATA / "intents.jsonl")
    known = {row["text"] for row in rows}
    for run in reversed(completed()):
        out = run["output"]
        if out["correction"] and out["message"] not in known:
            known.add(out["message"])
            rows.append({"id": f"run-{run['id']}", "text": out["message"], "label": out["correction"], "lang": out["lang"]})
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


def completed():
    """Every run that ended well, the newest first."""
    runs = []
    while True:
        before = f"&before={runs[-1]['id']}" if runs else ""
        page = ask("GET", f"/api/v1/runs?workflow={WORKFLOW}&status=completed&limit=500{before}")
        runs += page
        if len(page) < 500:
            return runs


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["messages"]:
            messages()
        case ["evaluate"]:
            evaluate()
        case ["evaluate", "--json", report]:
            evaluate(report)
        case ["corrections"]:
            corrections()
        case _:
            sys.exit(__doc__.strip())

"""What scikit-learn says to the losses of an impact.

    impact.py URL KEY BEFORE AFTER EVALUATION SAMPLES L2

Asks the host for the rows of the snapshots and the vectors of their texts, trains on those that are not in the evaluation,
and compares the losses with those of the dataset SAMPLES.
"""

import json
import sys
import urllib.request
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

warnings.filterwarnings("ignore")
url, key, before, after, evaluation, samples, l2 = sys.argv[1:]


def ask(path, body=None):
    request = urllib.request.Request(
        url + path, None if body is None else json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def rows(dataset):
    return [json.loads(line) for line in ask(f"/api/v1/datasets/{dataset}/rows").splitlines()]


vectors = {}


def embed(texts):
    texts = [text for text in dict.fromkeys(texts) if text not in vectors]
    for at in range(0, len(texts), 32):
        answer = json.loads(ask("/v1/embeddings", {"model": "minilm", "input": texts[at:at + 32]}))
        vectors.update(zip(texts[at:at + 32], (item["embedding"] for item in answer["data"])))


def plain(text):
    return " ".join(text.split()).lower()


measured = rows(samples)
apart = rows(evaluation)
ids, texts = {row["id"] for row in apart}, {plain(row["text"]) for row in apart}
embed([row["text"] for row in measured])
at = np.array([vectors[row["text"]] for row in measured])
for place, dataset in enumerate([before, after]):
    learned = [
        row for row in rows(dataset)
        if row["label"] and row["id"] not in ids and plain(row["text"]) not in texts
    ]
    embed([row["text"] for row in learned])
    model = LogisticRegression(C=1 / float(l2), solver="newton-cg", tol=1e-10, max_iter=10_000)
    model.fit(np.array([vectors[row["text"]] for row in learned]), [row["label"] for row in learned])
    names = list(model.classes_)
    chances = model.predict_log_proba(at)
    theirs = np.array([-chance[names.index(row["label"])] for chance, row in zip(chances, measured)])
    ours = np.array([row["losses"][place] for row in measured])
    # Vectors of another call differ in the last digits of their floats.
    assert np.abs(theirs - ours).max() < 1e-3, (dataset, np.abs(theirs - ours).max())
    predicted = [row["predicted"][place] for row in measured]
    assert predicted == list(model.predict(at)), dataset
    labels = [row["label"] for row in measured]
    print(json.dumps({
        "examples": len(learned),
        "accuracy": model.score(at, labels),
        "macro_f1": f1_score(labels, predicted, average="macro"),
    }))

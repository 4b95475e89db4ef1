#!/usr/bin/env python3
"""Writes the data of this example, the same for the same seed:

    labelled.jsonl    headlines to learn the tone from: id, text, label, lang
    unseen.jsonl      headlines to measure that on: likewise, of the patterns of the stream
    headlines.jsonl   the stream: id, time, source, lang, text, and what only the evaluation reads: label, companies
    truth.jsonl       what was injected into the stream: company, kind, direction, start, end

The headlines are the patterns of patterns.txt about the companies of companies.json. The stream has none of the patterns
that are learned from.
"""

import argparse
import json
import math
import pathlib
import random
from datetime import datetime, timedelta, timezone

HERE = pathlib.Path(__file__).resolve().parent
START = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday
LABELS = ("positive", "neutral", "negative")
# Headlines an hour at the busiest time of a working day, and how often they are positive, neutral, negative.
RATES = dict(zip(
    ("borealis", "harbor-bank", "harbor-securities", "lantern", "jade-peak", "willow", "skybridge", "redsand", "pagoda",
     "silkroute", "cloudwheel", "golden-rice"),
    (2.4, 1.8, 0.6, 2.2, 0.9, 1.2, 1.3, 1.6, 1.0, 0.7, 1.9, 0.5)))
USUAL = (0.24, 0.52, 0.24)
WARM_UP_DAYS = 4
SOURCES = ("wire-a", "wire-b", "exchange-news", "daily-finance", "财经快讯", "证券日报网")
# What desks put before and behind a headline: it says nothing of the tone.
BEFORE = {"en": ("", "", "", "UPDATE: ", "Newsflash: ", "Markets: ", "In brief: ", "Morning note: ", "Exclusive: "),
          "zh": ("", "", "", "快讯：", "更新：", "早报：", "简讯：", "盘面：", "独家：")}
BEHIND = {"en": ("", "", "", " - report", ", sources say", " (update)", " - filing", ", says paper", " on Monday", " this week"),
          "zh": ("", "", "", "，消息人士称", "（更新）", "，媒体报道", "，公告称", "，据悉", "，本周消息", "，周一消息")}
# Companies that nobody watches: they are in the stream as they are in any.
OTHERS = (("Quartz Telecom", "石英电信"), ("Maple Freight", "枫叶货运"), ("Orchid Retail", "兰花零售"))


def patterns():
    """(lang, label) → patterns to learn from, patterns of the stream."""
    cells, cell = {}, None
    for line in (HERE / "patterns.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            cell = cells.setdefault(tuple(line.strip("[]").split(" ")), [])
        elif line and not line.startswith("#"):
            cell.append(line)
    split = {}
    for key, lines in cells.items():
        split[key] = ([x for i, x in enumerate(lines) if i % 4 != 3], lines[3::4])
    return split


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.companies = {c["id"]: c for c in json.loads((HERE / "companies.json").read_text(encoding="utf-8"))}
        self.patterns = patterns()

    def poisson(self, mean):
        count, product, limit = 0, self.random.random(), math.exp(-mean)
        while product > limit:
            count += 1
            product *= self.random.random()
        return count

    def called(self, company, lang):
        """One of the names that a headline calls it by."""
        known = self.companies[company]
        own = [a for a in known["aliases"] if a.isascii() == (lang == "en")]
        form = self.random.random()
        if form < 0.25:
            return self.random.choice(own)
        ticker = self.random.choice(known["tickers"])
        if form < 0.4:
            return known["name"][lang] + (f" ({ticker})" if lang == "en" else f"（{ticker}）")
        return known["name"][lang]

    def filled(self, pattern, lang, name):
        """The text, and the second company where the pattern has one."""
        pick = self.random
        second = None
        if "{c2}" in pattern:
            second = pick.choice([c for c in self.companies if c != name])
        number = pick.randint(3, 90)
        quarter = pick.randint(1, 4)
        million = pick.randint(2, 95) * 10
        words = {
            "c": self.called(name, lang) if name in self.companies else name,
            "c2": second and self.called(second, lang),
            "p": f"{number}%",
            "n": str(pick.randint(2, 40)),
            "q": f"Q{quarter}" if lang == "en" else "一二三四"[quarter - 1] + "季度",
            "m": f"${million} million" if lang == "en" else f"{million / 100:g}亿元",
        }
        text = pick.choice(BEFORE[lang]) + pattern.format(**words) + pick.choice(BEHIND[lang])
        return text, second

    def labelled(self, part):
        """Each pattern of a part about four companies, so that what is learned is not the company."""
        for (lang, label), parts in self.patterns.items():
            for place, pattern in enumerate(parts[part]):
                for turn in range(4):
                    company = list(self.companies)[(place * 5 + turn * 7) % len(self.companies)]
                    text, _ = self.filled(pattern, lang, company)
                    yield {"id": f"{lang}-{label}-{place + 1:02}-{turn + 1}", "text": text, "label": label, "lang": lang}

    def spikes(self, days):
        """One every day and a half: volume, tone, both, in turn; never two about one company within two days."""
        hours, found, last = days * 24, [], {}
        hour = WARM_UP_DAYS * 24 + self.random.randint(0, 12)
        while hour + 16 < hours:
            kind = ("volume", "tone", "both")[len(found) % 3]
            # Tone needs headlines to be seen: it is changed where there are some.
            enough = [c for c in RATES if kind == "volume" or RATES[c] >= 0.9]
            free = [c for c in enough if hour - last.get(c, -100) >= 48]
            company = self.random.choice(free)
            length = {"volume": self.random.randint(2, 4), "tone": self.random.randint(8, 11), "both": self.random.randint(3, 5)}[kind]
            found.append({
                "company": company, "kind": kind, "direction": self.random.choice(("up", "down")) if kind != "volume" else "up",
                "start": hour, "hours": length,
                # Headlines an hour on top of the usual.
                "more": {"volume": self.random.uniform(10, 16), "tone": 4.5, "both": self.random.uniform(9, 13)}[kind],
            })
            last[company] = hour
            hour += self.random.randint(24, 48)
        return found

    def stream(self, days, spikes):
        rows = []
        for hour in range(days * 24):
            time = START + timedelta(hours=hour)
            clock = time.hour
            # The mornings of Shanghai and of New York.
            day = 0.12 + math.exp(-((clock - 3.5) ** 2) / 8) + math.exp(-((clock - 15.5) ** 2) / 10)
            week = 0.35 if time.weekday() >= 5 else 1.0
            for company, rate in RATES.items():
                trend = 1 + 0.2 * math.sin(hour / 130 + len(company))
                # More than Poisson: some hours are busier for no reason that anybody knows.
                mean = rate * day * week * trend * self.random.gammavariate(6, 1 / 6)
                tones = [self.random.choices(LABELS, USUAL)[0] for _ in range(self.poisson(mean))]
                if self.random.random() < 0.008:
                    # A story that several write about, as there is every day: nothing that anybody need be woken for.
                    tones += [self.random.choice(LABELS)] * self.random.randint(2, 3)
                for spike in spikes:
                    if spike["company"] == company and spike["start"] <= hour < spike["start"] + spike["hours"]:
                        toned = {"up": "positive", "down": "negative"}[spike["direction"]]
                        weights = USUAL if spike["kind"] == "volume" else [0.94 if x == toned else 0.03 for x in LABELS]
                        if spike["kind"] != "volume":
                            tones = [self.random.choices(LABELS, weights)[0] for _ in tones]
                        tones += [self.random.choices(LABELS, weights)[0] for _ in range(self.poisson(spike["more"]))]
                rows += [self.headline(company, label, time) for label in tones]
            if self.random.random() < 0.5 * day:
                rows.append(self.headline(None, self.random.choice(LABELS), time))
        # The same text again from another source, some minutes later.
        again = [row for row in rows if self.random.random() < 0.08]
        for row in again:
            later = row["at"] + timedelta(minutes=self.random.randint(1, 50))
            rows.append(row | {"at": later, "source": self.random.choice(SOURCES)})
        rows.sort(key=lambda row: row["at"])
        for number, row in enumerate(rows):
            yield {"id": f"n{number:06}", "time": row.pop("at").strftime("%Y-%m-%dT%H:%M:%SZ"), **row}

    def headline(self, company, label, time):
        lang = self.random.choice(("en", "zh"))
        pattern = self.random.choice(self.patterns[lang, label][1])
        name = company or self.random.choice(OTHERS)[lang == "zh"]
        text, second = self.filled(pattern, lang, name)
        at = time + timedelta(seconds=self.random.randint(0, 3599))
        companies = sorted(c for c in (company, second) if c)
        return {"at": at, "source": self.random.choice(SOURCES), "lang": lang, "text": text, "label": label, "companies": companies}


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--out", type=pathlib.Path, default=HERE.parent / "out")
    ask.add_argument("--days", type=int, default=28)
    ask.add_argument("--seed", type=int, default=1)
    asked = ask.parse_args()
    writer = Writer(asked.seed)
    labelled, unseen = (list(writer.labelled(part)) for part in (0, 1))
    spikes = writer.spikes(asked.days)
    rows = list(writer.stream(asked.days, spikes))

    def told(spike):
        start = START + timedelta(hours=spike["start"])
        end = start + timedelta(hours=spike["hours"])
        return {"company": spike["company"], "kind": spike["kind"], "direction": spike["direction"],
                "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "end": end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    asked.out.mkdir(parents=True, exist_ok=True)
    for name, content in (("labelled", labelled), ("unseen", unseen), ("headlines", rows), ("truth", [told(s) for s in spikes])):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        (asked.out / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


main()

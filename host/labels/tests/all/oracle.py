"""Computes with other people's libraries what steward-labels computes.

    oracle.py aggregate | alpha | fleiss | cohen        input: JSON on stdin; answer: the last line of stdout

Each takes a list of cases and answers a list.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")


def aggregate(given):
    import pandas as pd
    from crowdkit.aggregation import DawidSkene, GoldMajorityVote, MajorityVote

    data = pd.DataFrame(given["votes"], columns=["task", "worker", "label"])
    gold = pd.Series(given["gold"], dtype=object)
    labels = sorted(data.label.unique())

    def table(probabilities):
        filled = probabilities.reindex(columns=labels, fill_value=0.0)
        return {task: [float(p) for p in row] for task, row in zip(filled.index, filled.values)}

    majority = MajorityVote().fit(data)
    default = DawidSkene().fit(data)
    # As many iterations as asked for, whatever the likelihood does.
    long = DawidSkene(n_iter=given["iterations"], tol=float("-inf")).fit(data)
    errors = {}
    for (worker, label), row in long.errors_.iterrows():
        errors.setdefault(worker, {})[label] = [float(row[truth]) for truth in labels]
    answer = {
        "labels": labels,
        "majority": dict(majority.labels_),
        "majority_shares": table(majority.probas_),
        "default": dict(default.labels_),
        "default_iterations": len(default.loss_history_),
        "long": table(long.probas_),
        "priors": [float(long.priors_[label]) for label in labels],
        "errors": errors,
    }
    if len(gold):
        # What GoldMajorityVote.predict_proba does, which asks scikit-learn for something that it no longer has.
        skills = GoldMajorityVote().fit(data, gold).skills_
        answer["gold_majority"] = table(MajorityVote().fit_predict_proba(data, skills))
        known = DawidSkene(n_iter=given["iterations"], tol=float("-inf")).fit(data, gold)
        answer["known"] = table(known.probas_)
    return answer


def alpha(given):
    import krippendorff
    import numpy as np

    width = max(len(unit) for unit in given["units"])
    rows = [unit + [np.nan] * (width - len(unit)) for unit in given["units"]]
    return float(krippendorff.alpha(np.array(rows, dtype=float).T, level_of_measurement=given["level"]))


def fleiss(given):
    from statsmodels.stats.inter_rater import fleiss_kappa

    return float(fleiss_kappa(given))


def cohen(given):
    from sklearn.metrics import cohen_kappa_score

    first, second = [], []
    for a, row in enumerate(given["table"]):
        for b, count in enumerate(row):
            first += [a] * count
            second += [b] * count
    labels = list(range(len(given["table"])))
    return float(cohen_kappa_score(first, second, labels=labels, weights=given["weights"]))


if __name__ == "__main__":
    question = {"aggregate": aggregate, "alpha": alpha, "fleiss": fleiss, "cohen": cohen}[sys.argv[1]]
    print(json.dumps([question(case) for case in json.load(sys.stdin)]))

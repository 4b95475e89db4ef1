"""What scikit-learn and SciPy say to the numbers of an evaluation: JSON on stdin, JSON on stdout."""

import json
import sys

from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, classification_report, f1_score, log_loss

given = json.load(sys.stdin)
is_, called, own = given["is"], given["called"], given["own"]
# The probability of what is, beside that of everything else.
loss = log_loss([1] * len(own) + [0], [[1 - p, p] for p in own] + [[1, 0]])
json.dump(
    {
        "pearson": pearsonr(given["a"], given["b"]).statistic,
        "spearman": spearmanr(given["a"], given["b"]).statistic,
        # Without the last row, which only names the other label.
        "log_loss": loss * (len(own) + 1) / len(own),
        "macro_f1": f1_score(is_, called, average="macro", zero_division=0),
        "accuracy": accuracy_score(is_, called),
        "labels": classification_report(is_, called, output_dict=True, zero_division=0),
    },
    sys.stdout,
)

"""What scikit-learn says to the same examples: a JSON question on the standard input, a JSON answer on the last line."""

import json
import sys
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
asked = json.load(sys.stdin)
examples, labels = np.array(asked["vectors"], dtype=np.float32).astype(np.float64), np.array(asked["labels"])
others, of = np.array(asked["others"], dtype=np.float32).astype(np.float64), asked["of"]
model = LogisticRegression(
    C=asked["c"], solver="newton-cg", tol=1e-12, max_iter=10_000, class_weight=asked["class_weight"]
)
whole = make_pipeline(StandardScaler(), model) if asked["standardize"] else model
whole.fit(examples, labels)
names = list(whole.classes_)
chances = whole.predict_log_proba(others)
print(json.dumps({
    "labels": names,
    "coefficients": model.coef_.tolist(),
    "intercepts": model.intercept_.tolist(),
    "losses": [-row[names.index(label)] for row, label in zip(chances.tolist(), of)],
    "predicted": whole.predict(others).tolist(),
}))

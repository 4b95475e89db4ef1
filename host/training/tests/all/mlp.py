"""Where scikit-learn's steps lead from the same first weights: a JSON question on the standard input, a JSON answer on the
last line."""

import json
import sys
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

warnings.filterwarnings("ignore")
asked = json.load(sys.stdin)
examples, labels = np.array(asked["vectors"], dtype=np.float32).astype(np.float64), np.array(asked["labels"])
model = MLPClassifier(
    hidden_layer_sizes=(asked["hidden"],), alpha=asked["l2"], batch_size=len(labels), shuffle=False,
    learning_rate_init=asked["rate"],
)
names = sorted(set(labels.tolist()))
model.partial_fit(examples, labels, classes=names)
model.coefs_ = [np.array(layer, dtype=np.float64) for layer in asked["weights"]]
model.intercepts_ = [np.array(layer, dtype=np.float64) for layer in asked["biases"]]
model._optimizer = AdamOptimizer(model.coefs_ + model.intercepts_, asked["rate"])
for _ in range(asked["steps"]):
    model.partial_fit(examples, labels)
others = np.array(asked["others"], dtype=np.float32).astype(np.float64)
print(json.dumps({"labels": list(model.classes_), "probabilities": model.predict_proba(others).tolist()}))

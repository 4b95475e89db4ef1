"""Agreement of ratings: a list of cases on standard input, each a list of values or nulls for each rater."""
import json
import sys

import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa


def agreement(rows):
    data = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float)
    answer = {
        level: krippendorff.alpha(reliability_data=data, level_of_measurement=level)
        for level in ["nominal", "ordinal", "interval", "ratio"]
    }
    if not np.isnan(data).any():
        table, _ = aggregate_raters(data.T.astype(int))
        answer["fleiss"] = fleiss_kappa(table)
    return answer


print(json.dumps([agreement(rows) for rows in json.load(sys.stdin)]))

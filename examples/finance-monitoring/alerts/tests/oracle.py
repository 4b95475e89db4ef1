"""What statsmodels and scipy say to the numbers of this plugin. Input: a list of cases as JSON on stdin; answer: a list."""

import json
import sys
import warnings

import numpy as np
from scipy import stats
from statsmodels.tsa.holtwinters import ExponentialSmoothing

warnings.filterwarnings("ignore")


def answer(case):
    values = np.array(case["values"])
    season = case["season"]
    model = ExponentialSmoothing(
        values, trend="add", seasonal="add", seasonal_periods=len(season), initialization_method="known",
        initial_level=case["level"], initial_trend=case["trend"], initial_seasonal=np.array(season))
    level, trend, seasonal = case["rates"]
    fit = model.fit(smoothing_level=level, smoothing_trend=trend, smoothing_seasonal=seasonal, optimized=False)
    return {
        "fitted": [float(x) for x in fit.fittedvalues],
        "next": float(fit.forecast(1)[0]),
        "median": float(np.median(values)),
        "scale": float(stats.median_abs_deviation(values, scale="normal")),
    }


print(json.dumps([answer(case) for case in json.load(sys.stdin)]))

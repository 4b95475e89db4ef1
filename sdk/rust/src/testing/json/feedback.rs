//! The JSON form of the world `feedback`.

use serde_json::{Value, json};

use super::{Json, expected, fields, record, variant};
use crate::LabelScore;
use crate::feedback::{
    Als, Analysis, Answer, Arm, Asked, Assignment, Audience, Bpr, Cohort, Comparison, Covariate,
    Design, Direction, Effect, Estimate, ExperimentResult, FunnelDesign, FunnelStep, Happening,
    Interaction, Interval, ItemKnn, Judged, Metric, Path, PathDesign, Person, PreferenceFormat,
    Prior, RankingQuality, Reading, Recommended, Recommender, Rejection, Retained, RetentionDesign,
    RetentionResult, Returning, Said, Score, Similarity, SurveyDesign, SurveyResult, Theme, Trend,
    Twice,
};

record!(LabelScore { label, score });
record!(Analysis {
    language,
    sentiment,
    topics
});
record!(Said { id, text, at });
record!(Trend {
    before,
    after,
    all_before,
    all_after,
    p_value,
    direction
});
record!(Theme {
    name,
    terms,
    members,
    trend
});
record!(SurveyDesign {
    metric,
    twice,
    minimum,
    confidence
});
record!(Answer {
    respondent,
    rating,
    at
});
record!(Estimate { value, low, high });
record!(Rejection { answer, reason });
record!(SurveyResult {
    score,
    answers,
    repeated,
    rejected,
    counts
});
record!(Person {
    id,
    context,
    asked_at
});
record!(Audience {
    survey,
    rule,
    share,
    rest_ms,
    now
});
record!(Assignment {
    variant,
    value,
    reason
});
record!(Covariate {
    sum,
    sum_squares,
    sum_products
});
record!(Arm {
    name,
    users,
    sum,
    sum_squares,
    covariate,
    weight
});
record!(Prior {
    mean,
    standard_deviation
});
record!(Design {
    alpha,
    sequential_tuning,
    prior
});
record!(Interval { low, high });
record!(Effect {
    difference,
    standard_error,
    p_value,
    interval,
    sequential_p_value,
    sequential_interval,
    chance_to_win,
    credible_interval,
    risk_control,
    risk_treatment
});
record!(Comparison {
    arm,
    mean,
    control_mean,
    absolute,
    relative,
    proportions_p_value,
    corrected_p_value
});
record!(ExperimentResult {
    sample_ratio_p_value,
    sample_ratio_mismatch,
    comparisons
});
record!(Happening { person, name, at });
record!(FunnelDesign {
    steps,
    window_ms,
    strict
});
record!(FunnelStep {
    name,
    people,
    of_first,
    of_previous,
    median_ms
});
record!(RetentionDesign {
    start,
    back,
    returning,
    day_ms,
    days,
    until,
    cohort_days
});
record!(Retained {
    day,
    eligible,
    people
});
record!(Cohort { start, size, days });
record!(RetentionResult { overall, cohorts });
record!(Path {
    steps,
    people,
    count
});
record!(PathDesign {
    length,
    pause_ms,
    most
});
record!(Judged {
    prompt,
    completion,
    rating,
    liked,
    correction
});
record!(Interaction { user, item, value });
record!(ItemKnn {
    similarity,
    neighbours,
    k1,
    b
});
record!(Als {
    factors,
    regularization,
    alpha,
    iterations,
    cg_steps,
    seed
});
record!(Bpr {
    factors,
    learning_rate,
    regularization,
    iterations,
    seed
});
record!(Recommended { item, score });
record!(RankingQuality {
    users,
    precision,
    recall,
    map,
    ndcg
});
variant!(Reading { ; Known = "known", Unknown = "unknown" });
variant!(Score { ; Value = "value", TooFew = "too_few" });
variant!(Recommender { Popularity = "popularity"; ItemKnn = "item_knn", Als = "als", Bpr = "bpr" });
variant!(Direction { Rising = "rising", Falling = "falling", Steady = "steady"; });
variant!(Metric { Nps = "nps", Csat = "csat", Ces = "ces"; });
variant!(Twice { Last = "last", First = "first", None = "none"; });
variant!(Asked { Yes = "yes", NoMatch = "no_match", NotInShare = "not_in_share", AskedLately = "asked_lately"; });
variant!(Returning { NDay = "n_day", Cumulative = "cumulative", Unbounded = "unbounded"; });
variant!(PreferenceFormat { Standard = "standard", Conversational = "conversational", Unpaired = "unpaired"; });
variant!(Similarity { Cosine = "cosine", TfIdf = "tf_idf", Bm25 = "bm25"; });

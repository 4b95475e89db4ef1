//! The arithmetic in the words of the contract.

use steward_feedback::{
    audience, events, experiment, flags, interval, preferences, recommend, survey,
};
use steward_sdk::feedback::{
    Answer, Arm, Asked, Assignment, Audience, Cohort, Comparison, Design, Effect, Error, Estimate,
    ExperimentResult, FunnelDesign, FunnelStep, Happening, Interaction, Interval, Judged, Metric,
    Path, PathDesign, Person, PreferenceFormat, RankingQuality, Recommended, Recommender,
    Rejection, Retained, RetentionDesign, RetentionResult, Returning, Score, Similarity,
    SurveyDesign, SurveyResult, Twice,
};

use crate::invalid;

pub(crate) fn survey(design: &SurveyDesign, answers: Vec<Answer>) -> Result<SurveyResult, Error> {
    let survey = survey::Survey {
        metric: match design.metric {
            Metric::Nps => survey::Metric::Nps,
            Metric::Csat => survey::Metric::Csat,
            Metric::Ces => survey::Metric::Ces,
        },
        twice: match design.twice {
            Twice::Last => survey::Twice::Last,
            Twice::First => survey::Twice::First,
            Twice::None => survey::Twice::Neither,
        },
        minimum: design.minimum,
        confidence: design.confidence,
    };
    let answer = |answer: Answer| survey::Answer {
        respondent: answer.respondent,
        rating: answer.rating,
        at: answer.at,
    };
    let answers: Vec<survey::Answer> = answers.into_iter().map(answer).collect();
    let result = survey.score(&answers).map_err(invalid)?;
    let rejection = |rejection: survey::Rejection| Rejection {
        answer: count(rejection.answer),
        reason: rejection.reason,
    };
    Ok(SurveyResult {
        score: match result.score {
            survey::Score::Value(found) => Score::Value(Estimate {
                value: found.value,
                low: found.low,
                high: found.high,
            }),
            survey::Score::TooFew(missing) => Score::TooFew(missing),
        },
        answers: count(result.answers),
        repeated: count(result.repeated),
        rejected: result.rejected.into_iter().map(rejection).collect(),
        counts: result.counts,
    })
}

/// Lists of the contract have fewer than 2^32 entries.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(crate) fn ask(audience: Audience, people: Vec<Person>) -> Result<Vec<Asked>, Error> {
    let audience = audience::Audience {
        rule: audience::Audience::rule(&audience.rule).map_err(invalid)?,
        survey: audience.survey,
        share: audience.share,
        rest_ms: audience.rest_ms,
        now: audience.now,
    };
    let person = |person: Person| audience::Person {
        id: person.id,
        context: person.context,
        asked_at: person.asked_at,
    };
    let people: Vec<audience::Person> = people.into_iter().map(person).collect();
    let asked = audience.ask(&people).map_err(invalid)?;
    let word = |asked| match asked {
        audience::Asked::Yes => Asked::Yes,
        audience::Asked::NoMatch => Asked::NoMatch,
        audience::Asked::NotInShare => Asked::NotInShare,
        audience::Asked::AskedLately => Asked::AskedLately,
    };
    Ok(asked.into_iter().map(word).collect())
}

pub(crate) fn assign(
    file: &str,
    flag: &str,
    contexts: &[String],
) -> Result<Vec<Assignment>, Error> {
    let file = flags::Flags::read(file).map_err(invalid)?;
    let flag = file.flag(flag).map_err(invalid)?;
    let one = |context: &String| {
        let assigned = flag.assign(&flags::context(context)?)?;
        Ok(Assignment {
            variant: assigned.variant,
            value: assigned.value.to_string(),
            reason: assigned.reason.as_str().into(),
        })
    };
    contexts
        .iter()
        .map(one)
        .collect::<Result<_, _>>()
        .map_err(invalid)
}

pub(crate) fn experiment(design: &Design, arms: Vec<Arm>) -> Result<ExperimentResult, Error> {
    let design = experiment::Design {
        alpha: design.alpha,
        sequential_tuning: design.sequential_tuning,
        prior: design.prior.map(|prior| experiment::Prior {
            mean: prior.mean,
            standard_deviation: prior.standard_deviation,
        }),
    };
    let arm = |arm: Arm| experiment::Arm {
        name: arm.name,
        users: arm.users,
        sum: arm.sum,
        sum_squares: arm.sum_squares,
        covariate: arm.covariate.map(|before| experiment::Covariate {
            sum: before.sum,
            sum_squares: before.sum_squares,
            sum_products: before.sum_products,
        }),
        weight: arm.weight,
    };
    let arms: Vec<experiment::Arm> = arms.into_iter().map(arm).collect();
    let result = design.compare(&arms).map_err(invalid)?;
    let comparison = |found: experiment::Comparison| Comparison {
        arm: found.arm,
        mean: found.mean,
        control_mean: found.control_mean,
        absolute: effect(&found.absolute),
        relative: found.relative.as_ref().map(effect),
        proportions_p_value: found.proportions_p_value,
        corrected_p_value: found.corrected_p_value,
    };
    Ok(ExperimentResult {
        sample_ratio_p_value: result.sample_ratio_p_value,
        sample_ratio_mismatch: result.sample_ratio_mismatch,
        comparisons: result.comparisons.into_iter().map(comparison).collect(),
    })
}

fn effect(effect: &experiment::Effect) -> Effect {
    let interval = |interval: interval::Interval| Interval {
        low: interval.low,
        high: interval.high,
    };
    Effect {
        difference: effect.difference,
        standard_error: effect.standard_error,
        p_value: effect.p_value,
        interval: interval(effect.interval),
        sequential_p_value: effect.sequential_p_value,
        sequential_interval: interval(effect.sequential_interval),
        chance_to_win: effect.chance_to_win,
        credible_interval: interval(effect.credible_interval),
        risk_control: effect.risk_control,
        risk_treatment: effect.risk_treatment,
    }
}

fn happened(events: Vec<Happening>) -> Vec<events::Event> {
    let event = |event: Happening| events::Event {
        person: event.person,
        name: event.name,
        at: event.at,
    };
    events.into_iter().map(event).collect()
}

pub(crate) fn funnel(
    design: FunnelDesign,
    events: Vec<Happening>,
) -> Result<Vec<FunnelStep>, Error> {
    let funnel = events::Funnel {
        steps: design.steps,
        window_ms: design.window_ms,
        strict: design.strict,
    };
    let step = |step: events::FunnelStep| FunnelStep {
        name: step.name,
        people: step.people,
        of_first: step.of_first,
        of_previous: step.of_previous,
        median_ms: step.median_ms,
    };
    let steps = funnel.measure(&happened(events)).map_err(invalid)?;
    Ok(steps.into_iter().map(step).collect())
}

pub(crate) fn retention(
    design: RetentionDesign,
    events: Vec<Happening>,
) -> Result<RetentionResult, Error> {
    let retention = events::Retention {
        start: design.start,
        back: design.back,
        returning: match design.returning {
            Returning::NDay => events::Returning::NDay,
            Returning::Cumulative => events::Returning::Cumulative,
            Returning::Unbounded => events::Returning::Unbounded,
        },
        day_ms: design.day_ms,
        days: design.days,
        until: design.until,
        cohort_days: design.cohort_days,
    };
    let days = |days: Vec<events::Retained>| {
        let day = |day: events::Retained| Retained {
            day: day.day,
            eligible: day.eligible,
            people: day.people,
        };
        days.into_iter().map(day).collect::<Vec<_>>()
    };
    let result = retention.measure(&happened(events)).map_err(invalid)?;
    let cohort = |cohort: events::Cohort| Cohort {
        start: cohort.start,
        size: cohort.size,
        days: days(cohort.days),
    };
    Ok(RetentionResult {
        overall: days(result.overall),
        cohorts: result.cohorts.into_iter().map(cohort).collect(),
    })
}

pub(crate) fn paths(design: &PathDesign, events: Vec<Happening>) -> Result<Vec<Path>, Error> {
    let paths = events::Paths {
        length: design.length,
        pause_ms: design.pause_ms,
        most: design.most,
    };
    let path = |path: events::Path| Path {
        steps: path.steps,
        people: path.people,
        count: path.count,
    };
    let found = paths.find(&happened(events)).map_err(invalid)?;
    Ok(found.into_iter().map(path).collect())
}

pub(crate) fn preferences(
    rows: Vec<Judged>,
    format: PreferenceFormat,
) -> Result<Vec<String>, Error> {
    let judged = |row: Judged| preferences::Judged {
        prompt: row.prompt,
        completion: row.completion,
        rating: row.rating,
        liked: row.liked,
        correction: row.correction,
    };
    let format = match format {
        PreferenceFormat::Standard => preferences::Format::Standard,
        PreferenceFormat::Conversational => preferences::Format::Conversational,
        PreferenceFormat::Unpaired => preferences::Format::Unpaired,
    };
    let judged: Vec<preferences::Judged> = rows.into_iter().map(judged).collect();
    let rows = preferences::rows(&judged, format).map_err(invalid)?;
    Ok(rows.iter().map(ToString::to_string).collect())
}

fn table(interactions: &[Interaction]) -> Result<recommend::Interactions, Error> {
    let triples = interactions
        .iter()
        .map(|did| (did.user.as_str(), did.item.as_str(), did.value));
    recommend::Interactions::new(triples).map_err(invalid)
}

fn recommender(recommender: &Recommender) -> recommend::Recommender {
    match recommender {
        Recommender::Popularity => recommend::Recommender::Popularity,
        Recommender::ItemKnn(knn) => recommend::Recommender::ItemKnn(recommend::ItemKnn {
            similarity: match knn.similarity {
                Similarity::Cosine => recommend::Similarity::Cosine,
                Similarity::TfIdf => recommend::Similarity::TfIdf,
                Similarity::Bm25 => recommend::Similarity::Bm25,
            },
            neighbours: knn.neighbours,
            k1: knn.k1,
            b: knn.b,
        }),
        Recommender::Als(als) => recommend::Recommender::Als(recommend::Als {
            factors: als.factors,
            regularization: als.regularization,
            alpha: als.alpha,
            iterations: als.iterations,
            cg_steps: als.cg_steps,
            seed: als.seed,
        }),
        Recommender::Bpr(bpr) => recommend::Recommender::Bpr(recommend::Bpr {
            factors: bpr.factors,
            learning_rate: bpr.learning_rate,
            regularization: bpr.regularization,
            iterations: bpr.iterations,
            seed: bpr.seed,
        }),
    }
}

pub(crate) fn recommend(
    by: &Recommender,
    interactions: &[Interaction],
    users: &[String],
    most: u32,
) -> Result<Vec<Vec<Recommended>>, Error> {
    let table = table(interactions)?;
    let model = recommender(by).fit(&table).map_err(invalid)?;
    let popular = recommend::Recommender::Popularity
        .fit(&table)
        .map_err(invalid)?;
    let one = |user: &String| {
        // Nothing is known of who is new: they get what many have.
        let ranked = match table.user(user) {
            Some(place) => model.recommend(&table, place, most as usize),
            None => popular.recommend(&table, usize::MAX, most as usize),
        };
        let named = |(item, score): (usize, f64)| {
            let item = table.items().get(item)?.clone();
            Some(Recommended { item, score })
        };
        ranked.into_iter().filter_map(named).collect()
    };
    Ok(users.iter().map(one).collect())
}

pub(crate) fn evaluate(
    by: &Recommender,
    train: &[Interaction],
    test: &[Interaction],
    most: u32,
) -> Result<RankingQuality, Error> {
    let (train, test) = (table(train)?, table(test)?);
    let model = recommender(by).fit(&train).map_err(invalid)?;
    let quality = recommend::evaluate(&model, &train, &test, most as usize).map_err(invalid)?;
    Ok(RankingQuality {
        users: count(quality.users),
        precision: quality.precision,
        recall: quality.recall,
        map: quality.map,
        ndcg: quality.ndcg,
    })
}

//! Scorecards: what raters say of candidates, stage by stage, and how far they agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use steward_labels::LabelsError;
use steward_labels::agreement::{Level, fleiss_kappa, krippendorff_alpha};
use steward_sdk::team::{
    Candidate, CriterionScore, Error, Measure, Note, Number, Score, Scorecard, Stage,
    StageAgreement, StageScore, Standing,
};

use crate::notes::{at_most, named, note, number, shown};
use crate::scale;

const MAX_STAGES: usize = 50;
const MAX_SCORES: usize = 100_000;
/// From where on raters are far from each other, as a share of the scale.
const FAR: f64 = 0.5;

/// The values of one criterion of one candidate, by rater.
type Values<'s> = BTreeMap<&'s str, f64>;

/// Brings scores together.
///
/// # Errors
/// `invalid-input` where a stage breaks a rule.
pub fn scorecards(stages: &[Stage], scores: &[Score]) -> Result<Scorecard, Error> {
    check(stages)?;
    at_most("scores", scores.len(), MAX_SCORES)?;
    let mut refused = Vec::new();
    let mut order: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    // Of candidate, stage and criterion; the last two by their places.
    let mut given: HashMap<(&str, usize, usize), Values<'_>> = HashMap::new();
    for score in scores {
        match placed(stages, score) {
            Err(why) => refused.push(why),
            Ok((stage, criterion)) => {
                let key = (score.candidate.as_str(), stage, criterion);
                let values = given.entry(key).or_default();
                if values.contains_key(score.rater.as_str()) {
                    refused.push(twice(score));
                    continue;
                }
                values.insert(&score.rater, score.value);
                if seen.insert(score.candidate.as_str()) {
                    order.push(&score.candidate);
                }
            }
        }
    }
    let candidates = order.iter().map(|name| candidate(stages, name, &given));
    let agreement = stages.iter().enumerate().map(|(place, stage)| {
        let units = order.iter().flat_map(|name| {
            (0..stage.criteria.len()).filter_map(|criterion| given.get(&(*name, place, criterion)))
        });
        StageAgreement {
            stage: stage.name.clone(),
            measures: measures(
                stage,
                units.map(|values| values.values().copied().collect()),
            ),
        }
    });
    Ok(Scorecard {
        candidates: candidates.collect(),
        agreement: agreement.collect(),
        refused,
    })
}

fn check(stages: &[Stage]) -> Result<(), Error> {
    let wrong = |stage: &Stage, why: String| {
        Error::InvalidInput(format!("the stage `{}`: {why}", shown(&stage.name)))
    };
    if stages.is_empty() || stages.len() > MAX_STAGES {
        return Err(Error::InvalidInput(format!(
            "there are {} stages; there are 1 to {MAX_STAGES}",
            stages.len()
        )));
    }
    for (place, stage) in stages.iter().enumerate() {
        if !named(&stage.name) {
            return Err(wrong(
                stage,
                "a name has 1 to 200 characters on one line".into(),
            ));
        }
        if stages
            .iter()
            .take(place)
            .any(|other| other.name == stage.name)
        {
            return Err(wrong(stage, "two stages are called so".into()));
        }
        if stage.raters == 0 {
            return Err(wrong(
                stage,
                "it asks for no rater; it asks for 1 or more".into(),
            ));
        }
        scale::check(&stage.scale).map_err(|why| wrong(stage, why))?;
        scale::criteria("the stage", &stage.criteria).map_err(|why| wrong(stage, why))?;
    }
    Ok(())
}

/// The places of the stage and of the criterion of a score.
fn placed(stages: &[Stage], score: &Score) -> Result<(usize, usize), Note> {
    let (rater, candidate) = (shown(&score.rater), shown(&score.candidate));
    let (stage, criterion) = (shown(&score.stage), shown(&score.criterion));
    if !named(&score.rater) || !named(&score.candidate) {
        return Err(note(
            "no-name",
            "a score names no rater or no candidate",
            "有评分没有写明评分人或候选人",
        ));
    }
    if score.rater == score.candidate {
        return Err(note(
            "rates-themself",
            format!("`{rater}` rates themself"),
            format!("「{rater}」给自己评分"),
        ));
    }
    let Some((at, found)) = stages
        .iter()
        .enumerate()
        .find(|(_, s)| s.name == score.stage)
    else {
        return Err(note(
            "unknown-stage",
            format!("`{rater}` rates `{candidate}` in `{stage}`, which is no stage"),
            format!("「{rater}」在「{stage}」中给「{candidate}」评分，而没有这个阶段"),
        ));
    };
    let Some(of) = found
        .criteria
        .iter()
        .position(|c| c.name == score.criterion)
    else {
        return Err(note(
            "unknown-criterion",
            format!("`{rater}` rates `{criterion}`, which is no criterion of `{stage}`"),
            format!("「{rater}」评价了「{criterion}」，它不是「{stage}」的评价项"),
        ));
    };
    if scale::place(&found.scale, score.value).is_none() {
        let (lowest, highest) = (number(found.scale.lowest), number(found.scale.highest));
        let (value, step) = (number(score.value), number(found.scale.step));
        return Err(note(
            "outside-the-scale",
            format!(
                "`{rater}` rates `{criterion}` of `{candidate}` {value}; the scale goes from {lowest} to {highest} by {step}"
            ),
            format!(
                "「{rater}」给「{candidate}」的「{criterion}」评了 {value}，而量表从 {lowest} 到 {highest}，每级 {step}"
            ),
        ));
    }
    if score.evidence.trim().is_empty() {
        return Err(note(
            "no-evidence",
            format!(
                "`{rater}` does not say what the rating of `{criterion}` of `{candidate}` rests on"
            ),
            format!("「{rater}」没有写明对「{candidate}」的「{criterion}」评分的依据"),
        ));
    }
    Ok((at, of))
}

fn twice(score: &Score) -> Note {
    let (rater, candidate) = (shown(&score.rater), shown(&score.candidate));
    let criterion = shown(&score.criterion);
    note(
        "rated-twice",
        format!("`{rater}` rates `{criterion}` of `{candidate}` twice; the first counts"),
        format!("「{rater}」对「{candidate}」的「{criterion}」评了两次，以第一次为准"),
    )
}

fn candidate(
    stages: &[Stage],
    name: &str,
    given: &HashMap<(&str, usize, usize), Values<'_>>,
) -> Candidate {
    let mut reasons = Vec::new();
    let mut found = Vec::new();
    let mut next: Option<&Stage> = None;
    for (at, stage) in stages.iter().enumerate() {
        let score = staged(at, stage, name, given, &mut reasons);
        if score.criteria.is_empty() {
            next = next.or(Some(stage));
            continue;
        }
        if let Some(before) = next {
            let (before, this) = (shown(&before.name), shown(&stage.name));
            reasons.push(note(
                "out-of-order",
                format!("`{this}` was rated before `{before}` was complete"),
                format!("「{before}」尚未完成，「{this}」就已有评分"),
            ));
        }
        if !score.complete {
            next = next.or(Some(stage));
        }
        found.push(score);
    }
    let standing = match next {
        Some(stage) => {
            let stage = shown(&stage.name);
            note(
                "not-complete",
                format!("the stage `{stage}` is not complete"),
                format!("阶段「{stage}」尚未完成"),
            )
        }
        None => note(
            "needs-sign-off",
            "all stages are complete; what follows is for a person to sign",
            "各阶段均已完成；结论须由人签字",
        ),
    };
    reasons.push(standing);
    Candidate {
        candidate: name.to_owned(),
        standing: Standing::NeedsSignOff,
        stages: found,
        next: next.map(|stage| stage.name.clone()),
        reasons,
    }
}

fn staged(
    at: usize,
    stage: &Stage,
    name: &str,
    given: &HashMap<(&str, usize, usize), Values<'_>>,
    reasons: &mut Vec<Note>,
) -> StageScore {
    let mut criteria = Vec::new();
    let mut mean = 0.0;
    let mut complete = true;
    for (of, criterion) in stage.criteria.iter().enumerate() {
        let Some(values) = given.get(&(name, at, of)) else {
            complete = false;
            continue;
        };
        let raters = u32::try_from(values.len()).unwrap_or(u32::MAX);
        complete &= raters >= stage.raters;
        let lowest = values.values().copied().fold(f64::INFINITY, f64::min);
        let highest = values.values().copied().fold(f64::NEG_INFINITY, f64::max);
        if highest - lowest > FAR * (stage.scale.highest - stage.scale.lowest) {
            let (from, to) = (number(lowest), number(highest));
            let (stage, criterion) = (shown(&stage.name), shown(&criterion.name));
            reasons.push(note(
                "raters-differ",
                format!(
                    "`{criterion}` in `{stage}` is rated from {from} to {to}: let the raters talk"
                ),
                format!("「{stage}」中「{criterion}」的评分从 {from} 到 {to}：请评分人先讨论"),
            ));
        }
        let average = values.values().sum::<f64>() / values.len() as f64;
        mean += criterion.weight * average;
        criteria.push(CriterionScore {
            criterion: criterion.name.clone(),
            mean: average,
            lowest,
            highest,
            raters,
        });
    }
    StageScore {
        stage: stage.name.clone(),
        mean: (criteria.len() == stage.criteria.len()).then_some(mean),
        complete,
        criteria,
    }
}

fn measures(stage: &Stage, units: impl Iterator<Item = Vec<f64>>) -> Vec<Measure> {
    let units: Vec<Vec<f64>> = units.collect();
    let measure = |name: &str, found: Result<f64, LabelsError>| Measure {
        name: name.into(),
        number: match found {
            Ok(value) => Number::Value(value),
            Err(LabelsError::Undefined { reason, .. }) => Number::Undefined(reason),
            Err(error) => Number::Undefined(error.to_string()),
        },
    };
    let alpha = |level| krippendorff_alpha(&units, level);
    let counts: Vec<Vec<u64>> = units.iter().map(|unit| counted(stage, unit)).collect();
    vec![
        measure("krippendorff-alpha-nominal", alpha(Level::Nominal)),
        measure("krippendorff-alpha-ordinal", alpha(Level::Ordinal)),
        measure("krippendorff-alpha-interval", alpha(Level::Interval)),
        measure("krippendorff-alpha-ratio", alpha(Level::Ratio)),
        measure("fleiss-kappa", fleiss_kappa(&counts)),
    ]
}

/// How often each value of the scale was given.
fn counted(stage: &Stage, unit: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; scale::values(&stage.scale)];
    for value in unit {
        let place = scale::place(&stage.scale, *value);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    counts
}

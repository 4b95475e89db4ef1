//! Advises on reviews: the ratings of leads, and beside them those of everybody else.
//!
//! A score about a person is advice. It carries what it rests on, says why in English and Chinese, and waits for a signature:
//! `Standing` has no other word. A review that breaks a rule is refused by itself, so that the others are evaluated.

use steward_sdk::team::{
    Advice, Cycle, Error, Evaluation, Evidence, Input, Note, Part, Perspective, Refusal, Review,
    Standing, Team,
};
use steward_sdk::{config, log};

struct Plugin {
    lead_share: f64,
}

steward_sdk::export_team!(Plugin);

impl Team for Plugin {
    /// Runs before every call. A value that does not parse fails the call with `invalid-config`.
    fn new() -> Result<Self, Error> {
        let lead_share = config::parse_or("lead_share", 0.7)?;
        if !(0.0..=1.0).contains(&lead_share) {
            return Err(Error::InvalidConfig("`lead_share`: it is between 0 and 1".into()));
        }
        Ok(Self { lead_share })
    }

    fn evaluate(&self, cycle: Cycle, reviews: Vec<Review>) -> Result<Vec<Evaluation>, Error> {
        // `steward function logs` shows it. Never log who.
        log::info!(reviews = reviews.len(); "evaluated a cycle");
        let evaluation = |review: &Review| match self.advise(&cycle, review) {
            Ok(advice) => Evaluation::Advised(advice),
            Err(reason) => Evaluation::Refused(Refusal {
                person: review.person.clone(),
                reasons: vec![reason],
            }),
        };
        Ok(reviews.iter().map(evaluation).collect())
    }
}

impl Plugin {
    fn advise(&self, cycle: &Cycle, review: &Review) -> Result<Advice, Note> {
        let evidence: Vec<Evidence> = review.inputs.iter().flat_map(|input| input.evidence.clone()).collect();
        if evidence.is_empty() {
            return Err(note("no-evidence", "nothing says what the ratings rest on", "没有写明评分的依据"));
        }
        let leads = mean(cycle, review.inputs.iter().filter(|input| input.perspective == Perspective::Lead))?;
        let others = mean(cycle, review.inputs.iter().filter(|input| input.perspective != Perspective::Lead))?;
        let share = match (&leads, &others) {
            (Some(leads), Some(others)) => self.lead_share * leads.value + (1.0 - self.lead_share) * others.value,
            (Some(only), None) | (None, Some(only)) => only.value,
            (None, None) => return Err(note("no-rating", "nobody rated this person", "没有人评价此人")),
        };
        let computed = cycle.scale.lowest + share * (cycle.scale.highest - cycle.scale.lowest);
        // The host keeps who moved a score, and why.
        let score = review.calibrations.last().map_or(computed, |calibration| calibration.after);
        Ok(Advice {
            person: review.person.clone(),
            standing: Standing::NeedsSignOff,
            computed,
            score,
            formula: format!("{} of the leads, the rest of all others", self.lead_share),
            parts: leads.into_iter().chain(others).collect(),
            evidence,
            reasons: vec![note("needs-sign-off", "advice until a person has signed it", "仅为建议，须由人签字后生效")],
        })
    }
}

/// The mean of some inputs by the weights of the criteria, as a share of the scale.
fn mean<'i>(cycle: &Cycle, inputs: impl Iterator<Item = &'i Input>) -> Result<Option<Part>, Note> {
    let (mut sum, mut of) = (0.0, 0);
    let mut name = "lead";
    for input in inputs {
        if input.perspective != Perspective::Lead {
            name = "others";
        }
        of += 1;
        for criterion in &cycle.criteria {
            let rating = input.ratings.iter().find(|rating| rating.criterion == criterion.name);
            let value = rating.map_or(f64::NAN, |rating| rating.value);
            if !(cycle.scale.lowest..=cycle.scale.highest).contains(&value) {
                return Err(note("outside-the-scale", "a rating is missing or outside the scale", "有评分缺失或超出量表"));
            }
            sum += criterion.weight * (value - cycle.scale.lowest) / (cycle.scale.highest - cycle.scale.lowest);
        }
    }
    Ok((of > 0).then(|| Part { name: name.into(), value: sum / f64::from(of), of }))
}

fn note(code: &str, en: &str, zh: &str) -> Note {
    Note { code: code.into(), en: en.into(), zh: zh.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_sdk::testing::team_cases;

    /// The same file runs against the component: `steward plugin test`.
    #[test]
    fn cases() {
        team_cases::<Plugin>(env!("CARGO_MANIFEST_DIR"));
    }
}

//! Reviews: goals and ratings to parts, parts to a score, calibrations checked.

use std::collections::BTreeSet;

use steward_sdk::team::{
    Advice, Calibration, Cycle, Error, Evaluation, Evidence, Goal, Input, KeyResult, Note, Part,
    Perspective, Refusal, Review, Standing,
};

use crate::formula::{Formula, NoValue, name_of};
use crate::notes::{at_most, named, note, number, shown};
use crate::scale;

/// The most reviews of one call.
const MAX_REVIEWS: usize = 5000;
/// The most goals of a review, key results of a goal, raters, calibrations, pieces of evidence in one place.
const MAX_LIST: usize = 100;
/// How far scores may be apart and be the same.
const SLACK: f64 = 1e-6;
/// From where on what a person says of themself is far from what the lead says, as a share of the scale.
const FAR: f64 = 0.25;

/// One evaluation for each review, in order.
///
/// # Errors
/// `invalid-input` where the cycle breaks a rule, or its formula names what it does not have.
pub fn evaluate(
    configured: &Formula,
    cycle: &Cycle,
    reviews: &[Review],
) -> Result<Vec<Evaluation>, Error> {
    at_most("reviews", reviews.len(), MAX_REVIEWS)?;
    let wrong =
        |why: String| Error::InvalidInput(format!("the cycle `{}`: {why}", shown(&cycle.name)));
    scale::check(&cycle.scale).map_err(wrong)?;
    scale::criteria("the cycle", &cycle.criteria).map_err(wrong)?;
    let own = cycle
        .formula
        .as_deref()
        .map(|text| Formula::parse(text).map_err(|why| wrong(format!("`formula`: {why}"))))
        .transpose()?;
    let formula = own.as_ref().unwrap_or(configured);
    for (part, criterion) in formula.parts() {
        let Some(criterion) = criterion else { continue };
        if !cycle.criteria.iter().any(|c| c.name == criterion) {
            return Err(wrong(format!(
                "`formula`: `{}` is none of its criteria",
                shown(&name_of(part, Some(criterion)))
            )));
        }
    }
    let mut people = BTreeSet::new();
    let evaluations = reviews.iter().map(|review| {
        let evaluated = if people.insert(review.person.as_str()) {
            advise(formula, cycle, review)
        } else {
            Err(vec![note(
                "reviewed-twice",
                "there are two reviews of this person; keep one",
                "此人有两份评估，请只保留一份",
            )])
        };
        match evaluated {
            Ok(advice) => Evaluation::Advised(advice),
            Err(reasons) => Evaluation::Refused(Refusal {
                person: review.person.clone(),
                reasons,
            }),
        }
    });
    Ok(evaluations.collect())
}

fn advise(formula: &Formula, cycle: &Cycle, review: &Review) -> Result<Advice, Vec<Note>> {
    let mut wrong = Vec::new();
    check_lists(review, &mut wrong);
    check_goals(&review.goals, &mut wrong);
    check_inputs(cycle, review, &mut wrong);
    let evidence = gathered(review, &mut wrong);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let measured = Measured { cycle, review };
    let share = formula
        .value(&|part, criterion| measured.part(part, criterion).map(|part| part.value))
        .map_err(|why| vec![no_value(why)])?;
    if !(-SLACK..=1.0 + SLACK).contains(&share) {
        return Err(vec![note(
            "outside-the-formula",
            format!(
                "the formula gives {}; a score is a share between 0 and 1",
                number(share)
            ),
            format!("公式得出 {}，而得分必须在 0 与 1 之间", number(share)),
        )]);
    }
    let computed = scale::at(&cycle.scale, share.clamp(0.0, 1.0));
    let score = calibrated(cycle, review, computed)?;
    let parts: Vec<Part> = formula
        .parts()
        .into_iter()
        .filter_map(|(part, criterion)| measured.part(part, criterion))
        .collect();
    let reasons = reasons(&measured, &parts, computed);
    Ok(Advice {
        person: review.person.clone(),
        standing: Standing::NeedsSignOff,
        computed,
        score,
        formula: formula.text().to_owned(),
        parts,
        evidence,
        reasons,
    })
}

fn check_lists(review: &Review, wrong: &mut Vec<Note>) {
    if !named(&review.person) {
        wrong.push(note(
            "no-person",
            "the review names nobody: a name has 1 to 200 characters on one line",
            "评估没有写明对象：名称须为一行内 1 至 200 个字符",
        ));
    }
    let key_results = review.goals.iter().map(|goal| goal.key_results.len());
    let of_goals = review.goals.iter().map(|goal| goal.evidence.len());
    let of_inputs = review.inputs.iter().map(|input| input.evidence.len());
    let longest = key_results.chain(of_goals).chain(of_inputs).max();
    let lists = [
        review.goals.len(),
        review.inputs.len(),
        review.calibrations.len(),
        longest.unwrap_or_default(),
    ];
    if lists.iter().any(|list| *list > MAX_LIST) {
        wrong.push(note(
            "too-many",
            format!("a list of the review has over {MAX_LIST} entries"),
            format!("评估中有列表超过 {MAX_LIST} 项"),
        ));
    }
}

fn check_goals(goals: &[Goal], wrong: &mut Vec<Note>) {
    let mut weights = |of: &str, zh: &str, weights: Vec<f64>| {
        if let Err(why) = scale::weights(of, weights.iter().copied()) {
            let sum: f64 = weights.iter().sum();
            let zh = format!(
                "{zh}的权重须各在 0 与 1 之间且总和为 1，现为 {}",
                number(sum)
            );
            wrong.push(note("weights-do-not-sum", why, zh));
        }
    };
    if !goals.is_empty() {
        weights(
            "the goals",
            "各目标",
            goals.iter().map(|goal| goal.weight).collect(),
        );
    }
    for goal in goals {
        let of = format!("the key results of `{}`", shown(&goal.title));
        let zh = format!("目标「{}」下各关键结果", shown(&goal.title));
        weights(
            &of,
            &zh,
            goal.key_results.iter().map(|k| k.weight).collect(),
        );
    }
    for goal in goals {
        if !named(&goal.title) {
            wrong.push(note(
                "no-title",
                "a goal has no title: 1 to 200 characters on one line",
                "有目标没有标题：须为一行内 1 至 200 个字符",
            ));
        }
        for result in &goal.key_results {
            let KeyResult {
                begin,
                target,
                current,
                ..
            } = *result;
            if ![begin, target, current].iter().all(|n| n.is_finite())
                || !(target - begin).is_finite()
                || !(current - begin).is_finite()
                || begin == target
            {
                wrong.push(note(
                    "no-way-to-go",
                    format!(
                        "the key result `{}` has no way from its begin to its target",
                        shown(&result.title)
                    ),
                    format!(
                        "关键结果「{}」的起点与目标之间没有距离",
                        shown(&result.title)
                    ),
                ));
            }
        }
    }
}

fn check_inputs(cycle: &Cycle, review: &Review, wrong: &mut Vec<Note>) {
    let mut raters = BTreeSet::new();
    for input in &review.inputs {
        let rater = shown(&input.rater);
        if !named(&input.rater) {
            wrong.push(note(
                "no-rater",
                "an input names no rater",
                "有评价没有写明评价人",
            ));
        }
        if !raters.insert(input.rater.as_str()) {
            wrong.push(note(
                "rated-twice",
                format!("`{rater}` gave two inputs; keep one"),
                format!("「{rater}」给出了两份评价，请只保留一份"),
            ));
        }
        let themself = input.rater == review.person;
        if themself != (input.perspective == Perspective::SelfAssessment) {
            wrong.push(note(
                "wrong-perspective",
                format!("the input of `{rater}`: people assess themselves, and others are peers or leads"),
                format!("「{rater}」的评价：本人只能自评，他人只能作为同事或主管评价"),
            ));
        }
        check_ratings(cycle, input, &rater, wrong);
    }
}

fn check_ratings(cycle: &Cycle, input: &Input, rater: &str, wrong: &mut Vec<Note>) {
    for criterion in &cycle.criteria {
        let given = input
            .ratings
            .iter()
            .filter(|r| r.criterion == criterion.name);
        if given.count() != 1 {
            let name = shown(&criterion.name);
            wrong.push(note(
                "not-rated-once",
                format!("`{rater}` does not rate `{name}` once"),
                format!("「{rater}」没有对「{name}」恰好评一次分"),
            ));
        }
    }
    for rating in &input.ratings {
        let name = shown(&rating.criterion);
        if !cycle.criteria.iter().any(|c| c.name == rating.criterion) {
            wrong.push(note(
                "unknown-criterion",
                format!("`{rater}` rates `{name}`, which is none of the criteria"),
                format!("「{rater}」评价了「{name}」，它不是本轮的评价项"),
            ));
        } else if scale::place(&cycle.scale, rating.value).is_none() {
            let (lowest, highest) = (number(cycle.scale.lowest), number(cycle.scale.highest));
            let (value, step) = (number(rating.value), number(cycle.scale.step));
            wrong.push(note(
                "outside-the-scale",
                format!("`{rater}` rates `{name}` {value}; the scale goes from {lowest} to {highest} by {step}"),
                format!("「{rater}」给「{name}」评了 {value}，而量表从 {lowest} 到 {highest}，每级 {step}"),
            ));
        }
    }
}

/// All evidence of a review, each once.
fn gathered(review: &Review, wrong: &mut Vec<Note>) -> Vec<Evidence> {
    let goals = review.goals.iter().flat_map(|goal| &goal.evidence);
    let inputs = review.inputs.iter().flat_map(|input| &input.evidence);
    let mut found: Vec<Evidence> = Vec::new();
    let mut known = BTreeSet::new();
    for evidence in goals.chain(inputs) {
        if evidence.source.trim().is_empty() || evidence.summary.trim().is_empty() {
            wrong.push(note(
                "empty-evidence",
                "a piece of evidence does not say where it is or what it shows",
                "有证据没有写明出处或内容",
            ));
            continue;
        }
        if known.insert((&evidence.source, &evidence.summary)) {
            found.push(evidence.clone());
        }
    }
    if found.is_empty() {
        wrong.push(note(
            "no-evidence",
            "the review has no evidence; add what the goals or the ratings rest on",
            "评估没有任何证据；请补充目标或评分所依据的材料",
        ));
    }
    found
}

fn no_value(why: NoValue) -> Note {
    match why {
        NoValue::Missing(part) => note(
            "part-missing",
            format!(
                "the formula needs `{}`, which nobody gave; add it, or let the formula say `first(…)`",
                shown(&part)
            ),
            format!(
                "公式需要「{}」，但没有人提供；请补充，或在公式中使用 first(…)",
                shown(&part)
            ),
        ),
        NoValue::NotFinite => note(
            "no-number",
            "the formula divides by zero or becomes too large for this review",
            "对这份评估，公式除以了零或结果过大",
        ),
    }
}

/// What the calibrations make of the computed score.
fn calibrated(cycle: &Cycle, review: &Review, computed: f64) -> Result<f64, Vec<Note>> {
    let mut wrong = Vec::new();
    let mut score = computed;
    let mut at = i64::MIN;
    for (place, calibration) in review.calibrations.iter().enumerate() {
        let Calibration {
            before,
            after,
            by,
            reason,
            at: when,
        } = calibration;
        let which = place + 1;
        let mut refuse = |code: &str, en: String, zh: String| {
            wrong.push(note(
                code,
                format!("calibration {which}: {en}"),
                format!("第 {which} 次校准：{zh}"),
            ));
        };
        // What is no number is not near.
        let near = (before - score).abs() <= SLACK;
        if !near {
            refuse(
                "calibration-broken",
                format!(
                    "it begins at {}, and the score was {}; calibrate anew",
                    number(*before),
                    number(score)
                ),
                format!(
                    "起始分为 {}，而当时得分为 {}；请重新校准",
                    number(*before),
                    number(score)
                ),
            );
        }
        if !(cycle.scale.lowest..=cycle.scale.highest).contains(after) {
            refuse(
                "outside-the-scale",
                format!("it ends at {}, outside the scale", number(*after)),
                format!("校准后为 {}，超出量表", number(*after)),
            );
        }
        if reason.trim().is_empty() || by.trim().is_empty() {
            refuse(
                "calibration-without-reason",
                "it does not say who moved the score, or why".into(),
                "没有写明由谁校准或为何校准".into(),
            );
        }
        if *by == review.person {
            refuse(
                "calibration-of-oneself",
                "nobody calibrates their own score".into(),
                "任何人不得校准自己的得分".into(),
            );
        }
        if *when < at {
            refuse(
                "calibration-broken",
                "it is older than the one before it".into(),
                "时间早于前一次校准".into(),
            );
        }
        at = *when;
        score = *after;
    }
    if wrong.is_empty() {
        Ok(score)
    } else {
        Err(wrong)
    }
}

struct Measured<'r> {
    cycle: &'r Cycle,
    review: &'r Review,
}

impl Measured<'_> {
    /// A part that somebody gave.
    fn part(&self, part: &str, criterion: Option<&str>) -> Option<Part> {
        let (value, of) = match part {
            "goals" => (self.goals()?, self.review.goals.len()),
            "self" => self.ratings(Some(Perspective::SelfAssessment), criterion)?,
            "peer" => self.ratings(Some(Perspective::Peer), criterion)?,
            "lead" => self.ratings(Some(Perspective::Lead), criterion)?,
            "all" => self.ratings(None, criterion)?,
            _ => return None,
        };
        Some(Part {
            name: name_of(part, criterion),
            value,
            of: u32::try_from(of).unwrap_or(u32::MAX),
        })
    }

    fn goals(&self) -> Option<f64> {
        let goals = &self.review.goals;
        let total = goals.iter().map(|goal| goal.weight * progress(goal));
        (!goals.is_empty()).then(|| total.sum::<f64>().clamp(0.0, 1.0))
    }

    /// The mean of raters, each as a share of the scale.
    fn ratings(
        &self,
        perspective: Option<Perspective>,
        criterion: Option<&str>,
    ) -> Option<(f64, usize)> {
        let inputs = self.review.inputs.iter();
        let inputs = inputs.filter(|input| perspective.is_none_or(|p| p == input.perspective));
        let of: Vec<f64> = inputs.map(|input| self.rating(input, criterion)).collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        (!of.is_empty()).then_some((mean, of.len()))
    }

    fn rating(&self, input: &Input, criterion: Option<&str>) -> f64 {
        let share = |name: &str| {
            let rating = input.ratings.iter().find(|rating| rating.criterion == name);
            rating.map_or(0.0, |rating| scale::share(&self.cycle.scale, rating.value))
        };
        match criterion {
            Some(name) => share(name),
            None => {
                let all = self.cycle.criteria.iter();
                all.map(|c| c.weight * share(&c.name))
                    .sum::<f64>()
                    .clamp(0.0, 1.0)
            }
        }
    }
}

/// How far a goal has come: 0 to 1.
fn progress(goal: &Goal) -> f64 {
    let of = |result: &KeyResult| {
        let way = (result.current - result.begin) / (result.target - result.begin);
        result.weight * way.clamp(0.0, 1.0)
    };
    goal.key_results.iter().map(of).sum::<f64>().clamp(0.0, 1.0)
}

fn reasons(measured: &Measured<'_>, parts: &[Part], computed: f64) -> Vec<Note> {
    let mut reasons: Vec<Note> = parts.iter().map(told).collect();
    let review = measured.review;
    for goal in review.goals.iter().filter(|goal| goal.evidence.is_empty()) {
        let title = shown(&goal.title);
        reasons.push(note(
            "goal-without-evidence",
            format!("the goal `{title}` has no evidence of its own"),
            format!("目标「{title}」没有自己的证据"),
        ));
    }
    let of = |part| measured.part(part, None).map(|part| part.value);
    if let (Some(own), Some(lead)) = (of("self"), of("lead"))
        && (own - lead).abs() > FAR
    {
        reasons.push(note(
            "views-differ",
            format!(
                "the person says {} of themself and the lead {}: talk about it before anybody signs",
                percent(own),
                percent(lead)
            ),
            format!("本人自评 {}，主管评价 {}：签字前请先沟通", percent(own), percent(lead)),
        ));
    }
    let peers = review
        .inputs
        .iter()
        .filter(|input| input.perspective == Perspective::Peer);
    if peers.count() == 1 {
        reasons.push(note(
            "one-peer",
            "one peer is one view",
            "只有一位同事评价，仅代表一种看法",
        ));
    }
    for calibration in &review.calibrations {
        let (before, after) = (number(calibration.before), number(calibration.after));
        let (by, why) = (shown(&calibration.by), shown(&calibration.reason));
        reasons.push(note(
            "calibrated",
            format!("`{by}` moved the score from {before} to {after}: {why}"),
            format!("「{by}」将得分从 {before} 调整为 {after}：{why}"),
        ));
    }
    let score = review
        .calibrations
        .last()
        .map_or(computed, |last| last.after);
    reasons.push(note(
        "needs-sign-off",
        format!(
            "the score {} is advice until a person has signed it",
            number(score)
        ),
        format!("得分 {} 仅为建议，须由人签字后生效", number(score)),
    ));
    reasons
}

fn told(part: &Part) -> Note {
    let (name, value, of) = (shown(&part.name), percent(part.value), part.of);
    if part.name == "goals" {
        let goals = if of == 1 {
            "1 goal".into()
        } else {
            format!("{of} goals")
        };
        let en = format!("`goals`: {value} reached, of {goals}");
        return note("part", en, format!("「goals」：{of} 个目标完成 {value}"));
    }
    let raters = if of == 1 {
        "1 rater".into()
    } else {
        format!("{of} raters")
    };
    let en = format!("`{name}`: {value} of the scale, by {raters}");
    note(
        "part",
        en,
        format!("「{name}」：{of} 位评价人，量表的 {value}"),
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

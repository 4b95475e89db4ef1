//! The JSON form of the world `team`.

use serde_json::{Value, json};

use super::{Json, expected, fields, record, variant};
use crate::team::{
    Advice, Aging, Attendance, Calibration, Candidate, CheckIn, Criterion, CriterionScore, Cycle,
    DeliveryReport, Deployment, Evaluation, Evidence, Flow, Gap, Goal, Input, IssueEvent,
    IssueState, KeyResult, Little, Load, Measure, Member, Note, Number, Part, Percentiles,
    Perspective, Plan, PlanStep, Rating, Refusal, Review, Scale, Schedule, Score, Scorecard, Share,
    SkillLevel, Stage, StageAgreement, StageScore, Standing, Training, Window,
};

variant!(Standing { NeedsSignOff = "needs_sign_off"; });
variant!(Perspective { SelfAssessment = "self_assessment", Peer = "peer", Lead = "lead"; });
variant!(IssueState { Open = "open", Active = "active", Waiting = "waiting", Done = "done"; });
variant!(Number { ; Value = "value", Undefined = "undefined" });
variant!(Evaluation { ; Advised = "advised", Refused = "refused" });
record!(Note { code, en, zh });
record!(Evidence { source, summary });
record!(Scale {
    lowest,
    highest,
    step
});
record!(Criterion { name, weight });
record!(Rating { criterion, value });
record!(KeyResult {
    title,
    weight,
    begin,
    target,
    current
});
record!(Goal {
    title,
    weight,
    key_results,
    evidence
});
record!(Input {
    perspective,
    rater,
    ratings,
    evidence
});
record!(Calibration {
    before,
    after,
    by,
    reason,
    at
});
record!(Review {
    person,
    goals,
    inputs,
    calibrations
});
record!(Cycle {
    name,
    criteria,
    scale,
    formula
});
record!(Part { name, value, of });
record!(Advice {
    person,
    standing,
    computed,
    score,
    formula,
    parts,
    evidence,
    reasons
});
record!(Refusal { person, reasons });
record!(Stage {
    name,
    criteria,
    scale,
    raters
});
record!(Score {
    candidate,
    stage,
    criterion,
    rater,
    value,
    evidence
});
record!(CriterionScore {
    criterion,
    mean,
    lowest,
    highest,
    raters
});
record!(StageScore {
    stage,
    mean,
    complete,
    criteria
});
record!(Candidate {
    candidate,
    standing,
    stages,
    next,
    reasons
});
record!(Measure { name, number });
record!(StageAgreement { stage, measures });
record!(Scorecard {
    candidates,
    agreement,
    refused
});
record!(SkillLevel { skill, level });
record!(Training {
    name,
    skill,
    level,
    hours,
    requires
});
record!(Member {
    person,
    wanted,
    held,
    done
});
record!(Gap {
    skill,
    held,
    wanted,
    closed
});
record!(PlanStep {
    training,
    hours,
    done,
    ready
});
record!(Plan {
    person,
    standing,
    gaps,
    steps,
    progress,
    reasons
});
record!(IssueEvent {
    issue,
    at,
    state,
    assignee
});
record!(Window { since, until });
record!(Percentiles { of, p50, p85, p95 });
record!(Aging { issue, days, late });
record!(Load {
    assignee,
    active,
    waiting
});
record!(Little {
    work_in_progress,
    expected,
    holds
});
record!(Flow {
    work_in_progress,
    started,
    finished,
    throughput,
    cycle_time,
    flow_efficiency,
    aging,
    little,
    loads,
    reasons
});
record!(Deployment {
    name,
    at,
    changes,
    failed,
    restored_at
});
record!(Share { value, low, high });
record!(DeliveryReport {
    deployments,
    frequency,
    lead_time,
    change_failure_rate,
    time_to_restore,
    unrestored,
    reasons
});
record!(Schedule {
    begin,
    every_days,
    grace_days
});
record!(CheckIn { person, at });
record!(Attendance {
    person,
    due,
    missed,
    next,
    open
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_round_trips() {
        let review = json!({
            "person": "ann",
            "goals": [{
                "title": "上线", "weight": 1.0,
                "key_results": [{ "title": "latency", "weight": 1.0, "begin": 90.0, "target": 40.0, "current": 65.0 }],
                "evidence": [{ "source": "https://example.com/d", "summary": "a chart" }],
            }],
            "inputs": [{ "perspective": "self_assessment", "rater": "ann", "ratings": [{ "criterion": "craft", "value": 4.0 }], "evidence": [] }],
            "calibrations": [{ "before": 3.0, "after": 3.5, "by": "lee", "reason": "…", "at": 1 }],
        });
        assert_eq!(
            Review::from_json(&review, "review").unwrap().to_json(),
            review
        );
    }

    #[test]
    fn advice_has_one_standing() {
        assert!(Standing::from_json(&json!("final"), "standing").is_err());
        assert_eq!(Standing::NeedsSignOff.to_json(), "needs_sign_off");
    }
}

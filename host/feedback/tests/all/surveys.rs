//! Intervals against scipy and statsmodels.

use serde_json::json;
use steward_feedback::interval;

use crate::{Random, ask, near};

#[test]
fn intervals_are_those_of_scipy_and_statsmodels() {
    let mut random = Random(11);
    let cases: Vec<(Vec<f64>, f64)> = (0..60)
        .map(|case| {
            let answers = random.between(2, [6, 40, 900][case % 3]);
            let ratings = (0..answers).map(|_| random.between(0, 10) as f64).collect();
            (ratings, [0.8, 0.95, 0.99, 0.999][case % 4])
        })
        .collect();
    let input: Vec<_> = cases
        .iter()
        .map(|(ratings, confidence)| json!({ "ratings": ratings, "confidence": confidence }))
        .collect();
    let answers = ask("surveys", &json!(input));
    assert_eq!(answers.len(), cases.len());
    for ((ratings, confidence), theirs) in cases.iter().zip(answers) {
        let n = ratings.len() as f64;
        let count = |good: fn(f64) -> bool| ratings.iter().filter(|r| good(**r)).count() as f64;
        let wilson = interval::wilson(count(|r| r >= 4.0), n, *confidence);
        near(wilson.low, &theirs["wilson"][0], "Wilson, low");
        near(wilson.high, &theirs["wilson"][1], "Wilson, high");
        let (up, down) = (count(|r| r >= 9.0), count(|r| r <= 6.0));
        near((up - down) / n, &theirs["nps"], "NPS");
        let net = interval::net_promoter(up, down, n, *confidence);
        match (theirs["net"][0].as_f64(), theirs["net"][1].as_f64()) {
            // Theirs knows no bounds; ours ends where the score does.
            (Some(low), Some(high)) => {
                near(net.low, &json!(low.max(-1.0)), "NPS, low");
                near(net.high, &json!(high.min(1.0)), "NPS, high");
            }
            // Where all say the same there is no width.
            _ => assert_eq!((net.low, net.high), ((up - down) / n, (up - down) / n)),
        }
        let (mean, student) = interval::mean(ratings, *confidence);
        near(mean, &theirs["mean"], "mean");
        // Where all answers are the same there is no width, and scipy says that it is no number.
        if theirs["student"][0].is_number() {
            near(student.low, &theirs["student"][0], "mean, low");
            near(student.high, &theirs["student"][1], "mean, high");
        }
    }
}

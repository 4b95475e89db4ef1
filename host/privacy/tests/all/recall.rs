//! What the ledger says without rows.

use futures::future::join_all;
use steward_privacy::{Answer, Privacy, PrivacyError};
use steward_registry::PrivacyAccounting::Pure;

use crate::support::{Place, SOURCE, account, people, query, tenant, with_budget};

fn count(epsilon: f64) -> String {
    format!(r#"{{"ask": {{"kind": "count"}}, "spend": {{"epsilon": {epsilon}}}}}"#)
}

async fn recall(privacy: &Privacy, json: &str) -> Result<Option<Answer>, PrivacyError> {
    privacy
        .recall(&tenant(), SOURCE, "alice", &query(json))
        .await
}

async fn ask(privacy: &Privacy, json: &str) -> Result<Answer, PrivacyError> {
    privacy
        .ask(&tenant(), SOURCE, "alice", &query(json), people())
        .await
}

#[tokio::test]
async fn the_ledger_answers_and_refuses_what_it_can() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Pure, 1.0, 0.0).await;
    assert_eq!(recall(&privacy, &count(0.75)).await.unwrap(), None);
    let asked = ask(&privacy, &count(0.75)).await.unwrap();
    let recalled = recall(&privacy, &count(0.75)).await.unwrap().unwrap();
    assert!(recalled.repeated && recalled.cost.loss == 0);
    assert_eq!(recalled.left(), "ε 0.25");
    assert_eq!(recalled.release, asked.release);

    assert_eq!(recall(&privacy, &count(0.25)).await.unwrap(), None);
    let over = recall(&privacy, &count(0.250_000_001)).await.unwrap_err();
    assert!(over.to_string().contains("ε 0.25 is left"), "{over}");
    let wrong = r#"{"ask": {"kind": "count"}, "rows_per_unit": 0, "spend": {"epsilon": 0.1}}"#;
    for (json, told) in [
        (wrong, "rows_per_unit is 0"),
        (
            r#"{"ask": {"kind": "count"}, "spend": {"rho": 0.1}}"#,
            "spend epsilon alone",
        ),
    ] {
        let refused = recall(&privacy, json).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
    }
    let bob = privacy
        .recall(&tenant(), SOURCE, "bob", &query(wrong))
        .await;
    assert!(matches!(bob, Err(PrivacyError::NoBudget { .. })), "{bob:?}");
    let spent = privacy.budget(&account("alice")).await.unwrap().spent;
    assert_eq!(spent.loss, 750_000_000);
}

/// The budget is enough for one answer. Who asks the same while it is on its way gets it, and is not refused for what it
/// costs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_on_its_way_is_waited_for() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Pure, 0.5, 0.0).await;
    let askers = (0..64).map(|_| {
        let privacy = privacy.clone();
        tokio::spawn(async move {
            match recall(&privacy, &count(0.5)).await? {
                Some(answer) => Ok(answer),
                None => ask(&privacy, &count(0.5)).await,
            }
        })
    });
    let answers = join_all(askers).await;
    let answers: Vec<Answer> = answers.into_iter().map(|a| a.unwrap().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.release == answers[0].release)
    );
}

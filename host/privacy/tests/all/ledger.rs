//! However many ask at once: no budget is overspent, and a question has one answer.

use futures::future::join_all;
use proptest::prelude::*;
use steward_privacy::{Answer, Limit, Privacy, PrivacyError, Release, guarantee};
use steward_registry::PrivacyAccounting::{Approximate, Concentrated, Pure};

use crate::support::{Place, SOURCE, account, people, query, tenant, with_budget};

async fn ask(privacy: &Privacy, json: &str) -> Result<Answer, PrivacyError> {
    privacy
        .ask(&tenant(), SOURCE, "alice", &query(json), people())
        .await
}

/// A question like no other, for so much.
fn count_from(from: u32, spend: &str) -> String {
    format!(
        r#"{{"ask": {{"kind": "count"}}, "where": [{{"kind": "between", "column": "age", "from": {from}}}],
            "spend": {spend}}}"#
    )
}

/// What the lines of the ledger add up to, which is what is spent, which is no more than the limit.
async fn sound(privacy: &Privacy) -> (u64, u64) {
    let budget = privacy.budget(&account("alice")).await.unwrap();
    let entries = privacy.entries(&account("alice"), 10_000).await.unwrap();
    let loss: u64 = entries.iter().map(|e| e.cost.loss).sum();
    let delta: u64 = entries.iter().map(|e| e.cost.delta).sum();
    assert_eq!((loss, delta), (budget.spent.loss, budget.spent.delta));
    assert!(
        loss <= budget.limit.loss && delta <= budget.limit.delta,
        "{budget:?}"
    );
    (loss, delta)
}

async fn sixty_four_askers(place: &Place) {
    let url = place.fresh().await;
    let hosts = [place.host(&url).await, place.host(&url).await];
    // 31 of 64 fit, and a rest that is too small for one more; δ would allow one question more.
    let limit = Limit::new(Approximate, 1.0, 3.2e-8).unwrap();
    hosts[0]
        .set_budget(&account("alice"), &limit, "operator")
        .await
        .unwrap();
    let askers = (0..64_u32).map(|i| {
        let host = hosts[i as usize % 2].clone();
        tokio::spawn(async move {
            ask(
                &host,
                &count_from(i, r#"{"epsilon": 0.032, "delta": 1e-9}"#),
            )
            .await
        })
    });
    let (mut answered, mut refused) = (0, 0);
    for asked in join_all(askers).await {
        match asked.unwrap() {
            Ok(answer) => {
                assert!(!answer.repeated);
                answered += 1;
            }
            Err(e @ PrivacyError::Refused { .. }) => {
                let said = e.to_string();
                assert!(said.contains("costs ε 0.032, δ 0.000000001"), "{said}");
                assert!(said.contains("ε 0.008, δ 0.000000001 is left"), "{said}");
                refused += 1;
            }
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((answered, refused), (31, 33));
    assert_eq!(sound(&hosts[0]).await, (992_000_000, 31_000_000_000));
    // The last units can be spent, and then none.
    ask(&hosts[1], &count_from(0, r#"{"epsilon": 0.008}"#))
        .await
        .unwrap();
    let over = ask(&hosts[1], &count_from(1, r#"{"epsilon": 1e-9}"#)).await;
    assert!(
        matches!(over, Err(PrivacyError::Refused { .. })),
        "{over:?}"
    );
    assert_eq!(sound(&hosts[0]).await.0, 1_000_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_askers_overspend_nothing_on_sqlite() {
    sixty_four_askers(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_askers_overspend_nothing_on_postgresql() {
    sixty_four_askers(&Place::postgres()).await;
}

async fn one_question_of_many(place: &Place) {
    let url = place.fresh().await;
    let hosts = [place.host(&url).await, place.host(&url).await];
    let limit = Limit::new(Pure, 10.0, 0.0).unwrap();
    hosts[0]
        .set_budget(&account("alice"), &limit, "operator")
        .await
        .unwrap();
    let askers = (0..64).map(|i| {
        let host = hosts[i % 2].clone();
        tokio::spawn(async move { ask(&host, &count_from(7, r#"{"epsilon": 0.01}"#)).await })
    });
    let answers: Vec<Answer> = join_all(askers)
        .await
        .into_iter()
        .map(|a| a.unwrap().unwrap())
        .collect();
    assert!(answers.iter().all(|a| a.release == answers[0].release));
    // Each host pays at most once: its own askers wait for each other.
    let paid = answers.iter().filter(|a| !a.repeated).count() as u64;
    assert!((1..=2).contains(&paid), "{paid}");
    assert_eq!(sound(&hosts[0]).await.0, paid * 10_000_000);
    // Written otherwise, it is the same question; about another snapshot, it is another.
    let same = r#"{"spend": {"epsilon": "0.010"}, "groups_per_unit": 1, "ask": {"kind": "count"},
        "where": [{"kind": "between", "column": "age", "from": 7.0}], "rows_per_unit": 1}"#;
    let again = ask(&hosts[0], same).await.unwrap();
    assert!(again.repeated && again.release == answers[0].release);
    assert_eq!(again.cost.loss, 0);
    let mut other = SOURCE;
    other.snapshot = "sha256:2";
    let other = hosts[0]
        .ask(&tenant(), other, "alice", &query(same), people())
        .await
        .unwrap();
    assert!(!other.repeated);
    assert_eq!(sound(&hosts[0]).await.0, (paid + 1) * 10_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_question_of_many_has_one_answer_on_sqlite() {
    one_question_of_many(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_question_of_many_has_one_answer_on_postgresql() {
    one_question_of_many(&Place::postgres()).await;
}

#[tokio::test]
async fn budgets_are_those_of_principals_and_of_one_accounting() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Pure, 1.0, 0.0).await;
    let json = count_from(0, r#"{"epsilon": 0.5}"#);
    ask(&privacy, &json).await.unwrap();
    let bob = privacy
        .ask(&tenant(), SOURCE, "bob", &query(&json), people())
        .await;
    assert!(matches!(bob, Err(PrivacyError::NoBudget { .. })), "{bob:?}");
    for wrong in [r#"{"rho": 0.1}"#, r#"{"epsilon": 0.1, "delta": 1e-9}"#] {
        let refused = ask(&privacy, &count_from(0, wrong)).await.unwrap_err();
        assert!(
            matches!(refused, PrivacyError::Accounting { .. }),
            "{refused}"
        );
        assert!(
            refused.to_string().contains("spend epsilon alone"),
            "{refused}"
        );
    }
    assert_eq!(sound(&privacy).await.0, 500_000_000);
    // A budget can be raised, and lowered to what is spent; its accounting stays.
    let set = async |accounting, loss| {
        let limit = Limit::new(accounting, loss, 0.0).unwrap();
        privacy
            .set_budget(&account("alice"), &limit, "operator")
            .await
    };
    assert_eq!(set(Pure, 2.0).await.unwrap().left().loss, 1_500_000_000);
    assert!(
        set(Pure, 0.499)
            .await
            .unwrap_err()
            .to_string()
            .contains("spent already")
    );
    assert_eq!(set(Pure, 0.5).await.unwrap().left().loss, 0);
    assert!(
        set(Concentrated, 5.0)
            .await
            .unwrap_err()
            .to_string()
            .contains("is pure")
    );
    // What is answered stays answered, also where nothing is left.
    assert!(ask(&privacy, &json).await.unwrap().repeated);
}

#[tokio::test]
async fn a_concentrated_budget_says_what_it_guarantees() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Concentrated, 0.1, 1e-7).await;
    for from in 0..10 {
        ask(&privacy, &count_from(from, r#"{"rho": 0.01}"#))
            .await
            .unwrap();
    }
    let refused = ask(&privacy, &count_from(11, r#"{"rho": 0.000000001}"#)).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("ρ 0, δ 0.0000001 is left")
    );
    let budget = privacy.budget(&account("alice")).await.unwrap();
    assert!((guarantee(&budget, 1e-6).unwrap() - 2.14194).abs() < 1e-5);
    assert!(guarantee(&budget, 0.0).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_waiting_has_paid_and_finds_the_answer() {
    let place = Place::sqlite();
    let privacy = with_budget(&place, Pure, 1.0, 0.0).await;
    let json = count_from(3, r#"{"epsilon": 0.25}"#);
    let mut asked = Box::pin(ask(&privacy, &json));
    // Dropped as soon as it is paid, wherever it is then.
    while privacy.budget(&account("alice")).await.unwrap().spent.loss == 0 {
        if futures::poll!(&mut asked).is_ready() {
            break;
        }
    }
    drop(asked);
    assert!(ask(&privacy, &json).await.unwrap().repeated);
    assert_eq!(sound(&privacy).await.0, 250_000_000);
}

proptest! {
    // Each case opens a database of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_costs_overspends(
        limit in 0.0..2.0_f64,
        costs in prop::collection::vec(1e-9..0.7_f64, 1..12),
        at_once in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::sqlite();
            let privacy = with_budget(&place, Pure, limit, 0.0).await;
            let asks = costs.iter().zip(0..).map(|(cost, i)| {
                let (privacy, spend) = (privacy.clone(), format!(r#"{{"epsilon": {cost}}}"#));
                async move { ask(&privacy, &count_from(i, &spend)).await }
            });
            let asked = if at_once {
                join_all(asks).await
            } else {
                let mut asked = Vec::new();
                for ask in asks {
                    asked.push(ask.await);
                }
                asked
            };
            let paid: u64 = asked.iter().flatten().map(|a| a.cost.loss).sum();
            assert_eq!(sound(&privacy).await.0, paid);
            // Whoever was refused would not fit now either: nothing was refused that could be paid.
            let left = privacy.budget(&account("alice")).await.unwrap().left().loss;
            for (asked, cost) in asked.iter().zip(&costs) {
                match asked {
                    Ok(answer) => assert!(matches!(answer.release, Release::Number { .. })),
                    Err(PrivacyError::Refused { .. }) => {
                        assert!(steward_privacy::Spend::epsilon(*cost).unwrap().cost().loss > left);
                    }
                    Err(e) => panic!("{e}"),
                }
            }
        });
    }
}

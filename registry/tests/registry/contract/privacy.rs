//! The ledger of privacy budgets.

use futures::future::join_all;
use serde_json::json;
use steward_registry::{
    PrivacyAccount, PrivacyAccounting, PrivacyLoss, PrivacyQuestion, PrivacyReservation, Registry,
    RegistryError, TenantId,
};

use crate::support::{Place, name, registry, tenant};

fn account(tenant: &TenantId, principal: &str) -> PrivacyAccount {
    PrivacyAccount {
        tenant: tenant.clone(),
        dataset: "评论".into(),
        principal: principal.into(),
    }
}

fn question(text: &str) -> PrivacyQuestion {
    PrivacyQuestion::new(text.into()).unwrap()
}

fn loss(loss: u64, delta: u64) -> PrivacyLoss {
    PrivacyLoss { loss, delta }
}

async fn pay(
    registry: &Registry,
    account: &PrivacyAccount,
    text: &str,
    cost: PrivacyLoss,
) -> PrivacyReservation {
    registry
        .reserve_privacy(account, &question(text), cost)
        .await
        .unwrap()
}

pub async fn what_is_spent_stays_spent(place: &Place) {
    let (registry, acme) = registry(place).await;
    let alice = account(&acme, "alice");
    let missing = registry
        .reserve_privacy(&alice, &question("q"), loss(1, 0))
        .await;
    assert!(
        matches!(
            missing,
            Err(RegistryError::NotFound {
                kind: "privacy budget",
                ..
            })
        ),
        "{missing:?}"
    );
    let revision = registry.revision().await.unwrap();
    let set = async |accounting, limit| {
        registry
            .set_privacy_budget(&alice, accounting, limit, "operator")
            .await
    };
    use PrivacyAccounting::{Approximate, Pure};
    let budget = set(Approximate, loss(100, 10)).await.unwrap();
    assert_eq!(registry.privacy_budget(&alice).await.unwrap(), budget);

    let PrivacyReservation::Reserved { attempt: 1, budget } =
        pay(&registry, &alice, "q", loss(60, 10)).await
    else {
        panic!("not paid");
    };
    assert_eq!((budget.spent, budget.left()), (loss(60, 10), loss(40, 0)));
    // Too much of either, also where a sum would overflow.
    for cost in [loss(41, 0), loss(1, 1), loss(i64::MAX as u64, 0)] {
        let PrivacyReservation::Refused { budget } = pay(&registry, &alice, "r", cost).await else {
            panic!("{cost:?} was paid");
        };
        assert_eq!(budget.left(), loss(40, 0));
    }
    let absurd = registry
        .reserve_privacy(&alice, &question("r"), loss(u64::MAX, 0))
        .await;
    assert!(
        matches!(absurd, Err(RegistryError::Invalid(_))),
        "{absurd:?}"
    );
    let PrivacyReservation::Reserved { attempt: 2, .. } =
        pay(&registry, &alice, "q", loss(40, 0)).await
    else {
        panic!("not paid");
    };

    // A limit never goes below what is spent, and losses are counted in one way.
    for (accounting, limit) in [
        (Approximate, loss(99, 10)),
        (Approximate, loss(100, 9)),
        (Pure, loss(1000, 0)),
    ] {
        let refused = set(accounting, limit).await;
        assert!(
            matches!(refused, Err(RegistryError::Conflict { .. })),
            "{refused:?}"
        );
    }
    let refused = set(Pure, loss(1, 1)).await;
    assert!(
        matches!(refused, Err(RegistryError::Invalid(_))),
        "{refused:?}"
    );
    let raised = set(Approximate, loss(150, 10)).await.unwrap();
    assert_eq!((raised.spent, raised.left()), (loss(100, 10), loss(50, 0)));

    assert_eq!(registry.privacy_budgets(&acme).await.unwrap(), [raised]);
    let entries = registry.privacy_entries(&alice, 10).await.unwrap();
    let mut lines: Vec<_> = entries
        .iter()
        .map(|e| (e.body.as_str(), e.attempt, e.cost))
        .collect();
    lines.sort_unstable_by_key(|line| line.1);
    assert_eq!(lines, [("q", 1, loss(60, 10)), ("q", 2, loss(40, 0))]);
    assert_eq!(registry.privacy_entries(&alice, 1).await.unwrap().len(), 1);
    // Hosts keep nothing of this in memory.
    assert_eq!(registry.revision().await.unwrap(), revision);
}

pub async fn a_question_has_one_answer(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (alice, bob) = (account(&acme, "alice"), account(&acme, "bob"));
    for account in [&alice, &bob] {
        registry
            .set_privacy_budget(account, PrivacyAccounting::Pure, loss(10, 0), "operator")
            .await
            .unwrap();
    }
    let q = question("数");
    let unpaid = registry
        .record_privacy_answer(&alice, &q, 1, &json!(0))
        .await;
    assert!(
        matches!(
            unpaid,
            Err(RegistryError::NotFound {
                kind: "privacy reservation",
                ..
            })
        ),
        "{unpaid:?}"
    );
    pay(&registry, &alice, "数", loss(1, 0)).await;
    pay(&registry, &alice, "数", loss(1, 0)).await;
    assert_eq!(registry.privacy_answer(&alice, &q).await.unwrap(), None);
    // Two drew noise: the first to record is the one whose answer is given, to both.
    let record = async |attempt, answer| {
        registry
            .record_privacy_answer(&alice, &q, attempt, &answer)
            .await
            .unwrap()
    };
    let kept = json!({"value": 1.5, "name": "二\u{0}"});
    assert_eq!(record(2, kept.clone()).await, kept);
    assert_eq!(record(1, json!(7)).await, kept);
    assert_eq!(
        registry.privacy_answer(&alice, &q).await.unwrap(),
        Some(kept.clone())
    );
    // Paid is nothing more, not even where nothing is left.
    for cost in [loss(1, 0), loss(1000, 0)] {
        match pay(&registry, &alice, "数", cost).await {
            PrivacyReservation::Answered { answer, budget } => {
                assert_eq!(answer, kept);
                assert_eq!(budget.spent, loss(2, 0));
            }
            other => panic!("{other:?}"),
        }
    }
    let entries = registry.privacy_entries(&alice, 10).await.unwrap();
    let answered: Vec<_> = entries.iter().filter(|e| e.answered_at.is_some()).collect();
    assert_eq!(
        (entries.len(), answered.len(), answered[0].attempt),
        (2, 1, 2)
    );
    // Of another principal it is another question.
    assert_eq!(registry.privacy_answer(&bob, &q).await.unwrap(), None);
    let reserved = pay(&registry, &bob, "数", loss(1, 0)).await;
    assert!(
        matches!(reserved, PrivacyReservation::Reserved { attempt: 1, .. }),
        "{reserved:?}"
    );
}

pub async fn many_that_pay_at_once_overspend_nothing(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    let alice = account(&acme, "alice");
    hosts[0]
        .set_privacy_budget(&alice, PrivacyAccounting::Pure, loss(1000, 0), "operator")
        .await
        .unwrap();
    let payers = (0..64_u64).map(|i| {
        let (host, alice) = (hosts[i as usize % 2].clone(), alice.clone());
        tokio::spawn(async move {
            // A few ask the same thing; each pays, since nobody has answered.
            let cost = 20 + i % 7;
            match pay(&host, &alice, &format!("q{}", i % 50), loss(cost, 0)).await {
                PrivacyReservation::Reserved { .. } => cost,
                PrivacyReservation::Refused { budget } => {
                    assert!(budget.left().loss < cost, "{budget:?}");
                    0
                }
                other => panic!("{other:?}"),
            }
        })
    });
    let paid: u64 = join_all(payers).await.into_iter().map(Result::unwrap).sum();
    let budget = hosts[1].privacy_budget(&alice).await.unwrap();
    assert_eq!(budget.spent.loss, paid);
    assert!(paid <= 1000 && budget.left().loss < 26, "{paid}");
    let entries = hosts[1].privacy_entries(&alice, 100).await.unwrap();
    assert_eq!(entries.iter().map(|e| e.cost.loss).sum::<u64>(), paid);
}

pub async fn what_breaks_a_rule_is_refused(place: &Place) {
    let (registry, acme) = registry(place).await;
    let set = async |account: &PrivacyAccount, limit| {
        registry
            .set_privacy_budget(account, PrivacyAccounting::Approximate, limit, "operator")
            .await
    };
    for name in ["", "a\nb", "\0", &"x".repeat(201)] {
        let mut other = account(&acme, "alice");
        other.dataset = name.into();
        for account in [&account(&acme, name), &other] {
            let refused = set(account, loss(1, 0)).await;
            assert!(
                matches!(refused, Err(RegistryError::Invalid(_))),
                "{refused:?}"
            );
            let refused = registry
                .reserve_privacy(account, &question("q"), loss(1, 0))
                .await;
            assert!(
                matches!(refused, Err(RegistryError::Invalid(_))),
                "{refused:?}"
            );
        }
    }
    let refused = set(&account(&acme, "alice"), loss(u64::MAX, 0)).await;
    assert!(
        matches!(refused, Err(RegistryError::Invalid(_))),
        "{refused:?}"
    );
    let refused = set(&account(&tenant("nobody"), "alice"), loss(1, 0)).await;
    assert!(
        matches!(refused, Err(RegistryError::NotFound { kind: "tenant", .. })),
        "{refused:?}"
    );
    for text in ["\0".to_owned(), "x".repeat((2 << 20) + 1)] {
        assert!(PrivacyQuestion::new(text).is_err());
    }
    let alice = account(&acme, "alice");
    set(&alice, loss(1, 0)).await.unwrap();
    pay(&registry, &alice, "q", loss(1, 0)).await;
    let long = json!("x".repeat(8 << 20));
    let refused = registry
        .record_privacy_answer(&alice, &question("q"), 1, &long)
        .await;
    assert!(
        matches!(refused, Err(RegistryError::Invalid(_))),
        "{refused:?}"
    );
    assert!(
        registry
            .privacy_budgets(&tenant("nobody"))
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn the_unit_of_a_dataset_is_named_once(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (reviews, other) = (name("reviews"), name("other"));
    assert_eq!(registry.privacy_unit(&acme, &reviews).await.unwrap(), None);
    for _ in 0..2 {
        let set = registry.set_privacy_unit(&acme, &reviews, "用户", "ann");
        set.await.unwrap();
    }
    let changed = registry.set_privacy_unit(&acme, &reviews, "order", "ann");
    assert!(matches!(
        changed.await,
        Err(RegistryError::Conflict {
            kind: "privacy unit",
            ..
        })
    ));
    let unit = registry.privacy_unit(&acme, &reviews).await.unwrap();
    assert_eq!(unit.as_deref(), Some("用户"));
    assert_eq!(registry.privacy_unit(&acme, &other).await.unwrap(), None);
}

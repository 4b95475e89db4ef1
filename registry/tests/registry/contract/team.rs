//! Teams: what is signed, what is erased.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use steward_registry::team::{
    Calibration, Criterion, CycleSpec, Decision, Evaluation, Evidence, Goal, Input, KeyResult,
    Person, Perspective, ProcessSpec, Rating, Scale, Score, Signature, Stage,
};
use steward_registry::{Registry, RegistryError, TenantId};

use crate::support::{Place, name, registry, tenant};

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn person(id: &str, lead: Option<&str>) -> Person {
    Person {
        id: name(id),
        name: format!("{id} 某"),
        team: "search".into(),
        lead: lead.map(name),
        principal: Some(format!("key-of-{id}")),
        contact: None,
        keep_until: None,
        created_at: noon(),
    }
}

fn criteria() -> Vec<Criterion> {
    vec![Criterion {
        name: "协作".into(),
        weight: 1.0,
    }]
}

const FIVE: Scale = Scale {
    lowest: 1.0,
    highest: 5.0,
    step: 1.0,
};

fn cycle() -> CycleSpec {
    CycleSpec {
        criteria: criteria(),
        scale: FIVE,
        formula: Some("lead".into()),
        function: name("team"),
    }
}

fn goal() -> Goal {
    Goal {
        title: "上线".into(),
        weight: 1.0,
        key_results: vec![KeyResult {
            title: "latency".into(),
            weight: 1.0,
            begin: 90.0,
            target: 40.0,
            current: 60.0,
        }],
        evidence: vec![Evidence {
            source: "https://example.com/1".into(),
            summary: "图表".into(),
        }],
    }
}

fn input(rater: &str, perspective: Perspective) -> Input {
    Input {
        perspective,
        rater: rater.into(),
        ratings: vec![Rating {
            criterion: "协作".into(),
            value: 4.0,
        }],
        evidence: Vec::new(),
        at: noon(),
    }
}

fn evaluation(revision: u64) -> Evaluation {
    Evaluation {
        revision,
        function: "team revision 1".into(),
        invocation: "i-1".into(),
        answer: json!({ "advised": { "person": "ann", "score": 4.0 } }),
        at: noon(),
    }
}

fn score(candidate: &str, rater: &str) -> Score {
    Score {
        candidate: name(candidate),
        stage: "screen".into(),
        criterion: "协作".into(),
        rater: rater.into(),
        value: 3.0,
        evidence: "notes".into(),
        at: noon(),
    }
}

fn decision(candidate: &str) -> Decision {
    Decision {
        candidate: name(candidate),
        decision: "offer".into(),
        reason: "两位评分人一致".into(),
        advice: json!({ "candidate": candidate }),
        signed: Signature {
            by: "hr".into(),
            at: noon(),
        },
    }
}

/// ann and bo, led by lee; a cycle in which bo and lee rate ann, and bo is rated by ann; a process with two candidates.
async fn start(place: &Place) -> (Registry, TenantId) {
    let (registry, tenant) = registry(place).await;
    for (id, lead) in [("lee", None), ("ann", Some("lee")), ("bo", Some("lee"))] {
        let set = registry
            .set_team_person(&tenant, &person(id, lead), "hr")
            .await
            .unwrap();
        assert_eq!(set.lead, lead.map(name));
    }
    let spec = cycle();
    registry
        .set_team_cycle(&tenant, &name("h1"), &spec, None, "hr")
        .await
        .unwrap();
    let h1 = name("h1");
    registry
        .set_team_goals(&tenant, &h1, &name("ann"), &[goal()], "key-of-ann")
        .await
        .unwrap();
    for (person, rater, perspective) in [
        ("ann", "bo", Perspective::Peer),
        ("ann", "lee", Perspective::Lead),
        ("bo", "ann", Perspective::Peer),
    ] {
        registry
            .give_team_input(
                &tenant,
                &h1,
                &name(person),
                &input(rater, perspective),
                rater,
            )
            .await
            .unwrap();
    }
    let stages = vec![Stage {
        name: "screen".into(),
        criteria: criteria(),
        scale: FIVE,
        raters: 1,
    }];
    let spec = ProcessSpec {
        stages,
        function: name("team"),
    };
    registry
        .set_team_process(&tenant, &name("p1"), &spec, None, "hr")
        .await
        .unwrap();
    let scores = [score("c1", "ann"), score("c1", "bo"), score("c2", "ann")];
    registry
        .give_team_scores(&tenant, &name("p1"), &scores, "hr")
        .await
        .unwrap();
    (registry, tenant)
}

#[track_caller]
fn conflicts<T: std::fmt::Debug>(result: Result<T, RegistryError>, says: &str) {
    let Err(error @ RegistryError::Conflict { .. }) = result else {
        panic!("{result:?}");
    };
    assert!(error.to_string().contains(says), "{error}");
}

pub async fn a_review_is_signed_as_it_was_evaluated(place: &Place) {
    let (registry, tenant) = start(place).await;
    let (h1, ann) = (name("h1"), name("ann"));
    let review = registry.team_review(&tenant, &h1, &ann).await.unwrap();
    assert_eq!((review.revision, review.goals), (3, vec![goal()]));
    assert_eq!(
        review.inputs,
        [
            input("bo", Perspective::Peer),
            input("lee", Perspective::Lead)
        ]
    );
    let sign = |revision| registry.sign_team_review(&tenant, &h1, &ann, revision, "hr");
    conflicts(sign(3).await, "was not evaluated");
    let keep = async |revision| {
        let said = evaluation(revision);
        let kept = registry.keep_team_evaluation(&tenant, &h1, &ann, &said, "lee");
        kept.await.unwrap()
    };
    assert!(!keep(2).await, "of an earlier revision");
    assert!(keep(3).await);
    conflicts(sign(2).await, "at revision 3, and not at 2");

    // What raters may say together fits into what is said of it.
    let lee = name("lee");
    let long = |pieces: usize| {
        let piece = Evidence {
            source: "x".repeat(2000),
            summary: "x".repeat(2000),
        };
        Input {
            evidence: vec![piece; pieces],
            ..input("bo", Perspective::Peer)
        }
    };
    let give = async |input: &Input| {
        let given = registry.give_team_input(&tenant, &h1, &lee, input, "bo");
        given.await
    };
    let fits = long(15);
    give(&fits).await.unwrap();
    assert!(matches!(
        give(&long(17)).await,
        Err(RegistryError::Invalid(_))
    ));
    let evidence = vec![json!(fits.evidence); 100];
    let whole = Evaluation {
        answer: json!({ "advised": { "person": "lee", "evidence": evidence } }),
        ..evaluation(1)
    };
    let kept = registry.keep_team_evaluation(&tenant, &h1, &lee, &whole, "hr");
    assert!(kept.await.unwrap());

    // A calibration is of what was evaluated, and has to be evaluated in turn.
    let moved = Calibration {
        revision: 3,
        before: 4.0,
        after: 3.5,
        by: "hr".into(),
        reason: "与其他团队对齐".into(),
        at: noon(),
    };
    let calibrate = |revision, moved: Calibration| {
        let (registry, tenant, h1, ann) = (&registry, &tenant, &h1, &ann);
        let moved = Calibration { revision, ..moved };
        async move {
            registry
                .calibrate_team_review(tenant, h1, ann, &moved)
                .await
        }
    };
    conflicts(
        calibrate(2, moved.clone()).await,
        "at revision 3, and not at 2",
    );
    let silent = Calibration {
        reason: " ".into(),
        ..moved.clone()
    };
    assert!(matches!(
        calibrate(3, silent).await,
        Err(RegistryError::Invalid(_))
    ));
    calibrate(3, moved.clone()).await.unwrap();
    conflicts(sign(4).await, "was not evaluated");
    let review = registry.team_review(&tenant, &h1, &ann).await.unwrap();
    assert_eq!(review.in_force(), std::slice::from_ref(&moved));
    assert_eq!((review.revision, review.calibrations), (4, vec![moved]));

    // A cycle that is set anew makes what was evaluated old.
    assert!(keep(4).await);
    registry
        .set_team_cycle(&tenant, &h1, &cycle(), None, "hr")
        .await
        .unwrap();
    let review = registry.team_review(&tenant, &h1, &ann).await.unwrap();
    assert_eq!((review.calibrations.len(), review.in_force()), (1, &[][..]));
    conflicts(sign(4).await, "changed meanwhile");
    conflicts(sign(5).await, "was not evaluated");
    assert!(keep(5).await);
    assert_eq!(sign(5).await.unwrap().by, "hr");

    // Signed, it is final.
    conflicts(sign(5).await, "is signed");
    conflicts(
        registry
            .set_team_goals(&tenant, &h1, &ann, &[], "ann")
            .await,
        "is signed",
    );
    let late = input("bo", Perspective::Peer);
    conflicts(
        registry
            .give_team_input(&tenant, &h1, &ann, &late, "bo")
            .await,
        "is signed",
    );
    assert!(!keep(5).await);
    let audit = registry.audit(&tenant, None, 100).await.unwrap();
    let signed = audit.iter().find(|e| e.action == "team: signed a review");
    assert_eq!(signed.unwrap().target, "cycles/h1/reviews/ann revision 5");
    assert_eq!(signed.unwrap().principal, "hr");
    let moved = audit
        .iter()
        .find(|e| e.action == "team: calibrated a review");
    assert_eq!(moved.unwrap().target, "cycles/h1/reviews/ann revision 3");
    let refused = Evaluation {
        answer: json!({ "refused": { "person": "bo" } }),
        ..evaluation(2)
    };
    let bo = name("bo");
    registry
        .keep_team_evaluation(&tenant, &h1, &bo, &refused, "lee")
        .await
        .unwrap();
    assert!(matches!(
        registry.sign_team_review(&tenant, &h1, &bo, 2, "hr").await,
        Err(RegistryError::Invalid(_))
    ));
}

pub async fn who_was_erased_is_gone(place: &Place) {
    let (registry, tenant) = start(place).await;
    registry
        .sign_team_decision(&tenant, &name("p1"), &decision("c2"))
        .await
        .unwrap();
    conflicts(
        registry
            .sign_team_decision(&tenant, &name("p1"), &decision("c2"))
            .await,
        "is final",
    );
    let late = [score("c2", "bo")];
    conflicts(
        registry
            .give_team_scores(&tenant, &name("p1"), &late, "bo")
            .await,
        "is final",
    );
    let gone = registry
        .erase_team_person(&tenant, &name("ann"), "hr")
        .await
        .unwrap();
    assert_eq!(
        (gone.erased.people, gone.erased.reviews, gone.erased.inputs),
        (1, 1, 2)
    );
    assert_eq!(gone.erased.unnamed, 3, "{gone:?}");
    assert!(matches!(
        registry.team_person(&tenant, &name("ann")).await,
        Err(RegistryError::NotFound { .. })
    ));
    let reviews = registry.team_reviews(&tenant, &name("h1")).await.unwrap();
    assert_eq!(reviews.len(), 1);
    assert!(reviews[0].inputs[0].rater.starts_with("erased-"));
    assert_eq!(
        reviews[0].inputs[0].ratings.len(),
        1,
        "what was said of bo stays"
    );
    let scores = registry.team_scores(&tenant, &name("p1")).await.unwrap();
    assert!(scores.iter().all(|score| score.rater != "ann"));
    assert!(matches!(
        registry
            .erase_team_person(&tenant, &name("ann"), "hr")
            .await,
        Err(RegistryError::NotFound { .. })
    ));
    let candidate = registry
        .erase_team_candidate(&tenant, &name("p1"), &name("c2"), "hr")
        .await
        .unwrap();
    assert_eq!(
        (candidate.erased.scores, candidate.erased.decisions),
        (1, 1)
    );
    assert!(
        registry
            .team_decisions(&tenant, &name("p1"))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry.team_erasures(&tenant).await.unwrap(),
        [candidate, gone]
    );
    let audit = registry.audit(&tenant, None, 100).await.unwrap();
    let proof = audit
        .iter()
        .find(|e| e.action == "team: erased on request" && e.target.starts_with("people/ann:"));
    assert!(proof.unwrap().target.contains("1 reviews"), "{proof:?}");
    assert!(
        registry
            .verify_audit(&tenant, None)
            .await
            .unwrap()
            .broken
            .is_none()
    );
}

pub async fn what_is_over_is_erased(place: &Place) {
    let (registry, tenant) = start(place).await;
    let day = SignedDuration::from_hours(24);
    let mut bo = person("bo", Some("lee"));
    bo.keep_until = Some(noon() + day);
    registry.set_team_person(&tenant, &bo, "hr").await.unwrap();
    registry
        .set_team_cycle(&tenant, &name("h1"), &cycle(), Some(noon() + day * 2), "hr")
        .await
        .unwrap();
    let spec = registry.team_process(&tenant, &name("p1")).await.unwrap();
    registry
        .set_team_process(
            &tenant,
            &name("p1"),
            &spec.spec,
            Some(noon() + day * 3),
            "hr",
        )
        .await
        .unwrap();
    assert_eq!(registry.erase_team_overdue(noon()).await.unwrap(), 0);
    assert_eq!(registry.erase_team_overdue(noon() + day).await.unwrap(), 1);
    assert_eq!(registry.team_people(&tenant).await.unwrap().len(), 2);
    assert_eq!(
        registry.erase_team_overdue(noon() + day * 3).await.unwrap(),
        2
    );
    assert!(
        registry
            .team_reviews(&tenant, &name("h1"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        registry
            .team_scores(&tenant, &name("p1"))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry.erase_team_overdue(noon() + day * 9).await.unwrap(),
        0,
        "once"
    );
    let accounts = registry.team_erasures(&tenant).await.unwrap();
    let subjects: Vec<&str> = accounts.iter().map(|e| e.subject.as_str()).collect();
    assert_eq!(subjects, ["processes/p1", "cycles/h1", "people/bo"]);
    assert!(
        accounts
            .iter()
            .all(|e| e.why == "retention" && e.by == "host")
    );

    // A person of another tenant has nothing to do with it; two people do not share a principal.
    let other = tenant_of(&registry, "other").await;
    registry
        .set_team_person(&other, &person("ann", None), "hr")
        .await
        .unwrap();
    let mut twin = person("twin", None);
    twin.principal = Some("key-of-ann".into());
    conflicts(
        registry.set_team_person(&other, &twin, "hr").await,
        "as another person",
    );
    let itself = person("eve", Some("eve"));
    assert!(matches!(
        registry.set_team_person(&other, &itself, "hr").await,
        Err(RegistryError::Invalid(_))
    ));
    let absent = person("eve", Some("absent"));
    assert!(matches!(
        registry.set_team_person(&other, &absent, "hr").await,
        Err(RegistryError::NotFound { .. })
    ));
    let found = registry
        .team_person_of(&tenant, "key-of-ann")
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, name("ann"));
    assert!(
        registry
            .team_person_of(&other, "key-of-lee")
            .await
            .unwrap()
            .is_none()
    );
}

async fn tenant_of(registry: &Registry, id: &str) -> TenantId {
    let made = tenant(id);
    registry.create_tenant(&made).await.unwrap();
    made
}

//! Surveys: set once, nobody is asked by two hosts, and an answer marks that somebody was asked.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use steward_registry::feedback::{FeedbackFilter, MAX_ASKED_AT_ONCE, NewFeedback, NewSurvey};
use steward_registry::{Registry, RegistryError, TenantId};

use crate::support::{Place, name, registry, tenant};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn survey(of: &str) -> NewSurvey {
    NewSurvey {
        name: name(of),
        metric: "nps".into(),
        question: "您会推荐我们吗？".into(),
        audience: json!({ "rule": null, "share": 0.5, "rest_ms": 86_400_000 }),
        until: None,
    }
}

fn answer(id: &str, of: Option<&str>, respondent: Option<&str>, said_at: Timestamp) -> NewFeedback {
    NewFeedback {
        id: id.into(),
        source: "survey".into(),
        survey: of.map(str::to_owned),
        respondent: respondent.map(str::to_owned),
        function: None,
        model: None,
        invocation: None,
        trace: None,
        said_at,
        said: json!({ "rating": 9 }),
        anonymizer: json!({ "function": "anonymizer" }),
    }
}

/// Asks at a time, of which the hour before is the rest.
async fn ask(
    registry: &Registry,
    tenant: &TenantId,
    of: &str,
    respondents: &[&str],
    now: Timestamp,
) -> Vec<bool> {
    let respondents: Vec<String> = respondents.iter().map(|&one| one.to_owned()).collect();
    registry
        .ask_survey(tenant, &name(of), &respondents, now, now - HOUR)
        .await
        .unwrap()
}

pub async fn a_survey_is_set_shown_and_removed(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let set = registry.set_survey(&acme, &survey("nps"), "hr").await;
    let set = set.unwrap();
    assert_eq!(
        (&set.survey, set.asked, set.answered),
        (&survey("nps"), 0, 0)
    );
    assert_eq!(set.created_by, "hr");
    // Set again it is changed, and stays whose it is.
    let mut changed = survey("nps");
    changed.question = "How likely are you to recommend us?".into();
    changed.until = Some(noon());
    let again = registry.set_survey(&acme, &changed, "pm").await.unwrap();
    assert_eq!(again.survey, changed);
    assert_eq!(
        (again.created_at, again.created_by.as_str()),
        (set.created_at, "hr")
    );
    // Its answers are on one scale.
    changed.metric = "ces".into();
    let refused = registry.set_survey(&acme, &changed, "pm").await;
    assert!(
        matches!(refused, Err(RegistryError::Conflict { kind: "survey", .. })),
        "{refused:?}"
    );
    registry
        .set_survey(
            &acme,
            &NewSurvey {
                metric: "csat".into(),
                ..survey("csat")
            },
            "hr",
        )
        .await
        .unwrap();
    let all = registry.surveys(&acme).await.unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.survey.name.as_str()).collect();
    assert_eq!(names, ["csat", "nps"]);
    assert_eq!(all[1], again);
    let metrics = registry.survey_metrics(&acme).await.unwrap();
    let metrics: Vec<(&str, &str)> = metrics
        .iter()
        .map(|(name, metric)| (name.as_str(), metric.as_str()))
        .collect();
    assert_eq!(metrics, [("csat", "csat"), ("nps", "nps")]);

    // Of another tenant nothing is seen, and what is no survey is refused.
    assert!(registry.surveys(&other).await.unwrap().is_empty());
    for gone in [
        registry.survey(&other, &name("nps")).await.map(drop),
        registry.remove_survey(&other, &name("nps")).await.map(drop),
        registry
            .ask_survey(&other, &name("nps"), &["r1".into()], noon(), noon())
            .await
            .map(drop),
    ] {
        assert!(
            matches!(gone, Err(RegistryError::NotFound { kind: "survey", .. })),
            "{gone:?}"
        );
    }
    let nobody = tenant("nobody");
    assert!(matches!(
        registry.set_survey(&nobody, &survey("nps"), "hr").await,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
    for question in ["", " \n", "a\0", &"长".repeat(2001)] {
        let wrong = NewSurvey {
            question: question.into(),
            ..survey("wrong")
        };
        let refused = registry.set_survey(&acme, &wrong, "hr").await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{question:?}: {refused:?}"
        );
    }
    let large = NewSurvey {
        audience: json!({ "rule": "x".repeat(16 * 1024) }),
        ..survey("wrong")
    };
    let refused = registry.set_survey(&acme, &large, "hr").await;
    assert!(matches!(refused, Err(RegistryError::Invalid(_))));

    // Who it asked goes with it, and what was answered stays.
    let early = noon() - HOUR * 2;
    assert_eq!(
        ask(&registry, &acme, "nps", &["r1", "r2"], early).await,
        [true, true]
    );
    let said = [answer("a", Some("nps"), Some("r1"), early + HOUR)];
    registry.add_feedback(&acme, &said, "ci").await.unwrap();
    assert_eq!(
        registry.remove_survey(&acme, &name("nps")).await.unwrap(),
        2
    );
    assert_eq!(registry.surveys(&acme).await.unwrap().len(), 1);
    let kept = registry
        .feedback(&acme, &FeedbackFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(ask(&registry, &acme, "csat", &["r1"], early).await, [true]);
}

pub async fn nobody_is_asked_again_within_their_rest(place: &Place) {
    let (registry, acme) = registry(place).await;
    for one in ["nps", "exit"] {
        registry
            .set_survey(&acme, &survey(one), "hr")
            .await
            .unwrap();
    }
    // Of hosts that ask for everybody at the same time, one asks each.
    let everybody: Vec<String> = (0..40).map(|n| format!("人{n}")).collect();
    let everybody: Vec<&str> = everybody.iter().map(String::as_str).collect();
    let at = |of: &'static str, minutes: i64| {
        let now = noon() + SignedDuration::from_mins(minutes);
        ask(&registry, &acme, of, &everybody, now)
    };
    let (a, b, c) = tokio::join!(at("nps", 0), at("exit", 1), at("nps", 2));
    for ((a, b), c) in a.iter().zip(&b).zip(&c) {
        assert_eq!([a, b, c].into_iter().filter(|asked| **asked).count(), 1);
    }
    // Another survey leaves them alone too; afterwards each is asked once, however often they are named.
    assert!(at("exit", 50).await.iter().all(|asked| !asked));
    let later = noon() + HOUR * 2;
    let twice = ["人0", "人1", "人0", "new"];
    assert_eq!(
        ask(&registry, &acme, "nps", &twice, later).await,
        [true, true, false, true]
    );
    let exactly = later + HOUR;
    assert_eq!(
        ask(&registry, &acme, "exit", &["new"], exactly).await,
        [true]
    );

    // All or none.
    let next = exactly + HOUR * 2;
    let asked = |respondents: Vec<String>| {
        let (registry, acme) = (&registry, &acme);
        async move {
            registry
                .ask_survey(acme, &name("exit"), &respondents, next, next - HOUR)
                .await
        }
    };
    let before = registry.survey(&acme, &name("exit")).await.unwrap().asked;
    for wrong in [
        vec!["fine".into(), "two\nlines".into()],
        vec!["fine".into(), String::new()],
        vec!["fine".into(); MAX_ASKED_AT_ONCE + 1],
    ] {
        let refused = asked(wrong).await;
        assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    }
    let mut over = survey("exit");
    over.until = Some(next);
    registry.set_survey(&acme, &over, "hr").await.unwrap();
    let refused = asked(vec!["fine".into()]).await;
    assert!(
        matches!(&refused, Err(RegistryError::Invalid(why)) if why.contains("is over")),
        "{refused:?}"
    );
    let after = registry.survey(&acme, &name("exit")).await.unwrap().asked;
    assert_eq!(before, after);
}

pub async fn an_answer_marks_that_somebody_was_asked(place: &Place) {
    let (registry, acme) = registry(place).await;
    for one in ["nps", "exit"] {
        registry
            .set_survey(&acme, &survey(one), "hr")
            .await
            .unwrap();
    }
    let numbers = async |of: &str| {
        let survey = registry.survey(&acme, &name(of)).await.unwrap();
        (survey.asked, survey.answered)
    };
    ask(&registry, &acme, "nps", &["r1", "r2", "r3"], noon()).await;
    let soon = noon() + HOUR;
    let said = [
        answer("a", Some("nps"), Some("r1"), soon),
        // Said before they were asked, by somebody whom it did not ask, to another survey, by nobody, to none.
        answer("b", Some("nps"), Some("r2"), noon() - HOUR),
        answer("c", Some("nps"), Some("r4"), soon),
        answer("d", Some("exit"), Some("r3"), soon),
        answer("e", Some("nps"), None, soon),
        answer("f", None, Some("r3"), soon),
        answer("g", Some("Free text 自由"), Some("r3"), soon),
    ];
    registry.add_feedback(&acme, &said, "ci").await.unwrap();
    assert_eq!(numbers("nps").await, (3, 1));
    assert_eq!(numbers("exit").await, (0, 0));
    // The same answer again, and another of the same person, count once.
    let again = [
        answer("a", Some("nps"), Some("r1"), soon),
        answer("h", Some("nps"), Some("r1"), soon + HOUR),
    ];
    registry.add_feedback(&acme, &again, "ci").await.unwrap();
    assert_eq!(numbers("nps").await, (3, 1));
    // Who is asked again may answer again, the last time they were asked.
    ask(&registry, &acme, "nps", &["r1", "r2"], noon() + HOUR * 5).await;
    assert_eq!(numbers("nps").await, (5, 1));
    let later = noon() + HOUR * 6;
    let said = [
        answer("i", Some("nps"), Some("r1"), later),
        answer("j", Some("nps"), Some("r2"), later),
        answer("k", Some("nps"), Some("r2"), later + HOUR),
    ];
    registry.add_feedback(&acme, &said, "ci").await.unwrap();
    assert_eq!(numbers("nps").await, (5, 3));

    // Who is erased was never asked, and may be asked.
    let erased = registry.erase_feedback(&acme, "r2").await.unwrap();
    assert_eq!((erased.erased, erased.asked), (3, 2));
    assert_eq!(numbers("nps").await, (3, 2));
    let erased = registry.erase_feedback(&acme, "r3").await.unwrap();
    assert_eq!((erased.erased, erased.asked), (3, 1));
    let gone = registry.erase_feedback(&acme, "r2").await;
    assert!(matches!(gone, Err(RegistryError::NotFound { .. })));
    assert_eq!(ask(&registry, &acme, "exit", &["r2"], later).await, [true]);
    let erased = registry.erase_feedback(&acme, "r2").await.unwrap();
    assert_eq!((erased.erased, erased.asked), (0, 1));
}

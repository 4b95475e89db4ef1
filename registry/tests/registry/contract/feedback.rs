//! Feedback, as it is kept.

use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use steward_registry::RegistryError;
use steward_registry::feedback::{FeedbackFilter, NewFeedback};

use crate::support::{Place, registry, tenant};

fn said(id: &str, text: &str) -> NewFeedback {
    NewFeedback {
        id: id.into(),
        source: "api".into(),
        survey: None,
        respondent: None,
        function: None,
        model: None,
        invocation: None,
        trace: (id == "a").then(|| "0af7651916cd43dd8448eb211c80319c".into()),
        said_at: Timestamp::UNIX_EPOCH,
        said: json!({ "text": text }),
        anonymizer: json!({ "function": "anonymizer" }),
    }
}

pub async fn feedback_is_kept_once_and_in_order(place: &Place) {
    let (registry, acme) = registry(place).await;
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    let first = [said("a", "很好用"), said("b", "slow")];
    assert_eq!(
        registry.add_feedback(&acme, &first, "ci").await.unwrap(),
        [true, true]
    );
    // The same again, with something new in between: what is there stays as it is.
    let again = [
        said("b", "changed"),
        said("c", "more"),
        said("a", "changed"),
        said("c", "twice"),
    ];
    let new = registry.add_feedback(&acme, &again, "ci").await.unwrap();
    assert_eq!(new, [false, true, false, false]);
    let all = registry
        .feedback(&acme, &FeedbackFilter::default(), 10)
        .await
        .unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|f| (f.number, f.feedback.said["text"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "很好用"), (2, "slow"), (3, "more")]);
    assert_eq!(all[0].created_by, "ci");
    let traces: Vec<_> = all.iter().map(|f| f.feedback.trace.as_deref()).collect();
    assert_eq!(
        traces,
        [Some("0af7651916cd43dd8448eb211c80319c"), None, None]
    );
    assert!(
        registry
            .feedback(&other, &FeedbackFilter::default(), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let nobody = registry.add_feedback(&tenant("nobody"), &first, "ci").await;
    assert!(matches!(
        nobody,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
    // All or none.
    let broken = [said("d", "x"), said("two\nlines", "y")];
    let refused = registry.add_feedback(&acme, &broken, "ci").await;
    assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    assert_eq!(
        registry
            .feedback(&acme, &FeedbackFilter::default(), 10)
            .await
            .unwrap()
            .len(),
        3
    );
}

pub async fn feedback_is_found_by_what_it_is_about_and_erased_by_who_said_it(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut all: Vec<NewFeedback> = (0..6).map(|n| said(&n.to_string(), "x")).collect();
    for (n, one) in all.iter_mut().enumerate() {
        one.survey = (n % 2 == 0).then(|| "nps".into());
        one.respondent = Some(format!("r{}", n % 3));
        one.function = Some(["support", "support@1.0.0", "support-2@1.0.0"][n % 3].into());
        one.model = (n > 3).then(|| "intent@2".into());
        one.said_at = Timestamp::UNIX_EPOCH + (n as i64).hours();
    }
    registry.add_feedback(&acme, &all, "ci").await.unwrap();
    let numbers = async |filter: FeedbackFilter| -> Vec<u64> {
        let found = registry.feedback(&acme, &filter, 4).await.unwrap();
        found.iter().map(|one| one.number).collect()
    };
    let filter = FeedbackFilter::default;
    assert_eq!(numbers(filter()).await, [1, 2, 3, 4]);
    assert_eq!(
        numbers(FeedbackFilter {
            after: 4,
            ..filter()
        })
        .await,
        [5, 6]
    );
    assert_eq!(
        numbers(FeedbackFilter {
            backwards: true,
            ..filter()
        })
        .await,
        [6, 5, 4, 3]
    );
    assert_eq!(
        numbers(FeedbackFilter {
            backwards: true,
            after: 3,
            ..filter()
        })
        .await,
        [2, 1]
    );
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        numbers(FeedbackFilter {
            survey: named("nps"),
            ..filter()
        })
        .await,
        [1, 3, 5]
    );
    assert_eq!(
        numbers(FeedbackFilter {
            function: named("support"),
            ..filter()
        })
        .await,
        [1, 2, 4, 5]
    );
    let version = FeedbackFilter {
        function: named("support@1.0.0"),
        ..filter()
    };
    assert_eq!(numbers(version).await, [2, 5]);
    assert_eq!(
        numbers(FeedbackFilter {
            model: named("intent"),
            ..filter()
        })
        .await,
        [5, 6]
    );
    assert!(
        numbers(FeedbackFilter {
            source: named("survey"),
            ..filter()
        })
        .await
        .is_empty()
    );
    let hours = FeedbackFilter {
        since: Some(Timestamp::UNIX_EPOCH + 1.hour()),
        until: Some(Timestamp::UNIX_EPOCH + 3.hours()),
        ..filter()
    };
    assert_eq!(numbers(hours).await, [2, 3]);
    let erased = registry.erase_feedback(&acme, "r1").await.unwrap();
    assert_eq!((erased.erased, erased.asked), (2, 0));
    let gone = registry.erase_feedback(&acme, "r1").await;
    assert!(matches!(
        gone,
        Err(RegistryError::NotFound {
            kind: "respondent",
            ..
        })
    ));
    assert_eq!(numbers(filter()).await, [1, 3, 4, 6]);
    // What was erased gives its number to nobody.
    registry
        .add_feedback(&acme, &[said("later", "x")], "ci")
        .await
        .unwrap();
    assert_eq!(
        numbers(FeedbackFilter {
            after: 6,
            ..filter()
        })
        .await,
        [7]
    );
}

pub async fn feedback_is_answered_in_pages_of_few_bytes(place: &Place) {
    let (registry, acme) = registry(place).await;
    // Thirty-three of half a megabyte fit into the sixteen mebibytes of a page.
    let text = "x".repeat(500_000);
    let all: Vec<NewFeedback> = (0..40).map(|n| said(&n.to_string(), &text)).collect();
    registry.add_feedback(&acme, &all, "ci").await.unwrap();
    let mut filter = FeedbackFilter::default();
    let mut sizes = Vec::new();
    loop {
        let page = registry.feedback(&acme, &filter, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = last.number;
        sizes.push(page.len());
    }
    assert_eq!(sizes, [33, 7]);
}

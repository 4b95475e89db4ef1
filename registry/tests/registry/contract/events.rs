//! Events: a log that is only appended to, and deliveries that one host has at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use steward_registry::events::{
    Delivery, DeliveryKey, EventFilter, EventValue, Finished, HappeningFilter, NewEvent, Outcome,
    Trigger, TriggerSpec,
};
use steward_registry::{Registry, RegistryError, TenantId};

use crate::support::{Place, function, name, publish, registry, tenant};

const LEASE: Duration = Duration::from_secs(60);

fn event(event_type: &str, id: &str) -> NewEvent {
    let mut event = NewEvent::new("/tests", event_type);
    event.id = id.into();
    event
}

async fn append(registry: &Registry, tenant: &TenantId, events: &[NewEvent]) -> Vec<u64> {
    let appended = registry
        .append_events(tenant, events, None, "t")
        .await
        .unwrap();
    appended.iter().map(|a| a.seq).collect()
}

/// A registry with a function, and a trigger on `a.*` with these rules.
async fn with_trigger(place: &Place, delivery: serde_json::Value) -> (Registry, TenantId, Trigger) {
    let (registry, acme) = registry(place).await;
    publish(&registry, &acme, "cleaner", "1.0.0").await;
    let spec = function("react", "cleaner", &[("1.0.0", 100)]);
    registry.put_function(&acme, &spec, "t").await.unwrap();
    let spec: TriggerSpec = serde_json::from_value(json!({
        "function": "react", "on": { "events": { "types": "a.*" } }, "delivery": delivery,
    }))
    .unwrap();
    let trigger = registry
        .put_trigger(&acme, &name("t"), &spec, None, "t")
        .await
        .unwrap();
    (registry, acme, trigger)
}

pub async fn what_happened_is_read_with_who_did_it(place: &Place) {
    let (registry, acme) = registry(place).await;
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let mut all = Vec::new();
    for (n, (event_type, subject, data)) in [
        ("shop.see", "ann", r#"{"user": {"id": 1}}"#),
        ("shop.buy", "陈", r#"{"user": {"id": "x"}}"#),
        ("shopping", "ann", "no json"),
        ("see", "", "{}"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut event = event(event_type, &n.to_string());
        event.subject = Some(subject.to_owned()).filter(|subject| !subject.is_empty());
        event.time = Some(at(100 - n as i64));
        event.data = Some(data.into());
        let device = EventValue::Text(format!("d{}", n % 2));
        event.extensions.insert("device".into(), device);
        all.push(event);
    }
    all[3].data = Some(vec![255, 0].into());
    append(&registry, &acme, &all).await;

    let read = async |filter: HappeningFilter| {
        let found = registry.happenings(&acme, &filter, 10).await.unwrap();
        let each = found.into_iter();
        each.map(|one| (one.seq, one.person.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let told = |said: &[(u64, &str)]| -> Vec<(u64, String)> {
        said.iter()
            .map(|(seq, who)| (*seq, (*who).to_owned()))
            .collect()
    };
    let of = |types: &[&str], person: &str| HappeningFilter {
        types: types.iter().map(|one| one.parse().unwrap()).collect(),
        person: person.parse().unwrap(),
        ..HappeningFilter::default()
    };
    let subjects = told(&[(1, "ann"), (2, "陈"), (3, "ann"), (4, "")]);
    assert_eq!(read(of(&[], "subject")).await, subjects);
    assert_eq!(read(of(&["see", "*"], "subject")).await, subjects);
    assert_eq!(
        read(of(&["shop.*", "see"], "device")).await,
        told(&[(1, "d0"), (2, "d1"), (4, "d1")])
    );
    assert_eq!(
        read(of(&["shop.buy", "shopping"], "data.user.id")).await,
        told(&[(2, "x"), (3, "")])
    );
    assert_eq!(
        read(of(&[], "data.user.id")).await,
        told(&[(1, "1"), (2, "x"), (3, ""), (4, "")])
    );
    let narrow = HappeningFilter {
        since: Some(at(98)),
        until: Some(at(100)),
        after: 2,
        ..of(&[], "subject")
    };
    assert_eq!(read(narrow).await, told(&[(3, "ann")]));
    let elsewhere = HappeningFilter {
        source: Some("/elsewhere".into()),
        ..of(&[], "subject")
    };
    assert_eq!(read(elsewhere).await, told(&[]));
    let first = registry
        .happenings(&acme, &of(&[], "subject"), 1)
        .await
        .unwrap();
    assert_eq!((first.len(), first[0].time), (1, at(100)));
    assert_eq!(first[0].event_type, "shop.see");

    assert!(registry.has_events_of(&acme, "shop.buy").await.unwrap());
    assert!(!registry.has_events_of(&acme, "shop").await.unwrap());
    let mut types = registry.event_types(&acme, 20).await.unwrap();
    types.sort_unstable();
    assert_eq!(types, ["see", "shop.buy", "shop.see", "shopping"]);
    assert_eq!(registry.event_types(&acme, 2).await.unwrap().len(), 2);
    // Another tenant has a log of its own.
    registry.create_tenant(&tenant("beta")).await.unwrap();
    let other = registry
        .happenings(&tenant("beta"), &of(&[], "subject"), 10)
        .await
        .unwrap();
    assert!(other.is_empty());
}

pub async fn the_log_is_appended_to_and_queried(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut first = event("a.b", "1");
    first.subject = Some("订单/7".into());
    first.time = Some("2020-01-01T00:00:00.000001Z".parse().unwrap());
    first.content_type = Some("text/plain".into());
    first.data = Some("好\n".into());
    first.extensions.insert("n".into(), EventValue::Integer(-5));
    first
        .extensions
        .insert("yes".into(), EventValue::Boolean(true));
    let mut second = event("a.b.c", "2");
    second.data = Some(vec![0, 255, b'x'].into());
    let third = event("A.b", "3");
    let all = [first.clone(), second.clone(), third];
    assert_eq!(append(&registry, &acme, &all).await, [1, 2, 3]);

    let found = async |filter: EventFilter| registry.events(&acme, &filter, 10).await.unwrap();
    let kept = found(EventFilter::default()).await;
    assert_eq!(kept[0].event, first);
    assert_eq!(kept[1].event.data, second.data);
    assert_eq!(kept[0].appended_by, "t");
    let seqs = async |filter: EventFilter| {
        found(filter)
            .await
            .iter()
            .map(|e| e.seq)
            .collect::<Vec<_>>()
    };
    let types = |types: &str| EventFilter {
        types: Some(types.parse().unwrap()),
        ..EventFilter::default()
    };
    assert_eq!(seqs(types("*")).await, [1, 2, 3]);
    assert_eq!(seqs(types("a.*")).await, [1, 2]);
    assert_eq!(seqs(types("a.b")).await, [1]);
    assert_eq!(seqs(types("a.b.*")).await, [2]);
    assert_eq!(
        seqs(EventFilter {
            after: 1,
            ..types("a.*")
        })
        .await,
        [2]
    );
    assert_eq!(
        seqs(EventFilter {
            backwards: true,
            ..types("*")
        })
        .await,
        [3, 2, 1]
    );
    assert_eq!(
        seqs(EventFilter {
            backwards: true,
            after: 3,
            ..types("*")
        })
        .await,
        [2, 1]
    );
    assert_eq!(
        seqs(EventFilter {
            subject: Some("订单/7".into()),
            ..types("*")
        })
        .await,
        [1]
    );
    assert_eq!(
        seqs(EventFilter {
            source: Some("/other".into()),
            ..types("*")
        })
        .await,
        [0; 0]
    );
    let time = first.time;
    assert_eq!(
        seqs(EventFilter {
            until: Some("2020-01-02T00:00:00Z".parse().unwrap()),
            ..types("*")
        })
        .await,
        [1]
    );
    assert_eq!(
        seqs(EventFilter {
            since: time,
            until: time,
            ..types("*")
        })
        .await,
        [0; 0]
    );

    // The same source and id are the same event, whatever else it says.
    let mut again = event("z", "1");
    again.data = Some("other".into());
    let appended = registry
        .append_events(&acme, &[again], None, "t")
        .await
        .unwrap();
    assert_eq!((appended[0].seq, appended[0].duplicate), (1, true));
    let twice = [event("a", "4"), event("a", "4")];
    let appended = registry
        .append_events(&acme, &twice, None, "t")
        .await
        .unwrap();
    assert_eq!(
        appended
            .iter()
            .map(|a| (a.seq, a.duplicate))
            .collect::<Vec<_>>(),
        [(4, false), (4, true)]
    );
    // All or none.
    let half = [event("a", "5"), event("not a type", "6")];
    let refused = registry.append_events(&acme, &half, None, "t").await;
    assert!(matches!(refused, Err(RegistryError::Invalid(_))));
    assert_eq!(seqs(types("*")).await, [1, 2, 3, 4]);
    // Of another tenant nothing is seen, and its numbers are its own.
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    assert_eq!(append(&registry, &other, &[event("a", "1")]).await, [1]);
    let absent = registry
        .append_events(&tenant("absent"), &[event("a", "1")], None, "t")
        .await;
    assert!(matches!(
        absent,
        Err(RegistryError::NotFound { kind: "tenant", .. })
    ));
}

pub async fn many_append_at_once_without_a_gap(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    let adding = (0..8).map(|i| {
        let (registry, acme) = (hosts[i % 2].clone(), acme.clone());
        tokio::spawn(async move {
            // Half of them are the same events.
            let events = [
                event("a", &format!("{}", i / 2)),
                event("a", &format!("own-{i}")),
            ];
            append(&registry, &acme, &events).await
        })
    });
    let mut seqs = BTreeSet::new();
    for added in adding.collect::<Vec<_>>() {
        seqs.extend(added.await.unwrap());
    }
    assert_eq!(seqs, (1..=12).collect());
}

fn ids(taken: &[Delivery]) -> Vec<&str> {
    taken.iter().map(|d| d.event.event.id.as_str()).collect()
}

pub async fn one_host_has_a_delivery_at_a_time(place: &Place) {
    let (registry, acme, trigger) = with_trigger(place, json!({ "concurrency": 3 })).await;
    let events: Vec<NewEvent> = (1..=4).map(|n| event("a.b", &n.to_string())).collect();
    append(&registry, &acme, &events).await;
    append(&registry, &acme, &[event("b", "6"), event("a", "7")]).await;
    let triggers = [trigger];
    let claim = async |host: &str, lease| {
        registry
            .claim_deliveries(&triggers, host, lease, 64, &|_| 64)
            .await
            .unwrap()
    };

    // The limit holds over all hosts.
    let first = claim("one", LEASE).await;
    assert_eq!(ids(&first), ["1", "2", "3"]);
    assert!(first.iter().all(|d| d.attempt == 1));
    assert!(claim("two", LEASE).await.is_empty());
    let done = |d: &Delivery| Finished::of(d, Outcome::Done);
    // Who has not taken it cannot end it.
    registry
        .finish_deliveries("two", &[done(&first[0])])
        .await
        .unwrap();
    assert!(claim("two", LEASE).await.is_empty());
    registry
        .finish_deliveries("one", &[done(&first[0])])
        .await
        .unwrap();
    let second = claim("two", LEASE).await;
    assert_eq!(ids(&second), ["4"]);

    // A lease that has run out: the other takes it, and the first has lost it. What a host does not name is not renewed, and
    // what has ended is none any more.
    let keys: BTreeSet<_> = first.iter().map(Delivery::key).collect();
    let renew = async |lease, keys: &BTreeSet<DeliveryKey>| {
        let renewed = registry.renew_deliveries("one", lease, keys).await;
        renewed.unwrap()
    };
    assert_eq!(renew(Duration::ZERO, &BTreeSet::new()).await, 0);
    assert!(claim("two", LEASE).await.is_empty());
    assert_eq!(renew(Duration::ZERO, &keys).await, 2);
    let taken = claim("two", LEASE).await;
    assert_eq!(ids(&taken), ["2", "3"]);
    assert!(taken.iter().all(|d| d.attempt == 2));
    assert_eq!(renew(LEASE, &keys).await, 0);
    registry
        .finish_deliveries("one", &[done(&first[1])])
        .await
        .unwrap();
    let all = [done(&taken[0]), done(&taken[1]), done(&second[0])];
    registry.finish_deliveries("two", &all).await.unwrap();

    // Again, later, dead.
    append(&registry, &acme, &[event("a.b", "5")]).await;
    let last = claim("two", LEASE).await;
    assert_eq!(ids(&last), ["5"]);
    let ended = |outcome| [Finished::of(&last[0], outcome)];
    let pause = Duration::ZERO;
    registry
        .finish_deliveries(
            "two",
            &ended(Outcome::Later {
                error: "busy".into(),
                pause,
            }),
        )
        .await
        .unwrap();
    assert_eq!(claim("two", LEASE).await[0].attempt, 1);
    registry
        .finish_deliveries(
            "two",
            &ended(Outcome::Again {
                error: "no\0".into(),
                pause: LEASE,
            }),
        )
        .await
        .unwrap();
    assert!(claim("two", LEASE).await.is_empty());
    let shown = registry.trigger(&acme, &name("t")).await.unwrap();
    assert_eq!((shown.delivered, shown.attempts, shown.died), (4, 5, 0));
    let figures = registry.trigger_figures(Some(&acme)).await.unwrap();
    assert_eq!((figures[0].waiting, figures[0].dead), (1, 0));
    assert!(figures[0].oldest.is_some());
}

pub async fn dead_letters_are_brought_back(place: &Place) {
    let (registry, acme, trigger) = with_trigger(place, json!({})).await;
    append(&registry, &acme, &[event("a.b", "1"), event("a.b", "2")]).await;
    let triggers = [trigger];
    let claim = async || {
        registry
            .claim_deliveries(&triggers, "one", LEASE, 64, &|_| 64)
            .await
            .unwrap()
    };
    let dead = |d: &Delivery| {
        Finished::of(
            d,
            Outcome::Dead {
                error: format!("why {}", d.event.seq),
            },
        )
    };
    let all: Vec<Finished> = claim().await.iter().map(dead).collect();
    registry.finish_deliveries("one", &all).await.unwrap();
    assert!(claim().await.is_empty());
    let letters = registry
        .dead_letters(&acme, &name("t"), 0, 10)
        .await
        .unwrap();
    assert_eq!(
        letters
            .iter()
            .map(|l| (l.event.seq, l.error.as_str(), l.attempts))
            .collect::<Vec<_>>(),
        [(1, "why 1", 1), (2, "why 2", 1)]
    );
    assert_eq!(
        registry
            .dead_letters(&acme, &name("t"), 1, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    // All that are named or none.
    let refused = registry.redrive(&acme, &name("t"), Some(&[1, 9])).await;
    assert!(matches!(
        refused,
        Err(RegistryError::NotFound {
            kind: "dead letter",
            ..
        })
    ));
    assert!(claim().await.is_empty());
    assert_eq!(
        registry
            .redrive(&acme, &name("t"), Some(&[2]))
            .await
            .unwrap(),
        1
    );
    let back = claim().await;
    assert_eq!((ids(&back), back[0].attempt), (vec!["2"], 1));
    assert_eq!(registry.redrive(&acme, &name("t"), None).await.unwrap(), 1);

    // What waits is never forgotten; dead letters and the rest are.
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    assert_eq!(registry.forget_events(later).await.unwrap(), 0);
    let mut all: Vec<Finished> = claim().await.iter().map(dead).collect();
    all.push(Finished::of(&back[0], Outcome::Done));
    registry.finish_deliveries("one", &all).await.unwrap();
    let long_ago = Timestamp::now() - SignedDuration::from_hours(1);
    assert_eq!(registry.forget_events(long_ago).await.unwrap(), 0);
    assert_eq!(registry.forget_events(later).await.unwrap(), 2);
    assert!(
        registry
            .dead_letters(&acme, &name("t"), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    // Numbers go on.
    assert_eq!(append(&registry, &acme, &[event("a.b", "1")]).await, [3]);
}

pub async fn subjects_are_served_in_order(place: &Place) {
    let (registry, acme, trigger) =
        with_trigger(place, json!({ "ordered": true, "concurrency": 10 })).await;
    let about = |id: &str, subject: &str| {
        let mut event = event("a.b", id);
        event.subject = Some(subject.into());
        event
    };
    append(
        &registry,
        &acme,
        &[about("1", "x"), about("2", "x"), about("3", "y")],
    )
    .await;
    let triggers = [trigger];
    let claim = async || {
        registry
            .claim_deliveries(&triggers, "one", LEASE, 64, &|_| 64)
            .await
            .unwrap()
    };
    let first = claim().await;
    assert_eq!(ids(&first), ["1", "3"]);
    // A pause holds up its subject, and no other.
    let pause = Finished::of(
        &first[0],
        Outcome::Again {
            error: "no".into(),
            pause: LEASE,
        },
    );
    registry
        .finish_deliveries("one", &[pause, Finished::of(&first[1], Outcome::Done)])
        .await
        .unwrap();
    append(&registry, &acme, &[about("4", "y")]).await;
    let second = claim().await;
    assert_eq!(ids(&second), ["4"]);
}

pub async fn a_trigger_that_points_outside_needs_no_function(place: &Place) {
    let (registry, acme) = registry(place).await;
    for to in [
        json!({ "url": { "url": "https://hooks.example.com/a", "secret": "hook" } }),
        json!({ "email": { "relay": "smtps://smtp.example.com", "from": "a@example.com", "to": ["b@example.com"] } }),
    ] {
        let spec: TriggerSpec =
            serde_json::from_value(json!({ "to": to, "on": { "events": { "types": "a.*" } } }))
                .unwrap();
        let written = registry
            .put_trigger(&acme, &name("out"), &spec, None, "t")
            .await
            .unwrap();
        assert_eq!(written.spec, spec);
        let read = registry.trigger(&acme, &name("out")).await.unwrap();
        assert_eq!((read.spec.function, read.spec.to), (None, spec.to));
    }
    append(&registry, &acme, &[event("a.b", "1")]).await;
    let triggers = registry.all_triggers().await.unwrap();
    assert_eq!(triggers.len(), 1);
    let figures = registry.trigger_figures(Some(&acme)).await.unwrap();
    assert_eq!(figures[0].waiting, 1);
}

pub async fn a_schedule_is_fired_once(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let acme = tenant("acme");
    hosts[0].create_tenant(&acme).await.unwrap();
    publish(&hosts[0], &acme, "cleaner", "1.0.0").await;
    let spec = function("react", "cleaner", &[("1.0.0", 100)]);
    hosts[0].put_function(&acme, &spec, "t").await.unwrap();
    let spec: TriggerSpec = serde_json::from_value(json!({
        "function": "react", "on": { "cron": { "schedule": "* * * * *" } },
    }))
    .unwrap();
    let due = Timestamp::from_second(1_700_000_000).unwrap();
    let next = due + SignedDuration::from_mins(1);
    let trigger = hosts[0]
        .put_trigger(&acme, &name("t"), &spec, Some(due), "t")
        .await
        .unwrap();
    assert!(
        hosts[0]
            .due_schedules(due - SignedDuration::from_secs(1))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        hosts[1].due_schedules(due).await.unwrap(),
        std::slice::from_ref(&trigger)
    );
    let firing = (0..6).map(|i| {
        let (registry, trigger) = (hosts[i % 2].clone(), trigger.clone());
        let event = event("steward.cron", &format!("t@{due}"));
        tokio::spawn(async move {
            registry
                .fire_schedule(&trigger, Some(next), Some(&event))
                .await
                .unwrap()
        })
    });
    let mut fired = 0;
    for done in firing.collect::<Vec<_>>() {
        fired += usize::from(done.await.unwrap().is_some());
    }
    assert_eq!(fired, 1);
    let trigger = hosts[1].trigger(&acme, &name("t")).await.unwrap();
    assert_eq!(trigger.next_at, Some(next));
    let taken = hosts[0]
        .claim_deliveries(&[trigger], "one", LEASE, 9, &|_| 64)
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
    // Removed with what waits for it; the event stays.
    hosts[0].delete_trigger(&acme, &name("t")).await.unwrap();
    assert!(hosts[0].trigger_figures(None).await.unwrap().is_empty());
    assert_eq!(
        hosts[0]
            .events(&acme, &EventFilter::default(), 9)
            .await
            .unwrap()
            .len(),
        1
    );
    let gone = hosts[0].delete_trigger(&acme, &name("t")).await;
    assert!(matches!(
        gone,
        Err(RegistryError::NotFound {
            kind: "trigger",
            ..
        })
    ));
}

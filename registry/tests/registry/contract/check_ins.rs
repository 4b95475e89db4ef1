//! Check-ins: each person is asked once at each date, answers, and is told to be overdue once; nothing of it outlives them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use steward_registry::events::{Event, EventFilter};
use steward_registry::team::{
    Asked, CHECK_IN_ANSWERED, CHECK_IN_DUE, CHECK_IN_OVERDUE, CheckIn, CheckInDate, CheckInEntry,
    CheckInSpec, CycleSpec, Input, Person, Perspective, Scale, Whose,
};
use steward_registry::{Registry, RegistryError, TenantId};

use crate::support::{Place, name, registry};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn date(due: Timestamp) -> CheckInDate {
    CheckInDate {
        due,
        until: due + HOUR,
        keep_until: due + HOUR * 48,
    }
}

fn spec(who: Asked) -> CheckInSpec {
    CheckInSpec {
        who,
        questions: vec!["What did you finish?".into(), "什么卡住了？".into()],
        cron: Some("0 12 * * *".into()),
        every: None,
        begin: None,
        zone: "UTC".into(),
        answer_within: "PT1H".into(),
        keep_for: "P2D".into(),
    }
}

fn person(id: &str, team: &str) -> Person {
    Person {
        id: name(id),
        name: format!("{id} 某"),
        team: team.into(),
        lead: None,
        principal: None,
        contact: (id == "ann").then(|| "U024BE7LH".into()),
        keep_until: None,
        created_at: noon(),
    }
}

/// `ann` and `bo` of one team, `cy` of another, and a check-in of the first, due at noon.
async fn start(place: &Place) -> (Registry, TenantId, CheckIn) {
    let (registry, tenant) = registry(place).await;
    for (id, team) in [("ann", "search"), ("bo", "search"), ("cy", "ads")] {
        registry
            .set_team_person(&tenant, &person(id, team), "hr")
            .await
            .unwrap();
    }
    let weekly = set(&registry, &tenant, Asked::Team("search".into())).await;
    (registry, tenant, weekly)
}

async fn set(registry: &Registry, tenant: &TenantId, who: Asked) -> CheckIn {
    let (weekly, spec, now) = (name("weekly"), spec(who), noon() - HOUR);
    registry
        .set_team_check_in(tenant, &weekly, &spec, Some(noon()), now, "hr")
        .await
        .unwrap()
}

/// What `weekly` asked everybody.
async fn entries(registry: &Registry, tenant: &TenantId) -> Vec<CheckInEntry> {
    let weekly = name("weekly");
    let all = registry.team_check_in_entries(tenant, &weekly, None, Whose::Everybody);
    all.await.unwrap()
}

fn people(entries: &[CheckInEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.person.as_str()).collect()
}

async fn told(registry: &Registry, tenant: &TenantId, event_type: &str) -> Vec<Event> {
    let filter = EventFilter {
        types: Some(event_type.parse().unwrap()),
        ..EventFilter::default()
    };
    registry.events(tenant, &filter, 1000).await.unwrap()
}

fn subjects(events: &[Event]) -> Vec<&str> {
    let subjects = events.iter().map(|event| event.event.subject.as_deref());
    subjects.map(Option::unwrap_or_default).collect()
}

fn data(event: &Event) -> Value {
    serde_json::from_slice(event.event.data.as_ref().unwrap()).unwrap()
}

pub async fn everybody_is_asked_once_at_each_date(place: &Place) {
    let (registry, tenant, weekly) = start(place).await;
    assert!(
        registry
            .due_team_check_ins(noon() - HOUR)
            .await
            .unwrap()
            .is_empty()
    );
    let due = registry.due_team_check_ins(noon()).await.unwrap();
    assert_eq!(due, [(tenant.clone(), weekly.clone())]);
    let tomorrow = noon() + HOUR * 24;
    // Hosts that look at it at the same time.
    let ask = || registry.ask_team_check_in(&tenant, &weekly, Some(date(noon())), Some(tomorrow));
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    let mut asked = [a.unwrap(), b.unwrap(), c.unwrap(), d.unwrap()];
    asked.sort();
    assert_eq!(asked, [None, None, None, Some(2)]);
    assert_eq!(ask().await.unwrap(), None, "as seen before");
    let events = told(&registry, &tenant, CHECK_IN_DUE).await;
    assert_eq!(subjects(&events), ["ann", "bo"]);
    let first = data(&events[0]);
    assert_eq!(first["contact"], "U024BE7LH");
    assert_eq!(first["questions"][1], "什么卡住了？");
    assert_eq!(first["until"], "2026-03-02T13:00:00Z");
    assert_eq!(data(&events[1])["contact"], Value::Null);
    assert_eq!(events[0].event.source, "/team/check-ins/weekly");
    assert!(!String::from_utf8_lossy(events[0].event.data.as_ref().unwrap()).contains('某'));

    // The same date again, as after a clock that went back: nobody is asked twice.
    let again = set(&registry, &tenant, Asked::Team("search".into())).await;
    let done = registry.ask_team_check_in(&tenant, &again, Some(date(noon())), Some(tomorrow));
    assert_eq!(done.await.unwrap(), Some(0));
    assert_eq!(told(&registry, &tenant, CHECK_IN_DUE).await.len(), 2);
    // A date that was missed moves on, and asks nobody.
    let seen = registry
        .team_check_in(&tenant, &name("weekly"))
        .await
        .unwrap();
    let done = registry.ask_team_check_in(&tenant, &seen, None, None);
    assert_eq!(done.await.unwrap(), Some(0));
    assert!(
        registry
            .due_team_check_ins(tomorrow)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn who_is_asked_follows_the_team_and_the_cycle(place: &Place) {
    let (registry, tenant, _) = start(place).await;
    let cycle = CycleSpec {
        criteria: Vec::new(),
        scale: Scale {
            lowest: 1.0,
            highest: 5.0,
            step: 1.0,
        },
        formula: None,
        function: name("team"),
    };
    registry
        .set_team_cycle(&tenant, &name("h1"), &cycle, None, "hr")
        .await
        .unwrap();
    let input = Input {
        perspective: Perspective::Peer,
        rater: "bo".into(),
        ratings: Vec::new(),
        evidence: Vec::new(),
        at: noon(),
    };
    registry
        .give_team_input(&tenant, &name("h1"), &name("cy"), &input, "bo")
        .await
        .unwrap();
    for (n, who, asked) in [
        (1, Asked::Cycle(name("h1")), &["cy"][..]),
        (
            2,
            Asked::People(vec![name("bo"), name("gone")]),
            &["bo"][..],
        ),
        (3, Asked::Team("nobody".into()), &[][..]),
    ] {
        let seen = set(&registry, &tenant, who).await;
        let due = noon() + HOUR * 24 * n;
        let done = registry.ask_team_check_in(&tenant, &seen, Some(date(due)), None);
        assert_eq!(done.await.unwrap(), Some(asked.len()));
        let mut of_date = entries(&registry, &tenant).await;
        of_date.retain(|entry| entry.date.due == due);
        assert_eq!(people(&of_date), asked);
    }
}

pub async fn everybody_is_asked_however_many_they_are(place: &Place) {
    let (registry, tenant, _) = start(place).await;
    // More than are read at a time.
    for n in 0..501 {
        let one = person(&format!("p-{n}"), "many");
        registry.set_team_person(&tenant, &one, "hr").await.unwrap();
    }
    let named = (0..501).map(|n| name(&format!("p-{n}"))).collect();
    for (n, who) in [(1, Asked::Team("many".into())), (2, Asked::People(named))] {
        let seen = set(&registry, &tenant, who).await;
        let date = date(noon() + HOUR * 24 * n);
        let done = registry.ask_team_check_in(&tenant, &seen, Some(date), None);
        assert_eq!(done.await.unwrap(), Some(501));
    }
    let all = entries(&registry, &tenant).await;
    assert_eq!(all.len(), 1002);
    let told = told(&registry, &tenant, CHECK_IN_DUE).await;
    assert_eq!(told.len(), 1000, "a page of the log");
}

pub async fn a_date_that_is_due_is_asked_for_though_the_check_in_is_set_again(place: &Place) {
    let (registry, tenant, before) = start(place).await;
    let (weekly, tomorrow) = (name("weekly"), noon() + HOUR * 24);
    let cy = spec(Asked::People(vec![name("cy")]));
    let set = |next, now| registry.set_team_check_in(&tenant, &weekly, &cy, Some(next), now, "hr");
    let again = set(tomorrow, noon()).await.unwrap();
    assert_eq!(again.next_at, Some(noon()));
    // Who saw it as it was before asks nobody.
    let ask = async |seen: CheckIn| {
        let date = Some(date(noon()));
        let done = registry.ask_team_check_in(&tenant, &seen, date, Some(tomorrow));
        done.await.unwrap()
    };
    assert_eq!(ask(before).await, None);
    assert_eq!(ask(again).await, Some(1));
    let told = told(&registry, &tenant, CHECK_IN_DUE).await;
    assert_eq!(subjects(&told), ["cy"]);
    // Nothing is due now: the next date is the one that it is set to.
    let later = set(tomorrow + HOUR, noon()).await.unwrap();
    assert_eq!(later.next_at, Some(tomorrow + HOUR));
}

pub async fn each_finds_what_they_and_their_people_were_asked(place: &Place) {
    let (registry, tenant, weekly) = start(place).await;
    let led = Person {
        lead: Some(name("cy")),
        ..person("ann", "search")
    };
    registry.set_team_person(&tenant, &led, "hr").await.unwrap();
    let date = Some(date(noon()));
    registry
        .ask_team_check_in(&tenant, &weekly, date, None)
        .await
        .unwrap();
    let (ann, bo, cy, dee) = (name("ann"), name("bo"), name("cy"), name("dee"));
    for (whose, found) in [
        (Whose::Everybody, &["ann", "bo"][..]),
        (Whose::Own(&ann), &["ann"][..]),
        (Whose::Own(&bo), &["bo"][..]),
        (Whose::Own(&cy), &["ann"][..]),
        (Whose::Own(&dee), &[][..]),
    ] {
        let entries = registry.team_check_in_entries(&tenant, &weekly.name, None, whose);
        assert_eq!(people(&entries.await.unwrap()), found, "{whose:?}");
        let check_ins = registry.team_check_ins(&tenant, whose).await.unwrap();
        assert_eq!(check_ins.is_empty(), found.is_empty(), "{whose:?}");
        if let Whose::Own(person) = whose {
            let asked = registry.team_check_in_asked(&tenant, &weekly.name, person);
            assert_eq!(asked.await.unwrap(), !found.is_empty(), "{whose:?}");
        }
    }
    let of_bo = registry.team_check_in_entries(&tenant, &weekly.name, Some(&bo), Whose::Own(&cy));
    assert!(of_bo.await.unwrap().is_empty());
    let all = entries(&registry, &tenant).await;
    assert_eq!((&all[0].lead, &all[1].lead), (&Some(cy), &None));
}

pub async fn who_is_erased_while_they_are_asked_leaves_nothing(place: &Place) {
    let (registry, tenant, weekly) = start(place).await;
    let (ann, date) = (name("ann"), Some(date(noon())));
    let (asked, gone) = tokio::join!(
        registry.ask_team_check_in(&tenant, &weekly, date, None),
        registry.erase_team_person(&tenant, &ann, "hr"),
    );
    let (asked, gone) = (asked.unwrap().unwrap(), gone.unwrap());
    // Whichever came first.
    assert_eq!(asked as u64, 1 + gone.erased.check_ins);
    assert_eq!(people(&entries(&registry, &tenant).await), ["bo"]);
}

pub async fn an_answer_is_kept_and_who_gives_none_is_told_once(place: &Place) {
    let (registry, tenant, weekly) = start(place).await;
    let (ann, at) = (name("ann"), name("weekly"));
    let answers = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    let give = async |person: &str, due, answers: &[String]| {
        let person = name(person);
        registry
            .answer_team_check_in(&tenant, &at, &person, due, answers, "key")
            .await
    };
    assert!(matches!(
        give("ann", None, &answers(["a", "b"])).await,
        Err(RegistryError::NotFound { .. })
    ));
    // Now, since an answer is kept with the time at which it came.
    let now = Timestamp::now();
    let today = CheckInDate {
        due: noon(),
        until: now + HOUR,
        keep_until: now + HOUR * 48,
    };
    registry
        .ask_team_check_in(&tenant, &weekly, Some(today), None)
        .await
        .unwrap();
    for wrong in [
        vec!["one".to_owned()],
        answers([" ", ""]),
        answers(["a\0", "b"]),
        answers([&"长".repeat(2001), "b"]),
    ] {
        let refused = give("ann", None, &wrong).await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{refused:?}"
        );
    }
    let kept = give("ann", None, &answers(["索引", ""])).await.unwrap();
    assert_eq!(kept.answers, Some(answers(["索引", ""])));
    let first = kept.answered_at.unwrap();
    // Said again, it takes the place of what was said before, and is no second event.
    let kept = give("ann", Some(noon()), &answers(["索引", "数据"]))
        .await
        .unwrap();
    assert_eq!(
        (kept.answered_at, kept.answers),
        (Some(first), Some(answers(["索引", "数据"])))
    );
    assert!(matches!(
        give("ann", Some(noon() + HOUR), &answers(["a", "b"])).await,
        Err(RegistryError::NotFound { .. })
    ));
    let events = told(&registry, &tenant, CHECK_IN_ANSWERED).await;
    assert_eq!(subjects(&events), ["ann"]);
    assert_eq!(data(&events[0])["late"], false);
    assert!(!format!("{:?}", events[0]).contains("索引"));

    // Nobody before the time is over; then bo, by one of all hosts.
    assert_eq!(registry.tell_overdue_team_check_ins(now).await.unwrap(), 0);
    let late = now + HOUR * 2;
    let tell = || registry.tell_overdue_team_check_ins(late);
    let (a, b, c) = tokio::join!(tell(), tell(), tell());
    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 1);
    assert_eq!(tell().await.unwrap(), 0);
    let events = told(&registry, &tenant, CHECK_IN_OVERDUE).await;
    assert_eq!(subjects(&events), ["bo"]);
    let audit = registry.audit(&tenant, None, 100).await.unwrap();
    let noted = audit
        .iter()
        .find(|e| e.action == "team: answered a check-in");
    assert_eq!(noted.unwrap().target, "check-ins/weekly/people/ann");
    assert!(!format!("{audit:?}").contains("索引"));
    // Told to be overdue by a host whose clock is ahead, bo is late by every clock.
    let kept = give("bo", None, &answers(["数据", ""])).await.unwrap();
    assert_eq!(kept.answered_at, Some(kept.date.until));
    let events = told(&registry, &tenant, CHECK_IN_ANSWERED).await;
    assert_eq!(subjects(&events), ["ann", "bo"]);
    assert_eq!(data(&events[1])["late"], true);

    let gone = registry
        .erase_team_person(&tenant, &ann, "hr")
        .await
        .unwrap();
    assert_eq!((gone.erased.people, gone.erased.check_ins), (1, 1));
    assert_eq!(people(&entries(&registry, &tenant).await), ["bo"]);
}

pub async fn what_was_kept_long_enough_is_erased(place: &Place) {
    let (registry, tenant, weekly) = start(place).await;
    let at = name("weekly");
    registry
        .ask_team_check_in(
            &tenant,
            &weekly,
            Some(date(noon())),
            Some(noon() + HOUR * 24),
        )
        .await
        .unwrap();
    let seen = registry.team_check_in(&tenant, &at).await.unwrap();
    registry
        .ask_team_check_in(&tenant, &seen, Some(date(noon() + HOUR * 24)), None)
        .await
        .unwrap();
    let sweep = |hours| registry.erase_team_overdue(noon() + HOUR * hours);
    assert_eq!(sweep(47).await.unwrap(), 0);
    let (a, b) = tokio::join!(sweep(48), sweep(48));
    assert_eq!(a.unwrap() + b.unwrap(), 1);
    let erasures = registry.team_erasures(&tenant).await.unwrap();
    assert_eq!(
        (erasures[0].subject.as_str(), erasures[0].why.as_str()),
        ("check-ins/weekly", "retention")
    );
    assert_eq!(erasures[0].erased.check_ins, 2);
    let left = entries(&registry, &tenant).await;
    assert_eq!(left.len(), 2, "those of the next day stay");
    let gone = registry
        .remove_team_check_in(&tenant, &at, "hr")
        .await
        .unwrap();
    assert_eq!((gone.erased.check_ins, gone.why.as_str()), (2, "request"));
    assert!(matches!(
        registry.remove_team_check_in(&tenant, &at, "hr").await,
        Err(RegistryError::NotFound { .. })
    ));
    let absent = registry.team_check_in_entries(&tenant, &at, None, Whose::Everybody);
    assert!(matches!(absent.await, Err(RegistryError::NotFound { .. })));
}

pub async fn what_asks_nothing_is_refused(place: &Place) {
    let (registry, tenant, _) = start(place).await;
    let with = |change: fn(&mut CheckInSpec)| {
        let mut spec = spec(Asked::Team("search".into()));
        change(&mut spec);
        spec
    };
    for wrong in [
        with(|s| s.questions.clear()),
        with(|s| s.questions = vec!["x".into(); 21]),
        with(|s| s.questions[0] = " ".into()),
        with(|s| s.questions[0] = "长".repeat(2001)),
        // 18,000 bytes.
        with(|s| s.questions = vec!["长".repeat(1000); 6]),
        with(|s| s.who = Asked::People(Vec::new())),
        with(|s| s.who = Asked::Team(String::new())),
    ] {
        let refused = registry
            .set_team_check_in(&tenant, &name("x"), &wrong, None, noon(), "hr")
            .await;
        assert!(
            matches!(refused, Err(RegistryError::Invalid(_))),
            "{wrong:?}"
        );
    }
    let nowhere: TenantId = "nowhere".parse().unwrap();
    let spec = spec(Asked::Team("search".into()));
    assert!(matches!(
        registry
            .set_team_check_in(&nowhere, &name("x"), &spec, None, noon(), "hr")
            .await,
        Err(RegistryError::NotFound { .. })
    ));
}

//! Workflows: versions that never change, runs that one host has at a time, journals that only it writes.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use steward_registry::events::NewEvent;
use steward_registry::workflows::{
    EventWait, Given, JournalEntry, Mail, NewRun, NewWorkflow, Request, RunChange, RunFilter,
    RunStatus, RunWrite, WorkflowSettings,
};
use steward_registry::{Registry, RegistryError, TenantId};
use ulid::Ulid;

use crate::support::{Place, function, name, publish, registry, tenant, version};

const LEASE: Duration = Duration::from_secs(60);
const NO_LEASE: Duration = Duration::ZERO;

/// There is room for the runs of every tenant.
fn no_limit(_: &TenantId) -> usize {
    usize::MAX
}

fn workflow(number: &str, definition: Value) -> NewWorkflow {
    NewWorkflow {
        name: name("orders"),
        version: version(number),
        definition,
        settings: WorkflowSettings::default(),
        next_at: None,
    }
}

fn new_run(tenant: &TenantId, key: Option<&str>) -> NewRun {
    NewRun {
        tenant: tenant.clone(),
        workflow: name("orders"),
        version: version("1.0.0"),
        key: key.map(str::to_owned),
        pins: json!({}),
        input: json!({"订单": 7}),
        parent: None,
        replay: None,
        traceparent: None,
        by: "t".into(),
    }
}

async fn start(registry: &Registry, run: NewRun) -> Ulid {
    let mut started = registry.start_runs(&[run]).await.unwrap();
    started.pop().unwrap().unwrap().id
}

async fn with_workflow(place: &Place) -> (Registry, TenantId) {
    let (registry, acme) = registry(place).await;
    registry
        .put_workflow(&acme, &workflow("1.0.0", json!({"do": []})), "t")
        .await
        .unwrap();
    (registry, acme)
}

fn entry(seq: u64, entry: &str) -> JournalEntry {
    JournalEntry {
        seq,
        entry: entry.into(),
        at: Default::default(),
    }
}

fn write(tenant: &TenantId, run: Ulid, change: RunChange) -> RunWrite {
    RunWrite {
        change,
        ..RunWrite::of(run, tenant.clone())
    }
}

async fn taken(registry: &Registry, host: &str) -> Vec<Ulid> {
    let taken = registry
        .take_runs(host, LEASE, 100, &no_limit)
        .await
        .unwrap();
    taken.iter().map(|taken| taken.run.id).collect()
}

fn completed(output: Value) -> RunChange {
    RunChange::Ended {
        status: RunStatus::Completed,
        output: Some(output),
        error: None,
    }
}

fn cancelled() -> RunChange {
    RunChange::Ended {
        status: RunStatus::Cancelled,
        output: None,
        error: None,
    }
}

/// Writes one run, which the host has.
async fn written(registry: &Registry, host: &str, write: RunWrite) {
    assert_eq!(registry.write_runs(host, &[write]).await.unwrap(), [true]);
}

/// Appends an event that is of this type and nothing more.
async fn append(registry: &Registry, tenant: &TenantId, event_type: &str) -> NewEvent {
    let event = NewEvent::new("/t", event_type);
    let events = std::slice::from_ref(&event);
    registry
        .append_events(tenant, events, None, "t")
        .await
        .unwrap();
    event
}

/// Gives the next events out, where none starts a run.
async fn give(registry: &Registry, tenant: &TenantId) -> Given {
    registry.give_events(tenant, &|_, _| None).await.unwrap()
}

/// What came in for a run that the host has.
async fn mail(registry: &Registry, host: &str, run: Ulid) -> Mail {
    registry.run_mail(host, run).await.unwrap().unwrap()
}

pub async fn a_version_never_changes(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let again = workflow("1.0.0", json!({"do": []}));
    let (_, same) = registry.put_workflow(&acme, &again, "u").await.unwrap();
    assert_eq!(same.created_by, "t");
    let other = workflow("1.0.0", json!({"do": [1]}));
    let refused = registry.put_workflow(&acme, &other, "t").await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Conflict { .. }),
        "{refused}"
    );
    let next = workflow("1.1.0", json!({"do": [1]}));
    let (current, _) = registry.put_workflow(&acme, &next, "t").await.unwrap();
    assert_eq!(current.version, version("1.1.0"));
    let versions = registry
        .workflow_versions(&acme, &name("orders"))
        .await
        .unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[1].definition, json!({"do": []}));
    let unknown = registry
        .put_workflow(&tenant("nobody"), &next, "t")
        .await
        .unwrap_err();
    assert!(
        matches!(unknown, RegistryError::NotFound { .. }),
        "{unknown}"
    );
    let other = registry.workflow(&tenant("nobody"), &name("orders")).await;
    assert!(matches!(other, Err(RegistryError::NotFound { .. })));
}

pub async fn a_run_of_a_key_is_started_once(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let runs = [
        new_run(&acme, Some("k")),
        new_run(&acme, Some("k")),
        new_run(&acme, None),
        new_run(&acme, None),
    ];
    let started = registry.start_runs(&runs).await.unwrap();
    let ids: Vec<_> = started.iter().map(|s| s.as_ref().unwrap()).collect();
    assert_eq!(ids[0].id, ids[1].id);
    assert!(!ids[0].duplicate && ids[1].duplicate && !ids[3].duplicate);
    assert_ne!(ids[2].id, ids[3].id);
    let run = registry.run(&acme, ids[0].id).await.unwrap();
    assert_eq!(run.input, json!({"订单": 7}));
    assert_eq!(run.status, RunStatus::Pending);
    let strange = registry.run(&tenant("nobody"), ids[0].id).await;
    assert!(matches!(strange, Err(RegistryError::NotFound { .. })));
    let mut missing = new_run(&acme, None);
    missing.version = version("9.0.0");
    let started = registry.start_runs(&[missing]).await.unwrap();
    assert!(matches!(started[0], Err(RegistryError::NotFound { .. })));
    // Two of the key in all, whoever asks how often.
    let all = registry.runs(&acme, &RunFilter::default(), 10).await;
    assert_eq!(all.unwrap().len(), 3);
}

pub async fn one_host_has_a_run_at_a_time(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let mut ids = BTreeSet::new();
    for _ in 0..40 {
        ids.insert(start(&registry, new_run(&acme, None)).await);
    }
    let takers = (0..4).map(|host| {
        let registry = registry.clone();
        tokio::spawn(async move { taken(&registry, &format!("host {host}")).await })
    });
    let mut all = Vec::new();
    for taker in takers.collect::<Vec<_>>() {
        all.extend(taker.await.unwrap());
    }
    // None twice; whoever came too late for some left them to the first.
    assert_eq!(all.len(), ids.len());
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), ids);
    assert!(taken(&registry, "late").await.is_empty());
}

pub async fn a_journal_is_written_by_who_has_the_run(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let runs: Vec<Ulid> = {
        let mut runs = Vec::new();
        for _ in 0..50 {
            runs.push(start(&registry, new_run(&acme, None)).await);
        }
        runs
    };
    // Nobody has them yet.
    let mut write_one = RunWrite::of(runs[0], acme.clone());
    write_one.entries = vec![entry(1, "{}")];
    assert_eq!(
        registry
            .write_runs("a", &[write_one.clone()])
            .await
            .unwrap(),
        [false]
    );
    // Taken without a lease, the first host loses them to the second at once.
    registry
        .take_runs("a", NO_LEASE, 100, &no_limit)
        .await
        .unwrap();
    let retaken = registry
        .take_runs("b", LEASE, 100, &no_limit)
        .await
        .unwrap();
    assert_eq!(retaken.len(), 50);
    assert!(retaken.iter().all(|taken| taken.left));
    assert_eq!(
        registry.write_runs("a", &[write_one]).await.unwrap(),
        [false]
    );
    // Many of them in one transaction, some of them not of this host.
    let mut writes: Vec<RunWrite> = runs
        .iter()
        .map(|run| {
            let mut write = RunWrite::of(*run, acme.clone());
            write.entries = vec![entry(1, r#"{"a":"好"}"#), entry(2, "2")];
            write
        })
        .collect();
    writes.push(RunWrite::of(Ulid::generate(), acme.clone()));
    let written = registry.write_runs("b", &writes).await.unwrap();
    assert!(written[..50].iter().all(|held| *held) && !written[50]);
    for run in &runs {
        let journal = registry.journal(&acme, *run, 0, 10).await.unwrap();
        let entries: Vec<_> = journal.iter().map(|e| (e.seq, e.entry.as_str())).collect();
        assert_eq!(entries, [(1, r#"{"a":"好"}"#), (2, "2")]);
    }
    let behind = registry.journal(&acme, runs[0], 1, 10).await.unwrap();
    assert_eq!(behind.len(), 1);
    // A number has one entry: nothing of the whole transaction is written.
    let again = registry.write_runs("b", &writes[..1]).await;
    assert!(matches!(again, Err(RegistryError::Database(_))));
    let held = registry.renew_runs("b", LEASE, &runs).await.unwrap();
    assert_eq!(held.len(), 50);
    let lost = registry.renew_runs("a", LEASE, &runs).await.unwrap();
    assert!(lost.is_empty());
}

pub async fn what_a_host_does_not_know_it_has_passes_to_another(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(start(&registry, new_run(&acme, None)).await);
    }
    // Leases that are over at once, of which the host renews the one that it has in memory.
    let taken_by_a = registry
        .take_runs("a", NO_LEASE, 100, &no_limit)
        .await
        .unwrap();
    assert_eq!(taken_by_a.len(), 3);
    let none = registry.renew_runs("a", LEASE, &[]).await.unwrap();
    assert!(none.is_empty());
    let one = registry.renew_runs("a", LEASE, &ids[1..2]).await.unwrap();
    assert!(one.len() == 1 && one.contains(&ids[1]));
    let mut passed = taken(&registry, "b").await;
    passed.sort();
    assert_eq!(passed, [ids[0], ids[2]]);
    let lost = registry.renew_runs("a", LEASE, &ids[..1]).await.unwrap();
    assert!(lost.is_empty());
}

pub async fn a_clock_that_has_gone_back_keeps_no_run_waiting(place: &Place) {
    let hours = jiff::SignedDuration::from_hours;
    let (registry, acme) = with_workflow(place).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(start(&registry, new_run(&acme, None)).await);
    }
    assert_eq!(taken(&registry, "a").await.len(), 3);
    let tomorrow = jiff::Timestamp::now() + hours(24);
    for (id, due) in [(ids[1], Some(tomorrow)), (ids[2], None)] {
        let waits = write(&acme, id, RunChange::Waiting(due));
        written(&registry, "a", waits).await;
    }
    // As long as the clock goes on, a lease is a lease, and what waits does so until it is due.
    let now = jiff::Timestamp::now();
    let mut leases = HashMap::new();
    for now in [now, now + hours(1)] {
        let look = registry.bring_runs_forward(now, LEASE, &leases);
        assert_eq!(look.await.unwrap(), (0, HashMap::new()));
    }
    assert!(taken(&registry, "b").await.is_empty());
    ids.push(start(&registry, new_run(&acme, None)).await);
    // One is leased, one waits, and one has not begun; what waits for no time goes on doing so.
    let mut look = async || {
        let look = registry.bring_runs_forward(now - hours(1), LEASE, &leases);
        let (count, found) = look.await.unwrap();
        leases = found;
        (count, leases.len())
    };
    assert_eq!(look().await, (2, 1));
    // A lease that its host has renewed is looked at anew; one that nobody renews is over.
    let renewed = registry.renew_runs("a", LEASE, &ids[..1]).await.unwrap();
    assert_eq!(renewed.len(), 1);
    assert_eq!(look().await, (0, 1));
    assert_eq!(look().await, (1, 0));
    let mut found = taken(&registry, "b").await;
    found.sort();
    assert_eq!(found, [ids[0], ids[1], ids[3]]);
}

pub async fn a_run_waits_and_is_woken(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    assert_eq!(taken(&registry, "a").await, [id]);
    append(&registry, &acme, "order.paid").await;
    let mut wait = write(&acme, id, RunChange::Kept);
    wait.waits = vec![EventWait {
        step: "/do/0".into(),
        event_types: vec!["order.paid".into()],
    }];
    written(&registry, "a", wait).await;
    written(&registry, "a", write(&acme, id, RunChange::Waiting(None))).await;
    assert_eq!(
        registry.run(&acme, id).await.unwrap().status,
        RunStatus::Waiting
    );
    assert!(taken(&registry, "a").await.is_empty());
    // What was there before it waited is not for it, nor is another type, nor that of another tenant.
    let other = tenant("other");
    registry.create_tenant(&other).await.unwrap();
    append(&registry, &other, "order.paid").await;
    append(&registry, &acme, "order.lost").await;
    assert_eq!(
        registry.tenants_with_news().await.unwrap(),
        std::slice::from_ref(&acme)
    );
    let given = give(&registry, &acme).await;
    assert_eq!((given.events, given.woken), (1, 0));
    assert!(registry.tenants_with_news().await.unwrap().is_empty());
    let paid = append(&registry, &acme, "order.paid").await;
    assert_eq!(give(&registry, &acme).await.woken, 1);
    assert_eq!(give(&registry, &acme).await.events, 0);
    assert_eq!(taken(&registry, "b").await, [id]);
    let came = mail(&registry, "b", id).await;
    assert_eq!(came.events.len(), 1);
    assert_eq!(came.events[0].event.id, paid.id);
    assert!(registry.run_mail("a", id).await.unwrap().is_none());
    // Until it is taken in, it is there.
    assert_eq!(mail(&registry, "b", id).await.events.len(), 1);
    let mut done = write(&acme, id, RunChange::Kept);
    done.taken_in = vec![came.events[0].seq];
    done.waited = vec!["/do/0".into()];
    written(&registry, "b", done).await;
    assert!(mail(&registry, "b", id).await.events.is_empty());
    append(&registry, &acme, "order.paid").await;
    assert_eq!(give(&registry, &acme).await.woken, 0);
    // A time that has come.
    let due = jiff::Timestamp::now();
    written(
        &registry,
        "b",
        write(&acme, id, RunChange::Waiting(Some(due))),
    )
    .await;
    assert_eq!(taken(&registry, "a").await, [id]);
}

pub async fn what_comes_in_while_a_run_is_parked_is_not_lost(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    assert_eq!(taken(&registry, "a").await, [id]);
    registry.run_mail("a", id).await.unwrap();
    let mut child = new_run(&acme, Some("child"));
    child.parent = Some(id);
    let child = start(&registry, child).await;
    assert_eq!(taken(&registry, "a").await, [child]);
    // The child ends behind the look of its parent, which only then goes to sleep.
    written(&registry, "a", write(&acme, child, completed(json!(1)))).await;
    assert!(registry.woken_runs("a").await.unwrap().contains(&id));
    written(&registry, "a", write(&acme, id, RunChange::Waiting(None))).await;
    assert_eq!(taken(&registry, "b").await, [id]);
}

pub async fn runs_are_paused_resumed_cancelled_and_redriven(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    let ask = async |request| registry.request_run(&acme, id, request).await;
    // Before any host has it.
    assert_eq!(ask(Request::Pause).await.unwrap().status, RunStatus::Paused);
    assert!(taken(&registry, "a").await.is_empty());
    assert!(ask(Request::Redrive).await.is_err());
    ask(Request::Resume).await.unwrap();
    assert_eq!(taken(&registry, "a").await, [id]);
    // While one has it.
    ask(Request::Pause).await.unwrap();
    let came = mail(&registry, "a", id).await;
    assert_eq!(came.request, Some(Request::Pause));
    let paused = write(&acme, id, RunChange::Paused);
    written(&registry, "a", paused.clone()).await;
    assert_eq!(ask(Request::Pause).await.unwrap().status, RunStatus::Paused);
    ask(Request::Resume).await.unwrap();
    assert_eq!(taken(&registry, "a").await, [id]);
    // Who resumes before it was paused keeps it going.
    ask(Request::Pause).await.unwrap();
    ask(Request::Resume).await.unwrap();
    written(&registry, "a", paused).await;
    assert_eq!(taken(&registry, "a").await, [id]);
    let fault = RunChange::Ended {
        status: RunStatus::Faulted,
        output: None,
        error: Some(json!({"title": "坏"})),
    };
    written(&registry, "a", write(&acme, id, fault)).await;
    let run = registry.run(&acme, id).await.unwrap();
    assert_eq!(run.error, Some(json!({"title": "坏"})));
    assert!(ask(Request::Pause).await.is_err() && ask(Request::Resume).await.is_err());
    ask(Request::Redrive).await.unwrap();
    assert_eq!(taken(&registry, "a").await, [id]);
    let came = mail(&registry, "a", id).await;
    assert_eq!(came.request, Some(Request::Redrive));
    // A run that ends as cancelled ends what it called as a part of itself.
    let mut child = new_run(&acme, None);
    child.parent = Some(id);
    let child = start(&registry, child).await;
    ask(Request::Cancel).await.unwrap();
    written(&registry, "a", write(&acme, id, cancelled())).await;
    assert_eq!(taken(&registry, "a").await, [child]);
    let came = mail(&registry, "a", child).await;
    assert_eq!(came.request, Some(Request::Cancel));
    assert!(matches!(
        registry
            .request_run(&tenant("nobody"), id, Request::Cancel)
            .await,
        Err(RegistryError::NotFound { .. })
    ));
}

pub async fn no_more_runs_begin_than_the_limit_says(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut limited = workflow("1.0.0", json!({}));
    limited.settings.concurrency = Some(2);
    registry.put_workflow(&acme, &limited, "t").await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(start(&registry, new_run(&acme, None)).await);
    }
    assert!(taken(&registry, "a").await.is_empty());
    assert_eq!(registry.admit_runs().await.unwrap(), 2);
    assert_eq!(registry.admit_runs().await.unwrap(), 0);
    let first = taken(&registry, "a").await;
    assert_eq!(first.len(), 2);
    // One that waits still counts.
    written(
        &registry,
        "a",
        write(&acme, first[0], RunChange::Waiting(None)),
    )
    .await;
    assert_eq!(registry.admit_runs().await.unwrap(), 0);
    written(
        &registry,
        "a",
        write(&acme, first[1], completed(json!(null))),
    )
    .await;
    assert_eq!(registry.admit_runs().await.unwrap(), 1);
}

pub async fn a_workflow_with_open_runs_stays(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    let orders = name("orders");
    let refused = registry.delete_workflow(&acme, &orders).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Conflict { .. }),
        "{refused}"
    );
    assert_eq!(taken(&registry, "a").await, [id]);
    let mut end = write(&acme, id, completed(json!([])));
    end.entries = vec![entry(1, "{}")];
    written(&registry, "a", end).await;
    registry.delete_workflow(&acme, &orders).await.unwrap();
    assert!(registry.run(&acme, id).await.is_err());
    assert!(registry.workflow(&acme, &orders).await.is_err());
    let gone = registry.delete_workflow(&acme, &orders).await.unwrap_err();
    assert!(matches!(gone, RegistryError::NotFound { .. }));
}

pub async fn schedules_and_events_start_a_run_once(place: &Place) {
    let (registry, acme) = registry(place).await;
    let due = jiff::Timestamp::from_microsecond(1_000_000).unwrap();
    let mut scheduled = workflow("1.0.0", json!({}));
    scheduled.next_at = Some(due);
    scheduled.settings.starts_on = vec!["order.paid".into()];
    registry.put_workflow(&acme, &scheduled, "t").await.unwrap();
    let now = jiff::Timestamp::now();
    let found = registry.due_workflows(now).await.unwrap();
    assert_eq!(found.len(), 1);
    let run = new_run(&acme, Some("schedule@1"));
    let fire = async || {
        registry
            .fire_workflow(&found[0], None, Some(&run))
            .await
            .unwrap()
    };
    assert!(fire().await.is_some());
    assert!(fire().await.is_none());
    assert!(registry.due_workflows(now).await.unwrap().is_empty());
    let event = append(&registry, &acme, "order.paid").await;
    let starts = |workflow: &steward_registry::Name, event: &steward_registry::events::Event| {
        assert_eq!(workflow.as_str(), "orders");
        Some(new_run(&acme, Some(&event.event.id)))
    };
    let given = registry.give_events(&acme, &starts).await.unwrap();
    assert_eq!(given.starts.len(), 1);
    assert_eq!(given.starts[0].1.event.id, event.id);
    assert_eq!(
        registry.give_events(&acme, &starts).await.unwrap().events,
        0
    );
    let all = registry
        .runs(&acme, &RunFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    // Written again without it, it starts nothing more.
    registry
        .put_workflow(&acme, &workflow("1.0.0", json!({})), "t")
        .await
        .unwrap();
    append(&registry, &acme, "order.paid").await;
    assert!(
        registry
            .give_events(&acme, &starts)
            .await
            .unwrap()
            .starts
            .is_empty()
    );
}

pub async fn steps_extend_a_workflow_in_their_order(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    publish(&registry, &acme, "cleaner", "1.0.0").await;
    for step in ["one", "two"] {
        let spec = function(step, "cleaner", &[("1.0.0", 100)]);
        registry.put_function(&acme, &spec, "t").await.unwrap();
    }
    let orders = name("orders");
    let put = async |steps: &[&str]| {
        let steps: Vec<_> = steps.iter().map(|step| name(step)).collect();
        registry
            .put_extensions(&acme, &orders, "checks", &steps, "t")
            .await
    };
    put(&["one"]).await.unwrap();
    let kept = put(&["two", "one"]).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|e| e.function.as_str()).collect();
    assert_eq!(kept, ["two", "one"]);
    assert!(matches!(
        put(&["three"]).await,
        Err(RegistryError::NotFound { .. })
    ));
    assert_eq!(registry.extensions(&acme, &orders).await.unwrap().len(), 2);
    put(&[]).await.unwrap();
    assert!(
        registry
            .extensions(&acme, &orders)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_replay_shares_a_beginning(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    let mut replay = new_run(&acme, None);
    replay.replay = Some((id, vec![entry(1, "1"), entry(2, "2")]));
    let copy = start(&registry, replay).await;
    assert_eq!(registry.run(&acme, copy).await.unwrap().replay_of, Some(id));
    let journal = registry.journal(&acme, copy, 0, 10).await.unwrap();
    assert_eq!(journal.len(), 2);
}

pub async fn no_tenant_waits_for_the_runs_of_another(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let many: Vec<NewRun> = (0..500).map(|_| new_run(&acme, None)).collect();
    registry.start_runs(&many).await.unwrap();
    let mut tenants = vec![acme.clone()];
    for other in ["small", "tiny", "minute"] {
        let other = tenant(other);
        registry.create_tenant(&other).await.unwrap();
        let orders = workflow("1.0.0", json!({"do": []}));
        registry.put_workflow(&other, &orders, "t").await.unwrap();
        for _ in 0..3 {
            start(&registry, new_run(&other, None)).await;
        }
        tenants.push(other);
    }
    let count = |taken: &[steward_registry::workflows::TakenRun], of: &TenantId| {
        taken.iter().filter(|taken| taken.run.tenant == *of).count()
    };
    // All that the small ones have, whatever waited before it, and the rest of the room for the one that has more.
    let first = registry.take_runs("a", LEASE, 12, &no_limit).await.unwrap();
    assert_eq!(first.len(), 12);
    for of in &tenants {
        assert_eq!(count(&first, of), 3, "{of}");
    }
    let second = registry.take_runs("a", LEASE, 12, &no_limit).await.unwrap();
    assert_eq!(count(&second, &acme), 12);
    // More tenants than there is room for: each has its turn.
    for of in &tenants {
        let more: Vec<NewRun> = (0..100).map(|_| new_run(of, None)).collect();
        registry.start_runs(&more).await.unwrap();
    }
    let mut seen = BTreeSet::new();
    for _ in 0..80 {
        let one = registry.take_runs("a", LEASE, 1, &no_limit).await.unwrap();
        assert_eq!(one.len(), 1);
        seen.insert(one[0].run.tenant.clone());
    }
    assert_eq!(seen.len(), tenants.len());
    assert!(
        registry
            .take_runs("a", LEASE, 0, &no_limit)
            .await
            .unwrap()
            .is_empty()
    );
    // One of them has no room left: the others have it.
    let but_acme = |tenant: &TenantId| if *tenant == acme { 0 } else { 5 };
    let others = registry.take_runs("a", LEASE, 20, &but_acme).await.unwrap();
    assert_eq!((others.len(), count(&others, &acme)), (15, 0));
}

pub async fn many_that_end_at_once_wait_for_nobody(place: &Place) {
    const PARENTS: usize = 8;
    let (registry, acme) = with_workflow(place).await;
    for round in 0..6 {
        let mut parents = Vec::new();
        for _ in 0..PARENTS {
            parents.push(start(&registry, new_run(&acme, None)).await);
        }
        assert_eq!(taken(&registry, "p").await.len(), PARENTS);
        let mut parts = Vec::new();
        for parent in &parents {
            let mut part = new_run(&acme, None);
            part.parent = Some(*parent);
            let both = registry.start_runs(&[part.clone(), part]).await.unwrap();
            parts.extend(both.into_iter().map(|started| started.unwrap().id));
        }
        assert_eq!(taken(&registry, "c").await.len(), parts.len());
        // An event for all of them, so that whoever gives it out meets them as well.
        let listen = |run: &Ulid| RunWrite {
            waits: vec![EventWait {
                step: "/do/0".into(),
                event_types: vec!["all".into()],
            }],
            ..RunWrite::of(*run, acme.clone())
        };
        let listening: Vec<RunWrite> = parts.iter().map(listen).collect();
        registry.write_runs("c", &listening).await.unwrap();
        append(&registry, &acme, "all").await;
        // Parents that are cancelled, which ends their parts, and parts that end, which wakes their parents; each in an
        // order of its own, and whoever asks for it at the same time.
        let mut of_parents: Vec<RunWrite> = parents
            .iter()
            .map(|run| write(&acme, *run, cancelled()))
            .collect();
        let mut of_parts: Vec<RunWrite> = parts
            .iter()
            .map(|run| write(&acme, *run, completed(json!(1))))
            .collect();
        if round % 2 == 0 {
            of_parents.reverse();
        } else {
            of_parts.reverse();
        }
        let mut all = tokio::task::JoinSet::new();
        for (host, writes, own) in [("p", of_parents, &parents), ("c", of_parts, &parts)] {
            for half in writes.chunks(writes.len() / 2) {
                let (registry, half) = (registry.clone(), half.to_vec());
                all.spawn(async move { registry.write_runs(host, &half).await.map(drop) });
            }
            let (registry, own) = (registry.clone(), own.clone());
            all.spawn(async move { registry.renew_runs(host, LEASE, &own).await.map(drop) });
        }
        for run in parents.iter().chain(&parts).rev() {
            let (registry, acme, run) = (registry.clone(), acme.clone(), *run);
            all.spawn(async move {
                match registry.request_run(&acme, run, Request::Cancel).await {
                    // It had ended before.
                    Err(RegistryError::Invalid(_)) => Ok(()),
                    asked => asked.map(drop),
                }
            });
        }
        let (of_events, of_acme) = (registry.clone(), acme.clone());
        all.spawn(async move {
            of_events
                .give_events(&of_acme, &|_, _| None)
                .await
                .map(drop)
        });
        while let Some(done) = all.join_next().await {
            done.unwrap().unwrap();
        }
        for run in parents.iter().chain(&parts) {
            let run = registry.run(&acme, *run).await.unwrap();
            assert!(run.status.has_ended(), "{run:?}");
        }
        assert!(taken(&registry, "late").await.is_empty());
    }
}

pub async fn runs_begin_in_the_order_they_came(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut limited = workflow("1.0.0", json!({}));
    limited.settings.concurrency = Some(1);
    registry.put_workflow(&acme, &limited, "t").await.unwrap();
    let mut came = Vec::new();
    for _ in 0..20 {
        came.push(start(&registry, new_run(&acme, None)).await);
    }
    let mut began = Vec::new();
    for _ in &came {
        assert_eq!(registry.admit_runs().await.unwrap(), 1);
        let turn = taken(&registry, "a").await;
        for run in &turn {
            written(&registry, "a", write(&acme, *run, completed(json!(1)))).await;
        }
        began.extend(turn);
    }
    assert_eq!(began, came);
}

pub async fn a_run_that_is_cancelled_before_its_turn_stays_so(place: &Place) {
    let (registry, acme) = registry(place).await;
    let mut limited = workflow("1.0.0", json!({}));
    limited.settings.concurrency = Some(1);
    registry.put_workflow(&acme, &limited, "t").await.unwrap();
    let first = start(&registry, new_run(&acme, None)).await;
    let second = start(&registry, new_run(&acme, None)).await;
    assert_eq!(registry.admit_runs().await.unwrap(), 1);
    assert_eq!(taken(&registry, "a").await, [first]);
    registry
        .request_run(&acme, second, Request::Cancel)
        .await
        .unwrap();
    assert_eq!(taken(&registry, "a").await, [second]);
    written(&registry, "a", write(&acme, second, cancelled())).await;
    written(&registry, "a", write(&acme, first, completed(json!(1)))).await;
    // There is room now, and nobody who waits for it.
    assert_eq!(registry.admit_runs().await.unwrap(), 0);
    assert!(taken(&registry, "a").await.is_empty());
    let run = registry.run(&acme, second).await.unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
}

pub async fn no_part_of_a_run_begins_behind_its_end(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let id = start(&registry, new_run(&acme, None)).await;
    assert_eq!(taken(&registry, "a").await, [id]);
    written(&registry, "a", write(&acme, id, cancelled())).await;
    let mut late = new_run(&acme, None);
    late.parent = Some(id);
    let started = registry
        .start_runs(&[late, new_run(&acme, None)])
        .await
        .unwrap();
    assert!(
        matches!(started[0], Err(RegistryError::Invalid(_))),
        "{started:?}"
    );
    assert!(started[1].is_ok(), "{started:?}");
}

pub async fn runs_are_answered_in_pages_of_few_bytes(place: &Place) {
    let (registry, acme) = with_workflow(place).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let mut large = new_run(&acme, None);
        large.input = json!(format!("{n}{}", "好".repeat(1_200_000)));
        ids.push(start(&registry, large).await);
    }
    // The newest first, and each on one page.
    ids.sort();
    ids.reverse();
    let (mut seen, mut filter) = (Vec::new(), RunFilter::default());
    loop {
        let page = registry.runs(&acme, &filter, 1000).await.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        assert!(page.len() <= 4, "{}", page.len());
        filter.before = Some(last.id);
        seen.extend(page.iter().map(|run| run.id));
    }
    assert_eq!(seen, ids);
}

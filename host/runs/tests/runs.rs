//! Runs on a real registry, with calls that a test answers.
// A failed assumption should stop the test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use steward_registry::events::{EventFilter, NewEvent};
use steward_registry::workflows::{
    JournalEntry, Request, Run, RunFilter, RunStatus, RunWrite, WorkflowSettings,
};
use steward_registry::{ArtifactsConfig, Name, Registry, RegistryConfig, TenantId};
use steward_runs::{
    APPROVAL_TYPE, Approval, Begin, Caller, Effects, Identity, Pins, Runs, RunsConfig, RunsError,
    trace_id, trace_of_event,
};
use steward_secrets::{KeySource, Vault};
use steward_telemetry::TraceContext;
use steward_triggers::Events;
use steward_workflow::{Call, Error, ErrorKind, References};
use ulid::Ulid;

type Answer = dyn Fn(&str, &Value, usize) -> Result<Value, Error> + Send + Sync;

/// Answers calls of functions as a test says, and remembers what was asked.
struct Answers {
    /// Name, input and idempotency key.
    asked: Mutex<Vec<(String, Value, String)>>,
    /// Name and number of the attempt.
    attempts: Mutex<Vec<(String, u32)>>,
    /// The span of each attempt.
    spans: Mutex<Vec<TraceContext>>,
    answer: Box<Answer>,
    /// How long each answer takes, in milliseconds.
    slow: AtomicU64,
}

impl Answers {
    fn with(
        answer: impl Fn(&str, &Value, usize) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            attempts: Mutex::default(),
            spans: Mutex::default(),
            answer: Box::new(answer),
            slow: AtomicU64::new(0),
        })
    }

    /// What comes in goes out, with the name of who was called.
    fn echo() -> Arc<Self> {
        Self::with(|name, input, _| Ok(json!({ "by": name, "of": input })))
    }

    fn names(&self) -> Vec<String> {
        self.asked
            .lock()
            .iter()
            .map(|(name, _, _)| name.clone())
            .collect()
    }
}

#[async_trait]
impl Effects for Answers {
    async fn pin(
        &self,
        _tenant: &TenantId,
        references: &References,
        _extensions: &BTreeMap<String, Vec<Name>>,
    ) -> Result<Pins, Error> {
        let absent = references.functions.keys().find(|f| f.name == "absent");
        match absent {
            Some(function) => Err(Error::new(
                ErrorKind::Configuration,
                format!("there is no function `{function}`"),
            )),
            None => Ok(Pins::default()),
        }
    }

    async fn check_step(&self, _tenant: &TenantId, _function: &Name) -> Result<(), Error> {
        Ok(())
    }

    async fn call(&self, caller: &Caller<'_>, call: &Call) -> Result<Value, Error> {
        let (name, input) = match call {
            Call::Function { function, input } => (function.name.clone(), input.clone()),
            other => panic!("{other:?}"),
        };
        let before = {
            let mut asked = self.asked.lock();
            let before = asked.iter().filter(|(known, _, _)| *known == name).count();
            let key = caller.idempotency_key.to_owned();
            asked.push((name.clone(), input.clone(), key));
            before
        };
        self.attempts.lock().push((name.clone(), caller.attempt));
        assert_eq!(steward_telemetry::current(), Some(caller.span));
        self.spans.lock().push(caller.span);
        let begun = Instant::now();
        loop {
            // Looked at again and again: a test may let go of what is on its way.
            let slow = Duration::from_millis(self.slow.load(Ordering::Relaxed));
            let left = slow.saturating_sub(begun.elapsed());
            tokio::time::sleep(left.min(Duration::from_millis(10))).await;
            if begun.elapsed() >= slow {
                break;
            }
        }
        (self.answer)(&name, &input, before)
    }
}

/// The registry in this folder.
fn config(folder: &Path) -> RegistryConfig {
    RegistryConfig {
        database_url: format!("sqlite://{}", folder.join("steward.db").display()),
        artifacts: ArtifactsConfig::Local(folder.join("artifacts")),
    }
}

/// A host: what happens in the background ends with its runtime, as with a process.
struct Host {
    runs: Runs,
    registry: Registry,
    events: Events,
    tenant: TenantId,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Every task ends where it waits.
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}

impl Host {
    /// On the registry in this folder.
    fn start(folder: &Path, answers: &Arc<Answers>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (runs, registry, events, tenant) = runtime.block_on(async {
            let registry = Registry::open(&config(folder)).await.unwrap();
            let tenant: TenantId = "acme".parse().unwrap();
            registry.ensure_tenant(&tenant).await.unwrap();
            let key = KeySource::File(folder.join("secrets.key"));
            let vault = Vault::start(registry.clone(), key).await.unwrap();
            let events = Events::new(registry.clone());
            let config = RunsConfig {
                identity: Identity::of(&folder.join("host-id")),
                ..RunsConfig::default()
            };
            let runs = Runs::start(
                registry.clone(),
                events.clone(),
                vault,
                answers.clone(),
                config,
            )
            .await
            .unwrap();
            let background = runs.clone();
            tokio::spawn(async move { background.run().await });
            (runs, registry, events, tenant)
        });
        Self {
            runs,
            registry,
            events,
            tenant,
            runtime: Some(runtime),
        }
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    fn apply_with(
        &self,
        mut definition: Value,
        name: &str,
        settings: WorkflowSettings,
    ) -> Result<(), RunsError> {
        definition["document"] =
            json!({"dsl": "1.0.3", "namespace": "default", "name": name, "version": "1.0.0"});
        let text = definition.to_string();
        self.block_on(self.runs.apply(&self.tenant, &text, settings, "t"))
            .map(drop)
    }

    fn apply(&self, name: &str, tasks: Value) {
        self.apply_with(json!({ "do": tasks }), name, WorkflowSettings::default())
            .unwrap();
    }

    fn begin(&self, name: &str, input: Value) -> Ulid {
        let begin = Begin {
            input,
            ..Begin::default()
        };
        let name: Name = name.parse().unwrap();
        self.block_on(self.runs.begin(&self.tenant, &name, begin, "t"))
            .unwrap()
            .id
    }

    #[track_caller]
    fn ended(&self, id: Ulid) -> Run {
        let limit = Duration::from_secs(120);
        let run = self
            .block_on(self.runs.wait(&self.tenant, id, limit))
            .unwrap();
        assert!(run.status.has_ended(), "{run:?}");
        run
    }

    #[track_caller]
    fn completed(&self, id: Ulid) -> Value {
        let run = self.ended(id);
        assert_eq!(run.status, RunStatus::Completed, "{run:?}");
        run.output.unwrap()
    }

    #[track_caller]
    fn until(&self, id: Ulid, status: RunStatus) {
        let begun = Instant::now();
        loop {
            let run = self.block_on(self.registry.run(&self.tenant, id)).unwrap();
            if run.status == status {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{run:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn append(&self, event_type: &str, data: Value) {
        let mut event = NewEvent::new("/tests", event_type);
        event.content_type = Some("application/json".into());
        event.data = Some(data.to_string().into());
        self.block_on(self.events.append(&self.tenant, &[event], "t"))
            .unwrap();
    }

    fn kinds(&self, id: Ulid) -> Vec<(String, String)> {
        let journal = self.registry.journal(&self.tenant, id, 0, 10_000);
        let journal = self.block_on(journal).unwrap();
        let entry = |entry: &steward_registry::workflows::JournalEntry| {
            let json: Value = serde_json::from_str(&entry.entry).unwrap();
            let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
            (text("kind"), text("key"))
        };
        journal.iter().map(entry).collect()
    }
}

fn call(name: &str) -> Value {
    json!({"call": format!("steward:{name}"), "with": {"x": "${ . }"}})
}

fn listen(event_type: &str) -> Value {
    json!({"listen": {"to": {"one": {"with": {"type": event_type}}}}})
}

#[test]
fn a_run_goes_from_its_input_to_its_output_and_tells_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::echo();
    let host = Host::start(folder.path(), &answers);
    host.apply("part", json!([{"twice": {"set": {"n": "${ .n * 2 }"}}}]));
    host.apply("whole", json!([
        {"first": call("one")},
        {"rest": {"wait": {"milliseconds": 30}}},
        {"part": {"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0", "input": {"n": 21}}}}},
        {"say": {"emit": {"event": {"with": {"source": "https://example.com/tests", "type": "com.example.said", "data": {"好": 1}}}}}},
        {"last": {"set": {"n": "${ .n // 42 }"}}},
    ]));
    let id = host.begin("whole", json!("你好"));
    assert_eq!(host.completed(id), json!({"n": 42}));
    assert_eq!(answers.asked.lock()[0].1, json!({"x": "你好"}));
    let kinds = host.kinds(id);
    let of = |kind: &str| {
        kinds
            .iter()
            .filter(|(k, _)| k == kind)
            .map(|(_, key)| key.clone())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(of("started"), of("completed"), "{kinds:?}");
    assert_eq!(of("started").len(), 3);
    assert_eq!(of("fired").len(), 1);
    let all = host
        .block_on(host.registry.runs(&host.tenant, &RunFilter::default(), 10))
        .unwrap();
    assert_eq!(all[0].parent, Some(id));
    let begun = Instant::now();
    while host.runs.stats().in_memory > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn every_attempt_is_a_span_in_the_trace_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, before| match (name, before) {
        ("flaky", 0 | 1) => Err(Error::new(ErrorKind::Communication, "not now")),
        _ => Ok(json!(name)),
    });
    let host = Host::start(folder.path(), &answers);
    host.apply("part", json!([{"within": call("within")}]));
    host.apply("whole", json!([
        {"part": {"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0", "input": {}}}}},
        {"safe": {"try": [{"call": call("flaky")}], "catch": {"retry": {"delay": {"milliseconds": 1}, "limit": {"attempt": {"count": 1}}}}}},
        {"say": {"emit": {"event": {"with": {"source": "https://example.com/tests", "type": "com.example.said"}}}}},
    ]));
    let caller = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let begin = Begin {
        input: json!({}),
        span: caller,
        ..Begin::default()
    };
    let name: Name = "whole".parse().unwrap();
    let begun = host.runs.begin(&host.tenant, &name, begin, "t");
    let id = host.block_on(begun).unwrap().id;
    assert_eq!(host.ended(id).status, RunStatus::Faulted);
    // The same trace when it goes on, on another host.
    drop(host);
    let host = Host::start(folder.path(), &answers);
    let redriven = host.runs.request(&host.tenant, id, Request::Redrive);
    host.block_on(redriven).unwrap();
    host.until(id, RunStatus::Completed);
    let run = host.block_on(host.registry.run(&host.tenant, id)).unwrap();
    assert_eq!(trace_id(&run), caller.unwrap().trace_id());
    let spans = answers.spans.lock().clone();
    let distinct: BTreeSet<String> = spans.iter().map(TraceContext::to_string).collect();
    assert!(
        spans.len() >= 4 && distinct.len() == spans.len(),
        "{spans:?}"
    );
    for span in &spans {
        assert_eq!(span.trace_id(), trace_id(&run));
        assert!(span.is_sampled() && Some(*span) != caller);
    }
    let all = EventFilter::default();
    let said = host.events.query(&host.tenant, &all, 10);
    let said = host.block_on(said).unwrap();
    let span = trace_of_event(&said[0].event).unwrap();
    assert_eq!(span.trace_id(), trace_id(&run));
    // Without a caller it is its own.
    let own = host.begin("part", json!({}));
    let run = host.ended(own);
    assert_ne!(trace_id(&run), span.trace_id());
    let last = answers.spans.lock().last().copied().unwrap();
    assert_eq!(last.trace_id(), trace_id(&run));
}

#[test]
fn what_calls_nobody_is_refused_and_what_fails_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, before| match (name, before) {
        ("flaky", 0) => Err(Error::new(ErrorKind::Communication, "not now")),
        _ => Ok(json!(name)),
    });
    let host = Host::start(folder.path(), &answers);
    let absent = json!({"do": [{"a": call("absent")}]});
    let refused = host
        .apply_with(absent, "bad", WorkflowSettings::default())
        .unwrap_err();
    assert!(
        matches!(&refused, RunsError::Definition(why) if why.contains("absent")),
        "{refused}"
    );
    host.apply(
        "fails",
        json!([{"first": call("steady")}, {"second": call("flaky")}, {"third": call("last")}]),
    );
    let id = host.begin("fails", json!({}));
    let run = host.ended(id);
    assert_eq!(run.status, RunStatus::Faulted);
    assert_eq!(run.error.unwrap()["instance"], "/do/1/second");
    let redriven = host.runs.request(&host.tenant, id, Request::Redrive);
    host.block_on(redriven).unwrap();
    host.until(id, RunStatus::Completed);
    assert_eq!(answers.names(), ["steady", "flaky", "flaky", "last"]);
    let asked = answers.asked.lock().clone();
    assert_eq!(asked[1].2, asked[2].2);
    // From a step on, with keys of its own.
    let replay = host
        .runs
        .replay(&host.tenant, id, Some("/do/1/second"), None, "t");
    let copy = host.block_on(replay).unwrap().id;
    host.completed(copy);
    assert_eq!(answers.names()[4..], ["flaky", "last"]);
    assert_ne!(answers.asked.lock()[4].2, asked[1].2);
    let nowhere = host
        .runs
        .replay(&host.tenant, id, Some("/do/7/x"), None, "t");
    assert!(host.block_on(nowhere).is_err());
    // What fails by itself would fail again.
    host.apply("raises", json!([{"a": {"set": {"x": "${ .n | error }"}}}]));
    let id = host.begin("raises", json!({"n": "坏"}));
    assert_eq!(host.ended(id).status, RunStatus::Faulted);
    assert!(
        host.block_on(host.runs.request(&host.tenant, id, Request::Redrive))
            .is_err()
    );
}

#[test]
fn runs_are_paused_resumed_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::echo();
    let host = Host::start(folder.path(), &answers);
    host.apply(
        "waits",
        json!([{"rest": listen("go")}, {"tell": call("told")}]),
    );
    let (held, free) = (
        host.begin("waits", json!({})),
        host.begin("waits", json!({})),
    );
    host.until(held, RunStatus::Waiting);
    host.until(free, RunStatus::Waiting);
    let ask = |id, request| host.block_on(host.runs.request(&host.tenant, id, request));
    ask(held, Request::Pause).unwrap();
    host.append("go", json!({}));
    host.completed(free);
    host.until(held, RunStatus::Paused);
    assert_eq!(answers.names().len(), 1);
    ask(held, Request::Resume).unwrap();
    host.completed(held);
    // While a step is on its way.
    answers.slow.store(60_000, Ordering::Relaxed);
    host.apply("steps", json!([{"one": call("one")}, {"two": call("two")}]));
    let id = host.begin("steps", json!({}));
    let begun = Instant::now();
    while !answers.names().contains(&"one".to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    ask(id, Request::Pause).unwrap();
    answers.slow.store(0, Ordering::Relaxed);
    host.until(id, RunStatus::Paused);
    assert!(!answers.names().contains(&"two".to_owned()));
    ask(id, Request::Resume).unwrap();
    host.completed(id);
    let id = host.begin("waits", json!({}));
    host.until(id, RunStatus::Waiting);
    ask(id, Request::Cancel).unwrap();
    assert_eq!(host.ended(id).status, RunStatus::Cancelled);
}

#[test]
fn only_what_this_host_has_signed_for_the_run_is_an_approval() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    host.apply("asks", json!([{"ask": listen(APPROVAL_TYPE)}]));
    let (one, other) = (host.begin("asks", json!({})), host.begin("asks", json!({})));
    host.until(one, RunStatus::Waiting);
    host.until(other, RunStatus::Waiting);
    let approval = |approved| Approval {
        approved,
        comment: Some("好".into()),
        data: Value::Null,
    };
    let approve = |id, yes| {
        let approval = approval(yes);
        host.block_on(host.runs.approve(&host.tenant, id, &approval, "ann"))
            .unwrap();
    };
    // Said by somebody who may append events.
    let mut forged = NewEvent::new("/elsewhere", APPROVAL_TYPE);
    forged.subject = Some(one.to_string());
    forged.content_type = Some("application/json".into());
    forged.data = Some(
        json!({"approved": true, "run": one.to_string()})
            .to_string()
            .into(),
    );
    host.block_on(host.events.append(&host.tenant, &[forged], "t"))
        .unwrap();
    // What was said to another run, repeated for this one.
    approve(other, true);
    assert_eq!(host.completed(other)[0]["principal"], "ann");
    let log = host
        .block_on(host.events.query(&host.tenant, &Default::default(), 10))
        .unwrap();
    let mut repeated = log.last().unwrap().event.clone();
    repeated.source = "/elsewhere".into();
    host.block_on(host.events.append(&host.tenant, &[repeated.clone()], "t"))
        .unwrap();
    repeated.id = "another".into();
    repeated.subject = Some(one.to_string());
    host.block_on(host.events.append(&host.tenant, &[repeated], "t"))
        .unwrap();
    // The first that it takes is what was said to it.
    approve(one, false);
    let said = host.completed(one);
    assert_eq!(
        (&said[0]["approved"], &said[0]["comment"]),
        (&json!(false), &json!("好"))
    );
}

#[test]
fn events_and_schedules_start_runs() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    let on = json!({
        "schedule": {"on": {"one": {"with": {"type": "begin"}}}},
        "do": [{"a": {"set": {"n": "${ .[0].data.n }"}}}],
    });
    host.apply_with(on, "starts", WorkflowSettings::default())
        .unwrap();
    let every = json!({"schedule": {"every": {"seconds": 1}}, "do": [{"a": {"set": {"x": 1}}}]});
    host.apply_with(every, "ticks", WorkflowSettings::default())
        .unwrap();
    let after = json!({"schedule": {"after": {"seconds": 1}}, "do": [{"a": {"set": {"x": 1}}}]});
    host.apply_with(after, "follows", WorkflowSettings::default())
        .unwrap();
    for n in 0..10 {
        host.append("begin", json!({ "n": n }));
    }
    let done = |name: &str| {
        let filter = RunFilter {
            workflow: Some(name.parse().unwrap()),
            status: Some(RunStatus::Completed),
            before: None,
        };
        host.block_on(host.registry.runs(&host.tenant, &filter, 100))
            .unwrap()
    };
    let begun = Instant::now();
    while done("starts").len() < 10 || done("ticks").len() < 2 || done("follows").len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let seen: BTreeSet<i64> = done("starts")
        .iter()
        .map(|r| r.output.as_ref().unwrap()["n"].as_i64().unwrap())
        .collect();
    assert_eq!((seen.len(), done("starts").len()), (10, 10));
}

#[test]
fn no_more_runs_go_on_than_the_workflow_allows() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    let settings = WorkflowSettings {
        concurrency: Some(2),
        ..WorkflowSettings::default()
    };
    let tasks = json!({"do": [{"rest": listen("go")}]});
    host.apply_with(tasks, "few", settings).unwrap();
    let ids: Vec<Ulid> = (0..5).map(|_| host.begin("few", json!({}))).collect();
    let name: Name = "few".parse().unwrap();
    let wait_for = |status, wanted| {
        let begun = Instant::now();
        loop {
            // As one moment has it.
            let counts = host
                .block_on(host.registry.count_runs(&host.tenant, &name))
                .unwrap();
            let count = |wanted| {
                let found = counts.iter().find(|(status, _)| *status == wanted);
                found.map_or(0, |(_, count)| *count)
            };
            assert!(count(RunStatus::Waiting) + count(RunStatus::Running) <= 2);
            if count(status) == wanted {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
    };
    for (waiting, completed) in [(2, 2), (2, 4), (1, 5)] {
        wait_for(RunStatus::Waiting, waiting);
        host.append("go", json!({}));
        wait_for(RunStatus::Completed, completed);
    }
    ids.iter().for_each(|id| drop(host.completed(*id)));
}

#[test]
fn a_host_that_ends_in_the_middle_takes_up_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::echo();
    answers.slow.store(2, Ordering::Relaxed);
    let mut host = Host::start(folder.path(), &answers);
    host.apply("part", json!([{"a": call("part")}]));
    host.apply("sturdy", json!([
        {"first": call("first")},
        {"each": {"for": {"each": "i", "in": "${ [1, 2, 3] }"}, "do": [{"one": call("each")}]}},
        {"say": {"emit": {"event": {"with": {"source": "https://example.com/crash", "type": "com.example.crash", "data": {}}}}}},
        {"rest": {"wait": {"milliseconds": 10}}},
        {"both": {"fork": {"branches": [{"left": call("left")}, {"right": call("right")}]}}},
        {"part": {"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0", "input": {}}}}},
        {"last": call("last")},
    ]));
    let (mut ids, mut random) = (Vec::new(), 88_172_645_463_325_252_u64);
    // What the journal said to be done when the host ended, with how often it had been asked for.
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..20 {
        ids.extend((0..5).map(|_| host.begin("sturdy", json!({}))));
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(random % 60));
        drop(host);
        host = Host::start(folder.path(), &answers);
        for id in &ids {
            for (kind, step) in host.kinds(*id) {
                let key = steward_workflow::idempotency_key(&id.to_string(), &step);
                if kind == "completed" && !done.contains_key(&key) {
                    let asked = answers
                        .asked
                        .lock()
                        .iter()
                        .filter(|(_, _, k)| *k == key)
                        .count();
                    done.insert(key, asked);
                }
            }
        }
    }
    for id in &ids {
        host.completed(*id);
        let kinds = host.kinds(*id);
        let completed: Vec<&String> = kinds
            .iter()
            .filter(|(k, _)| k == "completed")
            .map(|(_, key)| key)
            .collect();
        let distinct: BTreeSet<&&String> = completed.iter().collect();
        assert_eq!((completed.len(), distinct.len()), (9, 9), "{kinds:?}");
    }
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for (_, _, key) in answers.asked.lock().iter() {
        *asked.entry(key.clone()).or_default() += 1;
    }
    assert_eq!(asked.len(), ids.len() * 8);
    for (key, by_then) in done {
        assert_eq!(
            asked.get(&key).copied().unwrap_or(0),
            by_then,
            "what was done was done again"
        );
    }
    let events = host
        .block_on(host.events.query(&host.tenant, &Default::default(), 1000))
        .unwrap();
    assert_eq!(events.len(), ids.len());
    let again = asked.values().filter(|n| **n > 1).count();
    println!(
        "20 ends, {} runs, {} steps, {again} of them on their way when the host ended",
        ids.len(),
        asked.len()
    );
}

#[test]
fn every_attempt_at_a_step_has_its_number_and_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, before| match (name, before) {
        ("flaky", 0..2) | ("dead", 0) => Err(Error::new(ErrorKind::Communication, "not now")),
        _ => Ok(json!({ "by": name })),
    });
    let mut host = Host::start(folder.path(), &answers);
    host.apply("retries", json!([
        {"safe": {
            "try": [{"first": call("steady")}, {"second": call("flaky")}],
            "catch": {"retry": {"delay": {"milliseconds": 1}, "limit": {"attempt": {"count": 3}}}},
        }},
        {"letter": call("dead")},
        {"slow": call("slow")},
    ]));
    let id = host.begin("retries", json!({}));
    assert_eq!(host.ended(id).status, RunStatus::Faulted);
    // A dead letter that is redriven, and a host that ends while the step is on its way.
    answers.slow.store(60_000, Ordering::Relaxed);
    let redriven = host.runs.request(&host.tenant, id, Request::Redrive);
    host.block_on(redriven).unwrap();
    let begun = Instant::now();
    while answers.names().last().map(String::as_str) != Some("dead") || answers.names().len() < 8 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            answers.names()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(host);
    answers.slow.store(0, Ordering::Relaxed);
    host = Host::start(folder.path(), &answers);
    host.completed(id);
    let of = |name: &str| -> Vec<u32> {
        let attempts = answers.attempts.lock();
        let own = attempts.iter().filter(|(known, _)| known == name);
        own.map(|(_, attempt)| *attempt).collect()
    };
    assert_eq!(of("steady"), [1, 2, 3]);
    assert_eq!(of("flaky"), [1, 2, 3]);
    assert_eq!(of("dead"), [1, 2, 3]);
    assert_eq!(of("slow"), [1]);
    let keys: BTreeSet<(String, String)> = answers
        .asked
        .lock()
        .iter()
        .map(|(name, _, key)| (name.clone(), key.clone()))
        .collect();
    assert_eq!(keys.len(), 4, "a step has one key: {keys:?}");
}

#[test]
fn a_part_that_failed_is_run_anew_when_its_step_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, before| match before {
        0 => Err(Error::new(ErrorKind::Communication, "not now")),
        _ => Ok(json!({ "by": name })),
    });
    let host = Host::start(folder.path(), &answers);
    host.apply("part", json!([{"a": call("once")}]));
    let part =
        json!({"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0"}}});
    host.apply(
        "whole",
        json!([{"safe": {
            "try": [{"part": part}],
            "catch": {"retry": {"delay": {"milliseconds": 1}, "limit": {"attempt": {"count": 2}}}},
        }}]),
    );
    let id = host.begin("whole", json!({}));
    assert_eq!(host.completed(id), json!({"by": "once"}));
    let filter = RunFilter {
        workflow: Some("part".parse().unwrap()),
        ..RunFilter::default()
    };
    let parts = host
        .block_on(host.registry.runs(&host.tenant, &filter, 10))
        .unwrap();
    let status: BTreeSet<&str> = parts.iter().map(|run| run.status.as_str()).collect();
    assert_eq!(status, BTreeSet::from(["completed", "faulted"]));
    assert_eq!(parts.len(), 2);
}

#[test]
fn what_a_run_called_as_a_part_of_itself_is_cancelled_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    host.apply("part", json!([{"rest": listen("never")}]));
    let part =
        json!({"run": {"workflow": {"namespace": "default", "name": "part", "version": "1.0.0"}}});
    host.apply(
        "whole",
        json!([{"both": {"fork": {"branches": [{"a": part.clone()}, {"b": part}]}}}]),
    );
    let ids: Vec<Ulid> = (0..5).map(|_| host.begin("whole", json!({}))).collect();
    let parts = || {
        let filter = RunFilter {
            workflow: Some("part".parse().unwrap()),
            ..RunFilter::default()
        };
        host.block_on(host.registry.runs(&host.tenant, &filter, 100))
            .unwrap()
    };
    let begun = Instant::now();
    while parts()
        .iter()
        .filter(|run| run.status == RunStatus::Waiting)
        .count()
        < 10
    {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    for id in &ids {
        host.block_on(host.runs.request(&host.tenant, *id, Request::Cancel))
            .unwrap();
    }
    for id in ids.into_iter().chain(parts().iter().map(|run| run.id)) {
        assert_eq!(host.ended(id).status, RunStatus::Cancelled);
    }
}

#[test]
fn what_is_too_large_ends_its_own_run_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, _| match name {
        "large" => Ok(Value::String("x".repeat(3 << 20))),
        "larger" => Ok(Value::String("x".repeat(5 << 20))),
        _ => Ok(json!({ "by": name })),
    });
    let host = Host::start(folder.path(), &answers);
    host.apply(
        "fork",
        json!([{"both": {"fork": {"branches": [{"a": call("large")}, {"b": call("large")}]}}}]),
    );
    host.apply("larger", json!([{"a": call("larger")}]));
    host.apply("small", json!([{"a": call("small")}, {"b": call("small")}]));
    host.apply(
        "long",
        json!([{"all": {
            "for": {"each": "i", "in": "${ [range(30)] }"},
            "do": [{"a": {"call": "steward:large", "with": {}, "output": {"as": "${ null }"}}}],
        }}]),
    );
    let wrong = [
        (host.begin("fork", json!({})), "the output of the run has"),
        (host.begin("larger", json!({})), "what came of the step has"),
        (host.begin("long", json!({})), "the journal of the run has"),
    ];
    let others: Vec<Ulid> = (0..20).map(|_| host.begin("small", json!({}))).collect();
    for id in others {
        assert_eq!(host.completed(id), json!({"by": "small"}));
    }
    for (id, says) in wrong {
        let run = host.ended(id);
        assert_eq!(run.status, RunStatus::Faulted);
        let error = run.error.unwrap();
        assert!(error["detail"].as_str().unwrap().contains(says), "{error}");
    }
}

#[test]
fn an_answer_that_breaks_its_schema_fails_the_step_and_nothing_before_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::with(|name, _, before| match (name, before) {
        ("wrong", 0) => Ok(json!({ "score": "七" })),
        _ => Ok(json!({ "score": 7 })),
    });
    let host = Host::start(folder.path(), &answers);
    let mut second = call("wrong");
    second["output"] = json!({"schema": {"document": {
        "type": "object", "required": ["score"], "properties": {"score": {"type": "integer"}},
    }}});
    host.apply(
        "checked",
        json!([{"first": call("right")}, {"second": second}]),
    );
    let id = host.begin("checked", json!({}));
    let error = host.ended(id).error.unwrap();
    assert_eq!(error["instance"], "/do/1/second");
    assert!(
        error["type"].as_str().unwrap().ends_with("/validation"),
        "{error}"
    );
    assert!(
        error["detail"].as_str().unwrap().contains("/score"),
        "{error}"
    );
    // It answered, so that what it answered is in the journal: from there it is run again as a run of its own.
    let replay = host
        .runs
        .replay(&host.tenant, id, Some("/do/1/second"), None, "t");
    let copy = host.block_on(replay).unwrap().id;
    assert_eq!(host.completed(copy), json!({"score": 7}));
    assert_eq!(answers.names(), ["right", "wrong", "wrong"]);
}

#[test]
fn a_workflow_that_was_removed_and_written_again_is_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    let name: Name = "again".parse().unwrap();
    for n in 1..3 {
        host.apply("again", json!([{"a": {"set": {"n": n}}}]));
        let id = host.begin("again", json!({}));
        assert_eq!(host.completed(id), json!({ "n": n }));
        host.block_on(host.registry.delete_workflow(&host.tenant, &name))
            .unwrap();
    }
}

#[test]
fn who_no_longer_waits_for_a_run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    host.apply("waits", json!([{"rest": listen("go")}]));
    let id = host.begin("waits", json!({}));
    host.until(id, RunStatus::Waiting);
    for _ in 0..10 {
        let wait = host.runs.wait(&host.tenant, id, Duration::from_secs(60));
        let gone = async { tokio::time::timeout(Duration::from_millis(5), wait).await };
        assert!(host.block_on(gone).is_err());
    }
    assert_eq!(host.runs.stats().watched, 0);
    host.append("go", json!({}));
    host.completed(id);
    assert_eq!(host.runs.stats().watched, 0);
}

#[test]
fn a_workflow_that_is_a_part_of_itself_comes_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &Answers::echo());
    let part = json!({"namespace": "default", "name": "again", "version": "1.0.0"});
    host.apply("again", json!([{"again": {"run": {"workflow": part}}}]));
    let id = host.begin("again", json!({}));
    let run = host.ended(id);
    assert_eq!(run.status, RunStatus::Faulted);
    let error = run.error.unwrap();
    assert!(
        error["detail"].as_str().unwrap().contains("32 deep"),
        "{error}"
    );
    let all = host
        .block_on(host.registry.runs(&host.tenant, &RunFilter::default(), 100))
        .unwrap();
    assert_eq!(all.len(), 32);
}

#[test]
fn a_clock_that_has_gone_back_keeps_no_schedule_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &Answers::echo());
    // Long enough that it is not due before the clock is moved.
    let every = json!({"schedule": {"every": {"seconds": 10}}, "do": [{"a": {"set": {"x": 1}}}]});
    host.apply_with(every, "ticks", WorkflowSettings::default())
        .unwrap();
    // As a host leaves it whose clock was a year ahead.
    let name: Name = "ticks".parse().unwrap();
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 365);
    let moved = host.block_on(async {
        let ticks = host.registry.workflow(&host.tenant, &name).await.unwrap();
        let moved = host.registry.fire_workflow(&ticks, Some(ahead), None);
        moved.await.unwrap();
        host.registry.workflow(&host.tenant, &name).await.unwrap()
    });
    assert!(moved.next_at.unwrap() > jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    drop(host);
    host = Host::start(folder.path(), &Answers::echo());
    let begun = Instant::now();
    loop {
        let every = RunFilter::default();
        let all = host.registry.runs(&host.tenant, &every, 10);
        if !host.block_on(all).unwrap().is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_clock_that_has_gone_back_keeps_no_run_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::echo();
    answers.slow.store(60_000, Ordering::Relaxed);
    let mut host = Host::start(folder.path(), &answers);
    host.apply(
        "rests",
        json!([{"first": call("first")}, {"rest": {"wait": {"seconds": 1}}}, {"last": {"set": {"x": 1}}}]),
    );
    let id = host.begin("rests", json!({}));
    let begun = Instant::now();
    while answers.names().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
    let seq = host.kinds(id).len() as u64 + 1;
    let tenant = host.tenant.clone();
    drop(host);
    // As a host leaves it whose clock was a year ahead: the end of a step in the journal, and a lease until then.
    let year = jiff::SignedDuration::from_hours(24 * 365);
    let ahead = jiff::Timestamp::now() + year;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let registry = Registry::open(&config(folder.path())).await.unwrap();
        let before = std::fs::read_to_string(folder.path().join("host-id")).unwrap();
        assert_eq!(registry.reclaim_runs(before.trim()).await.unwrap(), 1);
        let lease = Duration::from_secs(365 * 24 * 3600);
        let taken = registry
            .take_runs("ahead", lease, 10, &|_| 10)
            .await
            .unwrap();
        assert_eq!(taken.len(), 1);
        let entry = json!({"at": ahead, "kind": "completed", "key": "/do/0/first", "output": {}});
        let mut write = RunWrite::of(id, tenant);
        write.entries = vec![JournalEntry {
            seq,
            entry: entry.to_string(),
            at: jiff::Timestamp::UNIX_EPOCH,
        }];
        assert_eq!(
            registry.write_runs("ahead", &[write]).await.unwrap(),
            [true]
        );
    });
    drop(runtime);
    host = Host::start(folder.path(), &answers);
    assert_eq!(host.completed(id), json!({"x": 1}));
    assert_eq!(answers.names(), ["first"]);
    let kinds = host.kinds(id);
    let noted = kinds.iter().filter(|(kind, _)| kind == "clock-went-back");
    assert_eq!(noted.count(), 1, "{kinds:?}");
    // What came behind it is behind it in the journal, too.
    let journal = host.registry.journal(&host.tenant, id, seq, 100);
    for entry in host.block_on(journal).unwrap() {
        let json: Value = serde_json::from_str(&entry.entry).unwrap();
        let at: jiff::Timestamp = json["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(json["kind"] != "clock-went-back", at > ahead, "{json}");
    }
}

//! Labelling: what is handed out to whom, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use steward_registry::labelling::{
    GivenAnnotation, Label, LabelKind, LabelSpan, NewTask, Prediction, ProjectSpec, Status,
    TaskState,
};
use steward_registry::{Name, Registry, RegistryError, TenantId};

use crate::support::{Place, name, registry, tenant};

/// Some seconds after noon.
fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_secs(seconds)
}

fn spec(overlap: u32) -> ProjectSpec {
    ProjectSpec {
        kind: LabelKind::Choice,
        labels: vec!["正面".into(), "负面".into()],
        overlap,
        lease_seconds: 60,
        gold_every: 0,
    }
}

fn choice(label: &str) -> Label {
    Label::Choice(label.into())
}

fn task(task: &str) -> NewTask {
    NewTask {
        task: task.into(),
        data: json!({"text": format!("评论 {task} 😀\0")}),
        gold: None,
        rank: 0,
    }
}

/// A project with an overlap and tasks of these names, and shorter ways to work in it.
struct Work {
    registry: Registry,
    tenant: TenantId,
    project: Name,
}

impl Work {
    async fn start(place: &Place, spec: &ProjectSpec, tasks: &[&str]) -> Self {
        let (registry, tenant) = registry(place).await;
        let project = name("reviews");
        registry
            .create_label_project(&tenant, &project, spec, "# 好评？\n请选择。", "ann")
            .await
            .unwrap();
        let work = Self {
            registry,
            tenant,
            project,
        };
        let tasks: Vec<NewTask> = tasks.iter().map(|name| task(name)).collect();
        work.add(&tasks).await.unwrap();
        work
    }

    async fn add(&self, tasks: &[NewTask]) -> Result<(), RegistryError> {
        self.registry
            .add_label_tasks(&self.tenant, &self.project, tasks, "ann")
            .await
    }

    async fn take(&self, annotator: &str, now: i64) -> Option<String> {
        self.registry
            .take_label_task(&self.tenant, &self.project, annotator, at(now))
            .await
            .unwrap()
            .map(|assignment| assignment.task)
    }

    async fn annotate(
        &self,
        task: &str,
        annotator: &str,
        label: &str,
        now: i64,
    ) -> Result<GivenAnnotation, RegistryError> {
        self.registry
            .annotate(
                &self.tenant,
                &self.project,
                task,
                annotator,
                &choice(label),
                at(now),
            )
            .await
    }

    async fn skip(&self, task: &str, annotator: &str) -> Result<(), RegistryError> {
        self.registry
            .skip_label_task(&self.tenant, &self.project, task, annotator, "看不懂")
            .await
    }

    async fn judge(&self, task: &str, label: &str) -> Result<u32, RegistryError> {
        self.registry
            .adjudicate(
                &self.tenant,
                &self.project,
                task,
                &choice(label),
                "",
                "judge",
                at(9),
            )
            .await
            .map(|decided| decided.number)
    }

    async fn status(&self, now: i64) -> Status {
        self.registry
            .label_status(&self.tenant, &self.project, at(now))
            .await
            .unwrap()
    }

    async fn state(&self, task: &str) -> TaskState {
        self.registry
            .labelled_task(&self.tenant, &self.project, task)
            .await
            .unwrap()
            .state
    }
}

fn invalid(result: Result<impl std::fmt::Debug, RegistryError>, part: &str) {
    match result {
        Err(RegistryError::Invalid(text)) => assert!(text.contains(part), "{text}"),
        other => panic!("{part}: {other:?}"),
    }
}

fn missing(result: Result<impl std::fmt::Debug, RegistryError>, what: &str) {
    match result {
        Err(RegistryError::NotFound { kind, .. }) => assert_eq!(kind, what),
        other => panic!("{what}: {other:?}"),
    }
}

fn some(task: &str) -> Option<String> {
    Some(task.to_owned())
}

pub async fn guidelines_are_versions_and_annotations_name_theirs(place: &Place) {
    let work = Work::start(place, &spec(2), &["t1", "t2"]).await;
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let before = registry.revision().await.unwrap();
    assert_eq!(work.take("bo", 0).await, some("t1"));
    let second = registry
        .add_label_guideline(acme, project, "# 好评？\n看语气。", "ann")
        .await
        .unwrap();
    assert_eq!(second.version, 2);
    // Who was handed a task before read the first version, even after a new lease.
    assert_eq!(work.take("bo", 1).await, some("t1"));
    let annotation = work.annotate("t1", "bo", "正面", 2).await.unwrap();
    assert_eq!((annotation.guideline, annotation.created_at), (1, at(2)));
    assert_eq!(work.take("bo", 3).await, some("t2"));
    assert_eq!(
        work.annotate("t2", "bo", "负面", 4)
            .await
            .unwrap()
            .guideline,
        2
    );
    let all = registry.label_guidelines(acme, project).await.unwrap();
    let texts: Vec<_> = all.iter().map(|g| (g.version, g.text.as_str())).collect();
    assert_eq!(
        texts,
        [(2, "# 好评？\n看语气。"), (1, "# 好评？\n请选择。")]
    );
    let found = registry.label_project(acme, project).await.unwrap();
    assert_eq!((found.guideline, &found.spec), (2, &spec(2)));
    assert_eq!(registry.label_projects(acme).await.unwrap(), [found]);
    let again = registry
        .create_label_project(acme, project, &spec(1), "x", "bo")
        .await;
    assert!(matches!(
        again,
        Err(RegistryError::Conflict {
            kind: "labelling project",
            ..
        })
    ));
    // Hosts keep nothing of this in memory.
    assert_eq!(registry.revision().await.unwrap(), before);
}

pub async fn a_task_is_leased_to_as_many_as_the_overlap_says(place: &Place) {
    let work = Work::start(place, &spec(2), &["t1", "t2"]).await;
    assert_eq!(work.take("a", 0).await, some("t1"));
    assert_eq!(work.take("b", 0).await, some("t1"));
    // Two hold the first one.
    assert_eq!(work.take("c", 0).await, some("t2"));
    // Who asks again is handed the same one, for as long again.
    assert_eq!(work.take("a", 50).await, some("t1"));
    let status = work.status(59).await;
    assert_eq!((status.open, status.untouched, status.leased), (2, 2, 3));
    // The lease of b ends, that of a does not.
    assert_eq!(work.take("d", 60).await, some("t1"));
    assert_eq!(work.take("e", 61).await, some("t2"));
    assert_eq!(work.take("f", 61).await, some("t2"));
    assert_eq!(work.take("g", 61).await, None);
    // What comes after the lease counts all the same, and may be one too many.
    for who in ["a", "d"] {
        work.annotate("t1", who, "正面", 70).await.unwrap();
    }
    assert_eq!(work.state("t1").await, TaskState::Complete);
    work.annotate("t1", "b", "负面", 500).await.unwrap();
    // All leases are over: what is left is handed out, but not to who has labelled it.
    assert_eq!(work.take("a", 1000).await, some("t2"));
    work.annotate("t2", "a", "正面", 1001).await.unwrap();
    assert_eq!(work.take("a", 1002).await, None);
    let status = work.status(1002).await;
    assert_eq!((status.open, status.untouched, status.complete), (1, 0, 1));
    assert_eq!((status.annotations, status.leased), (4, 0));
    assert_eq!(status.disputed, 1);

    // A larger overlap opens what was complete, a smaller one closes what was open.
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    registry.set_label_overlap(acme, project, 4).await.unwrap();
    assert_eq!(work.status(1002).await.open, 2);
    assert_eq!(work.take("z", 1003).await, some("t1"));
    let smaller = registry.set_label_overlap(acme, project, 1).await.unwrap();
    assert_eq!(smaller.spec.overlap, 1);
    assert_eq!(work.status(1003).await.complete, 2);
    assert_eq!(work.take("y", 1004).await, None);
}

pub async fn an_annotator_labels_a_task_once(place: &Place) {
    let work = Work::start(place, &spec(3), &["t1"]).await;
    invalid(
        work.annotate("t1", "bo", "正面", 0).await,
        "was not handed to `bo`",
    );
    assert_eq!(work.take("bo", 0).await, some("t1"));
    work.annotate("t1", "bo", "正面", 1).await.unwrap();
    for label in ["正面", "负面"] {
        let twice = work.annotate("t1", "bo", label, 2).await.unwrap_err();
        assert!(matches!(
            twice,
            RegistryError::Conflict {
                kind: "annotation",
                ..
            }
        ));
        assert_eq!(
            twice.to_string(),
            "the annotation `t1 by bo` exists already: an annotator labels a task once, and a judge corrects what is \
             wrong"
        );
    }
    invalid(work.skip("t1", "bo").await, "not in the hands of `bo`");
    let found = work
        .registry
        .labelled_task(&work.tenant, &work.project, "t1")
        .await
        .unwrap();
    assert_eq!(found.annotations.len(), 1);
    assert_eq!(found.annotations[0].label, choice("正面"));
    assert_eq!(work.status(2).await.annotations, 1);
}

pub async fn many_at_once_never_exceed_the_overlap(place: &Place) {
    let config = place.fresh().await;
    let hosts = [
        Registry::open(&config).await.unwrap(),
        Registry::open(&config).await.unwrap(),
    ];
    let (acme, project) = (tenant("acme"), name("reviews"));
    hosts[0].create_tenant(&acme).await.unwrap();
    hosts[0]
        .create_label_project(&acme, &project, &spec(2), "g", "t")
        .await
        .unwrap();
    let tasks: Vec<NewTask> = (0..6).map(|i| task(&format!("t{i}"))).collect();
    hosts[0]
        .add_label_tasks(&acme, &project, &tasks, "t")
        .await
        .unwrap();
    let annotators = (0..8).map(|i| {
        let (registry, acme, project) = (hosts[i % 2].clone(), acme.clone(), project.clone());
        tokio::spawn(async move {
            let who = format!("a{i}");
            let mut done = Vec::new();
            while let Some(assignment) = registry
                .take_label_task(&acme, &project, &who, at(0))
                .await
                .unwrap()
            {
                let label = choice(["正面", "负面"][i % 2]);
                registry
                    .annotate(&acme, &project, &assignment.task, &who, &label, at(1))
                    .await
                    .unwrap();
                done.push(assignment.task);
            }
            done
        })
    });
    let mut counts = BTreeMap::<String, u32>::new();
    for annotator in futures::future::join_all(annotators).await {
        let done = annotator.unwrap();
        let distinct: BTreeSet<_> = done.iter().collect();
        assert_eq!(distinct.len(), done.len());
        for task in done {
            *counts.entry(task).or_default() += 1;
        }
    }
    // Who was turned away while others still held tasks did not come back; nothing is labelled too often.
    assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
    let status = hosts[1].label_status(&acme, &project, at(2)).await.unwrap();
    assert_eq!(status.annotations, u64::from(counts.values().sum::<u32>()));
    assert_eq!((status.complete, status.open, status.leased), (6, 0, 0));
}

pub async fn gold_questions_are_mixed_in(place: &Place) {
    let with_gold = ProjectSpec {
        gold_every: 3,
        ..spec(1)
    };
    let work = Work::start(place, &with_gold, &["t1", "t2", "t3", "t4", "t5", "t6"]).await;
    let gold = |name: &str, label| NewTask {
        gold: Some(choice(label)),
        ..task(name)
    };
    work.add(&[gold("g1", "正面"), gold("g2", "负面")])
        .await
        .unwrap();
    let mut order = Vec::new();
    while let Some(task) = work.take("a", 0).await {
        work.annotate(&task, "a", "正面", 0).await.unwrap();
        order.push(task);
    }
    assert_eq!(order, ["t1", "t2", "g1", "t3", "t4", "g2", "t5", "t6"]);
    // Everybody is asked, whatever the overlap.
    let status = work.status(0).await;
    assert_eq!(
        (status.gold, status.complete, status.annotations),
        (2, 6, 8)
    );
    work.add(&[task("t7"), task("t8"), task("t9")])
        .await
        .unwrap();
    let mut other = Vec::new();
    while let Some(task) = work.take("b", 0).await {
        work.annotate(&task, "b", "正面", 0).await.unwrap();
        other.push(task);
    }
    assert_eq!(other, ["t7", "t8", "g1", "t9"]);
    // An assignment does not tell; the task of the owner does.
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let found = registry.labelled_task(acme, project, "g1").await.unwrap();
    assert_eq!(
        (found.gold, found.annotations.len()),
        (Some(choice("正面")), 2)
    );
    invalid(work.judge("g1", "正面").await, "gold question");
    // A gold question that is none any more is as complete as it has annotations.
    registry
        .set_label_gold(acme, project, "g1", None)
        .await
        .unwrap();
    assert_eq!(work.state("g1").await, TaskState::Complete);
    work.judge("t1", "负面").await.unwrap();
    registry
        .set_label_gold(acme, project, "t1", Some(&choice("负面")))
        .await
        .unwrap();
    assert_eq!(work.state("t1").await, TaskState::Gold);
    registry
        .set_label_gold(acme, project, "t1", None)
        .await
        .unwrap();
    assert_eq!(work.state("t1").await, TaskState::Adjudicated);
    missing(
        registry.set_label_gold(acme, project, "t99", None).await,
        "task",
    );
}

pub async fn who_skips_a_task_is_not_asked_again(place: &Place) {
    let work = Work::start(place, &spec(1), &["t1", "t2"]).await;
    invalid(work.skip("t1", "a").await, "not in the hands");
    assert_eq!(work.take("a", 0).await, some("t1"));
    work.skip("t1", "a").await.unwrap();
    assert_eq!(work.take("a", 0).await, some("t2"));
    assert_eq!(work.take("b", 0).await, some("t1"));
    assert_eq!(work.status(0).await.skipped, 1);
    // Who changes their mind may still answer.
    work.annotate("t1", "a", "正面", 1).await.unwrap();
    let status = work.status(1).await;
    assert_eq!((status.skipped, status.complete), (0, 1));
}

pub async fn ranks_decide_the_order(place: &Place) {
    let work = Work::start(place, &spec(1), &["t1", "t2", "t3"]).await;
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let ranks = [("t3".to_owned(), -5), ("t1".to_owned(), i64::MAX)];
    registry
        .rank_label_tasks(acme, project, &ranks)
        .await
        .unwrap();
    let mut order = Vec::new();
    while let Some(task) = work.take("a", 0).await {
        work.annotate(&task, "a", "正面", 0).await.unwrap();
        order.push(task);
    }
    assert_eq!(order, ["t3", "t2", "t1"]);
    let ranks = [("t2".to_owned(), 7), ("t9".to_owned(), 1)];
    missing(
        registry.rank_label_tasks(acme, project, &ranks).await,
        "task",
    );
    let found = registry.labelled_task(acme, project, "t2").await.unwrap();
    assert_eq!(found.rank, 0);
}

pub async fn a_judge_decides_what_is_disputed(place: &Place) {
    let work = Work::start(place, &spec(2), &["agreed", "disputed", "open"]).await;
    for (who, second) in [("a", "正面"), ("b", "负面")] {
        work.take(who, 0).await.unwrap();
        work.annotate("agreed", who, "正面", 0).await.unwrap();
        work.take(who, 0).await.unwrap();
        work.annotate("disputed", who, second, 0).await.unwrap();
    }
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let disputed = registry
        .disputed_label_tasks(acme, project, 10)
        .await
        .unwrap();
    assert_eq!(disputed.len(), 1);
    assert_eq!(
        (disputed[0].task.as_str(), disputed[0].annotations.len()),
        ("disputed", 2)
    );
    assert!(
        registry
            .disputed_label_tasks(acme, project, 0)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(work.judge("disputed", "正面").await.unwrap(), 1);
    assert_eq!(work.judge("disputed", "负面").await.unwrap(), 2);
    assert_eq!(work.status(9).await.disputed, 0);
    let found = registry
        .labelled_task(acme, project, "disputed")
        .await
        .unwrap();
    let labels: Vec<_> = found
        .adjudications
        .iter()
        .map(|d| d.label.clone())
        .collect();
    assert_eq!(labels, [choice("正面"), choice("负面")]);
    assert_eq!(
        (found.state, found.adjudications[1].created_at),
        (TaskState::Adjudicated, at(9))
    );
    assert_eq!(found.adjudications[1].created_by, "judge");
    // What a judge has decided is handed out no more, and more annotators do not open it again.
    work.judge("open", "正面").await.unwrap();
    assert_eq!(work.take("c", 10).await, None);
    registry.set_label_overlap(acme, project, 3).await.unwrap();
    assert_eq!(work.take("c", 10).await, some("agreed"));
    let status = work.status(10).await;
    assert_eq!((status.adjudicated, status.open, status.leased), (2, 1, 1));
    missing(work.judge("t9", "正面").await, "task");
    invalid(work.judge("agreed", "中立").await, "none of the labels");
}

pub async fn everything_that_was_said_is_read_page_by_page(place: &Place) {
    let names: Vec<String> = (1..=60).map(|i| format!("任务 {i}")).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let work = Work::start(place, &spec(2), &borrowed).await;
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let given = |task: &str, who: &str, label: &str, seconds| GivenAnnotation {
        task: task.into(),
        annotator: who.into(),
        label: choice(label),
        guideline: 1,
        created_at: at(seconds),
    };
    let imported = [
        given(&names[0], "zoe", "负面", 1),
        given(&names[0], "ann", "正面", 2),
        given(&names[58], "陈", "正面", 3),
        given(&names[58], "ann", "负面", 3),
    ];
    registry
        .import_annotations(acme, project, &imported)
        .await
        .unwrap();
    let prediction = |confidence| Prediction {
        task: names[0].clone(),
        source: "sentiment@1.2.0~int8".into(),
        label: choice("正面"),
        confidence,
        created_at: at(4),
        provenance: (confidence > 0.25)
            .then(|| json!({"votes": [{"function": "规则", "label": "正面"}]})),
    };
    for confidence in [0.25, 0.1 + 0.2] {
        let one = [prediction(confidence)];
        registry
            .put_label_predictions(acme, project, &one)
            .await
            .unwrap();
    }
    let mut pages = Vec::new();
    let mut after = 0;
    loop {
        let page = registry
            .labelled_tasks(acme, project, after, 25)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        pages.push(page);
    }
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [25, 25, 10]);
    let all: Vec<_> = pages.into_iter().flatten().collect();
    let found: Vec<&str> = all.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(found, borrowed);
    assert_eq!(all[0].data, json!({"text": "评论 任务 1 😀\0"}));
    assert_eq!(all[0].annotations, imported[..2]);
    assert_eq!(all[0].predictions, [prediction(0.1 + 0.2)]);
    assert_eq!(all[0].state, TaskState::Complete);
    assert!(all[1].annotations.is_empty() && all[1].predictions.is_empty());
    // What a source did not say again is forgotten, what others said stays.
    let forget = async |source: &str, seconds| {
        let before = at(seconds);
        registry
            .forget_label_predictions(acme, project, source, before)
            .await
            .unwrap()
    };
    assert_eq!(forget("sentiment@1.2.0~int8", 4).await, 0);
    assert_eq!(forget("other", 5).await, 0);
    assert_eq!(forget("sentiment@1.2.0~int8", 5).await, 1);
    let first = registry.labelled_task(acme, project, &names[0]).await;
    assert!(first.unwrap().predictions.is_empty());
    // Those far apart are found as well, and nothing in between.
    let disputed = registry
        .disputed_label_tasks(acme, project, 100)
        .await
        .unwrap();
    let said: Vec<_> = disputed
        .iter()
        .map(|t| (t.position, t.annotations.len()))
        .collect();
    assert_eq!(said, [(1, 2), (59, 2)]);
    assert_eq!(disputed[1].annotations[0].annotator, "ann");
    // Who has labelled elsewhere is not asked here.
    assert_eq!(work.take("ann", 5).await, some(&names[1]));
}

pub async fn spans_are_stored_in_one_spelling(place: &Place) {
    let spans = ProjectSpec {
        kind: LabelKind::Spans,
        labels: vec!["人名".into()],
        ..spec(2)
    };
    let work = Work::start(place, &spans, &["t1"]).await;
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let span = |start, end| LabelSpan {
        start,
        end,
        label: "人名".into(),
    };
    let say = async |who: &str, spans: &[LabelSpan]| {
        registry
            .take_label_task(acme, project, who, at(0))
            .await
            .unwrap();
        let label = Label::Spans(spans.to_vec());
        registry
            .annotate(acme, project, "t1", who, &label, at(1))
            .await
    };
    invalid(say("a", &[span(3, 3)]).await, "holds no character");
    let other = LabelSpan {
        label: "地名".into(),
        ..span(0, 1)
    };
    invalid(say("a", &[other]).await, "none of the labels");
    say("a", &[span(5, 8), span(0, 3)]).await.unwrap();
    say("b", &[span(0, 3), span(5, 8), span(5, 8)])
        .await
        .unwrap();
    assert_eq!(work.status(2).await.disputed, 0);
    let found = registry.labelled_task(acme, project, "t1").await.unwrap();
    assert_eq!(
        found.annotations[0].label,
        Label::Spans(vec![span(0, 3), span(5, 8)])
    );
    invalid(work.annotate("t1", "a", "人名", 3).await, "labels of parts");
}

pub async fn batches_are_kept_whole_or_not_at_all(place: &Place) {
    let work = Work::start(place, &spec(1), &["t1"]).await;
    let (registry, acme, project) = (&work.registry, &work.tenant, &work.project);
    let taken = work.add(&[task("t2"), task("t1")]).await;
    assert!(matches!(
        taken,
        Err(RegistryError::Conflict { kind: "task", .. })
    ));
    let bad_gold = NewTask {
        gold: Some(choice("中立")),
        ..task("t4")
    };
    invalid(
        work.add(&[task("t3"), bad_gold]).await,
        "none of the labels",
    );
    invalid(
        work.add(&[task("t3"), task("a\nb")]).await,
        "control character",
    );
    let fat = NewTask {
        data: json!("x".repeat(300 * 1024)),
        ..task("fat")
    };
    invalid(work.add(&[task("t3"), fat]).await, "bytes as JSON");
    let many = vec![task("t"); 10_001];
    invalid(work.add(&many).await, "at most 10000");
    let given = |task: &str, who: &str, guideline| GivenAnnotation {
        task: task.into(),
        annotator: who.into(),
        label: choice("正面"),
        guideline,
        created_at: at(0),
    };
    let import = async |annotations: &[GivenAnnotation]| {
        registry
            .import_annotations(acme, project, annotations)
            .await
    };
    let twice = import(&[given("t1", "a", 1), given("t1", "a", 1)]).await;
    assert!(matches!(
        twice,
        Err(RegistryError::Conflict {
            kind: "annotation",
            ..
        })
    ));
    missing(
        import(&[given("t1", "a", 1), given("t9", "a", 1)]).await,
        "task",
    );
    missing(import(&[given("t1", "a", 7)]).await, "guideline version");
    let prediction = |task: &str, confidence| Prediction {
        task: task.into(),
        source: "m@1.0.0".into(),
        label: choice("正面"),
        confidence,
        created_at: at(0),
        provenance: None,
    };
    for confidence in [f64::NAN, 1.5] {
        let two = [prediction("t1", 0.5), prediction("t1", confidence)];
        invalid(
            registry.put_label_predictions(acme, project, &two).await,
            "within 0 and 1",
        );
    }
    let two = [prediction("t1", 0.5), prediction("t9", 0.5)];
    missing(
        registry.put_label_predictions(acme, project, &two).await,
        "task",
    );
    let all = registry.labelled_tasks(acme, project, 0, 10).await.unwrap();
    assert_eq!(all.len(), 1);
    assert!(all[0].annotations.is_empty() && all[0].predictions.is_empty());
    assert_eq!(
        (all[0].state, work.status(0).await.annotations),
        (TaskState::Open, 0)
    );
}

pub async fn an_addition_that_broke_off_can_be_made_again(place: &Place) {
    let work = Work::start(place, &spec(1), &["t2"]).await;
    let tasks: Vec<NewTask> = ["t1", "t2", "t3", "t3"].map(task).into();
    let add = async |tasks: &[NewTask]| {
        let registry = &work.registry;
        let added = registry.add_missing_label_tasks(&work.tenant, &work.project, tasks, "ann");
        added.await
    };
    assert_eq!(add(&tasks).await.unwrap(), 2);
    assert_eq!(add(&tasks).await.unwrap(), 0);
    let page = work
        .registry
        .labelled_tasks(&work.tenant, &work.project, 0, 10)
        .await
        .unwrap();
    let found: Vec<_> = page.iter().map(|t| (t.position, t.task.as_str())).collect();
    assert_eq!(found, [(1, "t2"), (2, "t1"), (3, "t3")]);
    let mut bad = task("t4");
    bad.gold = Some(choice("none of them"));
    assert!(add(&[task("t5"), bad]).await.is_err());
    assert_eq!(work.status(0).await.open, 3);
}

pub async fn what_breaks_a_rule_is_refused(place: &Place) {
    let (registry, acme) = registry(place).await;
    let create = async |whose: &TenantId, spec: &ProjectSpec, guideline: &str| {
        registry
            .create_label_project(whose, &name("p"), spec, guideline, "t")
            .await
    };
    let labels = |labels: &[&str]| ProjectSpec {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..spec(1)
    };
    for (bad, part) in [
        (labels(&["one"]), "2 to 1000 labels"),
        (labels(&["x", "x"]), "named twice"),
        (labels(&["x", ""]), "1 to 200 characters"),
        (labels(&["x", "y\0"]), "control character"),
        (spec(0), "overlap"),
        (spec(101), "overlap"),
        (
            ProjectSpec {
                lease_seconds: 9,
                ..spec(1)
            },
            "10 to 86400",
        ),
    ] {
        invalid(create(&acme, &bad, "g").await, part);
    }
    for bad in ["", " \n", "a\0b", &"x".repeat((1 << 20) + 1)] {
        invalid(create(&acme, &spec(1), bad).await, "guideline");
    }
    missing(create(&tenant("nobody"), &spec(1), "g").await, "tenant");
    assert!(registry.label_projects(&acme).await.unwrap().is_empty());

    let project = name("p");
    let what = "labelling project";
    let label = choice("正面");
    missing(registry.label_project(&acme, &project).await, what);
    missing(
        registry.take_label_task(&acme, &project, "a", at(0)).await,
        what,
    );
    missing(
        registry
            .annotate(&acme, &project, "t", "a", &label, at(0))
            .await,
        what,
    );
    missing(
        registry
            .skip_label_task(&acme, &project, "t", "a", "")
            .await,
        what,
    );
    missing(registry.label_status(&acme, &project, at(0)).await, what);
    missing(registry.labelled_tasks(&acme, &project, 0, 1).await, what);
    missing(
        registry.disputed_label_tasks(&acme, &project, 1).await,
        what,
    );
    missing(registry.label_guidelines(&acme, &project).await, what);
    missing(
        registry
            .add_label_guideline(&acme, &project, "g", "t")
            .await,
        what,
    );
    missing(registry.set_label_overlap(&acme, &project, 2).await, what);
    missing(
        registry.add_label_tasks(&acme, &project, &[], "t").await,
        what,
    );

    create(&acme, &spec(1), "g").await.unwrap();
    missing(registry.labelled_task(&acme, &project, "t").await, "task");
    missing(
        registry
            .annotate(&acme, &project, "t", "a", &label, at(0))
            .await,
        "task",
    );
    for bad in ["", "a\0", &"x".repeat(201)] {
        invalid(
            registry.take_label_task(&acme, &project, bad, at(0)).await,
            "an annotator",
        );
        invalid(
            registry.labelled_task(&acme, &project, bad).await,
            "name of a task",
        );
    }
    assert_eq!(
        registry
            .take_label_task(&acme, &project, "a", at(0))
            .await
            .unwrap(),
        None
    );
    assert!(
        registry
            .labelled_tasks(&acme, &project, u64::MAX, 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry.label_status(&acme, &project, at(0)).await.unwrap(),
        Status::default()
    );
}

pub async fn tenants_and_projects_do_not_mix(place: &Place) {
    let work = Work::start(place, &spec(1), &["t1"]).await;
    let (registry, other) = (&work.registry, tenant("other"));
    registry.create_tenant(&other).await.unwrap();
    let second = name("second");
    for (whose, project) in [(&other, &work.project), (&work.tenant, &second)] {
        registry
            .create_label_project(whose, project, &spec(1), "g", "t")
            .await
            .unwrap();
        let none = registry.take_label_task(whose, project, "a", at(0)).await;
        assert_eq!(none.unwrap(), None);
        missing(registry.labelled_task(whose, project, "t1").await, "task");
        let label = choice("正面");
        missing(
            registry
                .annotate(whose, project, "t1", "a", &label, at(0))
                .await,
            "task",
        );
        registry
            .add_label_tasks(whose, project, &[task("t1")], "t")
            .await
            .unwrap();
    }
    assert_eq!(work.take("a", 0).await, some("t1"));
    work.annotate("t1", "a", "正面", 0).await.unwrap();
    // The same annotator has the task of the same name elsewhere before it.
    let there = registry
        .take_label_task(&other, &work.project, "a", at(0))
        .await
        .unwrap();
    assert_eq!(there.unwrap().task, "t1");
    let status = registry
        .label_status(&other, &work.project, at(0))
        .await
        .unwrap();
    assert_eq!((status.annotations, status.open, status.leased), (0, 1, 1));
    assert_eq!(
        registry.label_projects(&work.tenant).await.unwrap().len(),
        2
    );
}

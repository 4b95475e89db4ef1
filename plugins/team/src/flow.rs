//! The flow of issues: how much is begun, how long it takes, what waits.

use std::collections::{BTreeMap, HashMap};

use steward_sdk::team::{Aging, Error, Flow, IssueEvent, IssueState, Little, Load, Note, Window};

use crate::notes::{at_most, named, note, number, shown};
use crate::statistics::percentiles;

const MAX_EVENTS: usize = 200_000;
/// Microseconds of a day.
pub const DAY: f64 = 86_400e6;
/// The most issues that are listed as aging, and people as loads.
const MAX_LISTED: usize = 1000;

/// How an issue went until the end of the window.
struct Way<'e> {
    issue: &'e str,
    /// When it was first begun.
    begun: Option<i64>,
    /// When it was done, where it is.
    done: Option<i64>,
    state: IssueState,
    assignee: Option<&'e str>,
    /// Microseconds in which somebody worked.
    active: f64,
    /// Microseconds within the window in which it was begun and not done.
    in_window: f64,
}

/// The flow through a window.
///
/// # Errors
/// `invalid-input` for a window without time, or an issue without a name.
pub fn flow(mut events: Vec<IssueEvent>, window: Window) -> Result<Flow, Error> {
    at_most("events", events.len(), MAX_EVENTS)?;
    let days = days(&window)?;
    if let Some(bad) = events.iter().find(|event| !named(&event.issue)) {
        return Err(Error::InvalidInput(format!(
            "an issue is called `{}`; a name has 1 to 200 characters on one line",
            shown(&bad.issue)
        )));
    }
    events.retain(|event| event.at < window.until);
    // Stable: what happened at once stays in the order that it came in.
    events.sort_by_key(|event| event.at);
    let mut by_issue: HashMap<&str, Vec<&IssueEvent>> = HashMap::new();
    for event in &events {
        by_issue.entry(&event.issue).or_default().push(event);
    }
    let mut ways: Vec<Way<'_>> = by_issue
        .into_iter()
        .map(|(issue, events)| way(issue, &events, &window))
        .collect();
    ways.sort_by(|a, b| a.issue.cmp(b.issue));

    let within = |at: i64| (window.since..window.until).contains(&at);
    let finished: Vec<&Way<'_>> = ways
        .iter()
        .filter(|way| way.done.is_some_and(within))
        .collect();
    let took = |way: &Way<'_>| Some(span(way.begun?, way.done?));
    let cycle_times: Vec<f64> = finished.iter().filter_map(|way| took(way)).collect();
    let total: f64 = cycle_times.iter().sum();
    let worked: f64 = finished
        .iter()
        .filter(|way| took(way).is_some())
        .map(|way| way.active / DAY)
        .sum();
    let cycle_time = percentiles(cycle_times.clone());
    let throughput = finished.len() as f64 / days;
    let open: Vec<&Way<'_>> = ways.iter().filter(|way| in_progress(way.state)).collect();
    let late_after = cycle_time.as_ref().map(|times| times.p85);
    let mut aging: Vec<Aging> = open
        .iter()
        .filter_map(|way| {
            let days = span(way.begun?, window.until);
            Some(Aging {
                issue: way.issue.to_owned(),
                days,
                late: late_after.is_some_and(|late| days > late),
            })
        })
        .collect();
    aging.sort_by(|a, b| b.days.total_cmp(&a.days).then(a.issue.cmp(&b.issue)));
    aging.truncate(MAX_LISTED);
    let little = (!cycle_times.is_empty()).then(|| {
        let mean = ways.iter().map(|way| way.in_window).sum::<f64>() / DAY / days;
        little(
            mean,
            cycle_times.len() as f64 / days * (total / cycle_times.len() as f64),
        )
    });
    let reasons = reasons(&finished, &aging, little.as_ref());
    Ok(Flow {
        work_in_progress: count(open.len()),
        started: count(
            ways.iter()
                .filter(|way| way.begun.is_some_and(within))
                .count(),
        ),
        finished: count(finished.len()),
        throughput,
        cycle_time,
        flow_efficiency: (total > 0.0).then(|| (worked / total).clamp(0.0, 1.0)),
        aging,
        little,
        loads: loads(&open),
        reasons,
    })
}

/// The days of a window.
///
/// # Errors
/// `invalid-input` where it has none.
pub fn days(window: &Window) -> Result<f64, Error> {
    if window.since >= window.until {
        return Err(Error::InvalidInput(
            "the window has no time: `until` comes after `since`".into(),
        ));
    }
    Ok(span(window.since, window.until))
}

/// Days between two times; negative where they are the other way round.
pub fn span(from: i64, to: i64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64 / DAY
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn in_progress(state: IssueState) -> bool {
    matches!(state, IssueState::Active | IssueState::Waiting)
}

fn way<'e>(issue: &'e str, events: &[&'e IssueEvent], window: &Window) -> Way<'e> {
    let mut way = Way {
        issue,
        begun: None,
        done: None,
        state: IssueState::Open,
        assignee: None,
        active: 0.0,
        in_window: 0.0,
    };
    let ends = events
        .iter()
        .skip(1)
        .map(|event| event.at)
        .chain([window.until]);
    for (event, end) in events.iter().zip(ends) {
        way.state = event.state;
        way.assignee = event.assignee.as_deref();
        way.done = match event.state {
            // Said twice, it was done the first time.
            IssueState::Done => way.done.or(Some(event.at)),
            _ => None,
        };
        if in_progress(event.state) {
            way.begun = way.begun.or(Some(event.at));
            way.in_window += span(event.at.max(window.since), end).max(0.0) * DAY;
        }
        if event.state == IssueState::Active {
            way.active += span(event.at, end) * DAY;
        }
    }
    way
}

fn little(work_in_progress: f64, expected: f64) -> Little {
    let larger = work_in_progress.max(expected);
    Little {
        work_in_progress,
        expected,
        holds: (work_in_progress - expected).abs() <= 0.2 * larger,
    }
}

fn loads(open: &[&Way<'_>]) -> Vec<Load> {
    let mut by_person: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for way in open {
        let Some(person) = way.assignee else { continue };
        let (active, waiting) = by_person.entry(person).or_default();
        if way.state == IssueState::Active {
            *active = active.saturating_add(1);
        } else {
            *waiting = waiting.saturating_add(1);
        }
    }
    let mut loads: Vec<Load> = by_person
        .into_iter()
        .map(|(person, (active, waiting))| Load {
            assignee: person.to_owned(),
            active,
            waiting,
        })
        .collect();
    // Stable: equals stay in the order of their names.
    loads.sort_by_key(|load| std::cmp::Reverse(load.active.saturating_add(load.waiting)));
    loads.truncate(MAX_LISTED);
    loads
}

fn reasons(finished: &[&Way<'_>], aging: &[Aging], little: Option<&Little>) -> Vec<Note> {
    let mut reasons = Vec::new();
    let unbegun = finished.iter().filter(|way| way.begun.is_none()).count();
    if unbegun > 0 {
        reasons.push(note(
            "never-begun",
            format!("{unbegun} issues were done and never begun: they have no cycle time"),
            format!("有 {unbegun} 个事项直接完成而从未开始，不计入周期时间"),
        ));
    }
    let late = aging.iter().filter(|aging| aging.late).count();
    if late > 0 {
        reasons.push(note(
            "late",
            format!("{late} issues are older than 85 of 100 that were done: look at them first"),
            format!("有 {late} 个事项已比 85% 的已完成事项更久，请优先处理"),
        ));
    }
    if let Some(little) = little.filter(|little| !little.holds) {
        let (mean, expected) = (number(little.work_in_progress), number(little.expected));
        reasons.push(note(
            "not-steady",
            format!("{mean} issues were in progress on average, and throughput times cycle time is {expected}: more is begun than done, or the other way round, so that cycle times do not foretell"),
            format!("平均在制 {mean} 个，而吞吐量乘周期时间为 {expected}：开始与完成不平衡，周期时间不宜用于预测"),
        ));
    }
    if finished.is_empty() {
        reasons.push(note(
            "nothing-done",
            "no issue was done in the window: there is no cycle time",
            "窗口内没有完成的事项，因此没有周期时间",
        ));
    }
    reasons
}

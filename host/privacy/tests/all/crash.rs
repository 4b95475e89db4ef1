//! kill -9 at any moment: nothing is overspent, every answer that was given is in the ledger.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use steward_privacy::{Limit, Privacy, PrivacyError, Release};
use steward_registry::PrivacyAccounting::Pure;

use crate::support::{Place, SOURCE, account, open, people, query, tenant};

const DATABASE: &str = "STEWARD_PRIVACY_CRASH_DATABASE";
const FOLDER: &str = "STEWARD_PRIVACY_CRASH_FOLDER";
const FROM: &str = "STEWARD_PRIVACY_CRASH_FROM";
/// Questions that are asked at the same time.
const ASKERS: u64 = 8;
/// What a question costs, in nano-ε.
const COST: u64 = 1_000_003;

fn question(number: u64) -> String {
    format!(
        r#"{{"ask": {{"kind": "count"}}, "spend": {{"epsilon": "0.001000003"}},
            "where": [{{"kind": "between", "column": "age", "to": {}}}]}}"#,
        number + 1
    )
}

async fn answer(privacy: &Privacy, number: u64) -> Result<(f64, bool), PrivacyError> {
    let answer = privacy
        .ask(
            &tenant(),
            SOURCE,
            "alice",
            &query(&question(number)),
            people(),
        )
        .await?;
    match answer.release {
        Release::Number { value, .. } => Ok((value, answer.repeated)),
        other => panic!("{other:?}"),
    }
}

/// Runs in the process that is killed: asks without end, and says what it was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ask_until_killed() {
    let Ok(url) = std::env::var(DATABASE) else {
        return; // not the child
    };
    let folder = std::env::var(FOLDER).unwrap();
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let privacy = open(&url, Path::new(&folder)).await;
    let askers = (0..ASKERS).map(|asker| {
        let privacy = privacy.clone();
        tokio::spawn(async move {
            for number in (from..).filter(|n| n % ASKERS == asker) {
                let (value, _) = answer(&privacy, number).await.unwrap();
                // One write, on a line of its own: the test harness writes there too.
                let line = format!("\nanswered {number} {value}.\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        })
    });
    for asker in futures::future::join_all(askers).await {
        asker.unwrap();
    }
}

fn child(url: &str, folder: &Path, from: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::ask_until_killed", "--nocapture"])
        .env(DATABASE, url)
        .env(FOLDER, folder)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a child ask, kills it after so many answers and a delay, and returns what it was answered.
fn ask_and_kill(mut child: Child, after: usize, delay: Duration) -> Vec<(u64, f64)> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = Vec::new();
    let mut kill = |answers: &[(u64, f64)], killed: &mut bool| {
        if answers.len() >= after && !*killed {
            // The delay chooses the moment: nothing is waited for with it.
            std::thread::sleep(delay);
            child.kill().unwrap();
            *killed = true;
        }
    };
    let mut killed = false;
    kill(&answers, &mut killed);
    // What it said before it died is still in the pipe, and counts. The last line may be cut off: then it
    // lacks its point and was not said.
    for line in lines {
        let line = line.unwrap();
        let said = line
            .strip_prefix("answered ")
            .and_then(|l| l.strip_suffix('.'));
        if let Some((number, value)) = said.and_then(|l| l.split_once(' ')) {
            answers.push((number.parse().unwrap(), value.parse().unwrap()));
            kill(&answers, &mut killed);
        }
    }
    let status = child.wait().unwrap();
    assert!(
        killed && status.code().is_none(),
        "the child ended by itself: {status}"
    );
    answers
}

async fn crash(place: &Place, rounds: u32) {
    let url = place.fresh().await;
    let set = async |privacy: &Privacy, units: u64| {
        let limit = Limit::new(Pure, units as f64 / 1e9, 0.0).unwrap();
        privacy
            .set_budget(&account("alice"), &limit, "operator")
            .await
            .unwrap()
    };
    set(&place.host(&url).await, 10_000_000_000_000).await;
    let mut given = BTreeMap::new();
    let (mut from, mut cut_short) = (0, 0);
    for round in 0..rounds {
        let after = if round % 4 == 0 {
            0
        } else {
            round as usize % 7 * 5 + 1
        };
        let delay = Duration::from_micros(u64::from(round) * 7919 % 25_000);
        let answers = ask_and_kill(child(&url, place.folder(), from), after, delay);
        place.settle(&url).await;
        given.extend(answers);
        from = given.keys().max().map_or(0, |n| n + 1);

        // Opened again each time, as a host is after a crash.
        let privacy = place.host(&url).await;
        let budget = privacy.budget(&account("alice")).await.unwrap();
        let entries = privacy.entries(&account("alice"), 1_000_000).await.unwrap();
        // Each line of the ledger is in what is spent, and nothing else is.
        assert_eq!(budget.spent.loss, entries.len() as u64 * COST);
        let answered = entries.iter().filter(|e| e.answered_at.is_some()).count();
        assert!(
            answered >= given.len(),
            "{answered} answered, {} given",
            given.len()
        );
        cut_short = entries.len() - answered;
    }
    let privacy = place.host(&url).await;
    // What was given is what is given for ever.
    let spent = async || privacy.budget(&account("alice")).await.unwrap().spent.loss;
    let before = spent().await;
    for (number, value) in &given {
        let again = answer(&privacy, *number).await.unwrap();
        assert_eq!(again, (*value, true), "{number}");
    }
    assert_eq!(spent().await, before);

    // The budget ends where it should, with all that was lost on the way.
    set(&privacy, before + 2 * COST + COST / 2).await;
    let new = 1_000_000;
    for number in new..new + 2 {
        assert!(!answer(&privacy, number).await.unwrap().1);
    }
    let over = answer(&privacy, new + 2).await;
    assert!(
        matches!(over, Err(PrivacyError::Refused { .. })),
        "{over:?}"
    );
    assert_eq!(spent().await, before + 2 * COST);
    eprintln!(
        "{rounds} kills: {} answers given, {} payments, {cut_short} of them cut short, none too much",
        given.len(),
        before / COST
    );
    assert!(given.len() > rounds as usize, "{}", given.len());
}

#[tokio::test]
async fn sqlite_survives_kill_9() {
    crash(&Place::sqlite(), 40).await;
}

#[tokio::test]
async fn postgresql_survives_kill_9() {
    crash(&Place::postgres(), 16).await;
}

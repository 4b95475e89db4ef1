//! What people do, over the log of events on the real binary: funnels, retention, cohorts and paths by a deployed function, with
//! numbers that were worked out by hand.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::server::cli;
use steward_tests::{Server, built, root};

/// A Monday, in seconds since 1970: 2024-05-06T00:00:00Z.
const MONDAY: i64 = 1_714_953_600;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn time(seconds: i64) -> String {
    let (days, rest) = ((seconds - MONDAY) / DAY, (seconds - MONDAY) % DAY);
    let (hours, minutes, seconds) = (rest / HOUR, rest / 60 % 60, rest % 60);
    assert!((0..26).contains(&days), "the examples lie in May 2024");
    format!(
        "2024-05-{:02}T{hours:02}:{minutes:02}:{seconds:02}Z",
        6 + days
    )
}

/// Somebody did something so many seconds after that Monday began.
struct Did(&'static str, &'static str, i64);

/// The events of a source, appended over HTTP as one batch.
fn append(server: &Server, source: &str, account: impl Fn(&str) -> String, all: &[Did]) {
    let event = |(n, Did(who, what, at)): (usize, &Did)| {
        let mut event = json!({
            "specversion": "1.0", "id": n.to_string(), "source": source, "type": what, "time": time(MONDAY + at),
            "account": account(who), "data": { "user": { "account": account(who), "name": who } },
        });
        if !who.is_empty() {
            event["subject"] = json!(who);
        }
        event
    };
    let batch: Vec<Value> = all.iter().enumerate().map(event).collect();
    let request = server
        .request("POST", "/api/v1/events")
        .header("content-type", "application/cloudevents-batch+json");
    let appended = server.send(request.body(json!(batch).to_string())).ok();
    assert_eq!(appended.as_array().unwrap().len(), all.len());
}

/// A server with our feedback function, once under its own name and once under another.
fn host() -> Server {
    let server = Server::start();
    let manifest = std::fs::read_to_string(root().join("plugins/feedback/steward.toml")).unwrap();
    let component = std::fs::read(built("plugins/feedback/target/feedback.wasm")).unwrap();
    server.publish(&manifest, component).ok();
    for function in ["feedback", "own"] {
        server.deploy(function, "feedback", "0.1.0", json!({})).ok();
    }
    server
}

/// A shop. Only ann, dee and eva buy within a week of a sign-up: bo takes eight days, 陈 searched before, dee signs up twice, eva
/// searches twice, fin never signs up, gus does when the time that is asked about is over, and one event says not whose it is.
fn shop(server: &Server) {
    let account = |who: &str| match who {
        "ann" | "bo" => "acc-1".to_owned(),
        other => format!("of-{other}"),
    };
    append(
        server,
        "/shop",
        account,
        &[
            Did("ann", "signup", 0),
            Did("ann", "search", HOUR),
            Did("ann", "look", DAY),
            Did("ann", "buy", 2 * DAY),
            Did("bo", "signup", 0),
            Did("bo", "search", DAY),
            Did("bo", "buy", 8 * DAY),
            Did("陈", "search", 0),
            Did("陈", "signup", DAY),
            Did("陈", "buy", 2 * DAY),
            Did("dee", "signup", 0),
            Did("dee", "signup", 5 * DAY),
            Did("dee", "search", 6 * DAY),
            Did("dee", "buy", 9 * DAY),
            // In the log, an event may stand before what happened earlier.
            Did("eva", "buy", 3 * DAY + 12 * HOUR),
            Did("eva", "signup", 0),
            Did("eva", "search", DAY),
            Did("eva", "search", 3 * DAY),
            Did("fin", "buy", 0),
            Did("fin", "search", DAY),
            Did("gus", "signup", 10 * DAY),
            Did("", "signup", 0),
        ],
    );
}

fn people(answer: &Value) -> Vec<Option<u64>> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps.map(|step| step["people"].as_u64()).collect()
}

fn some<const N: usize>(counts: [u64; N]) -> [Option<u64>; N] {
    counts.map(Some)
}

fn publisher_of(server: &Server, name: &str, scopes: Value) -> String {
    let key = json!({ "name": name, "role": "publisher", "scopes": scopes });
    let made = server.post("/api/v1/keys", &key).ok();
    made["key"].as_str().unwrap().to_owned()
}

#[test]
fn people_go_through_steps_in_their_order_within_a_window() {
    let server = host();
    shop(&server);
    let until = time(MONDAY + 10 * DAY);
    let funnel = |extra: &[&str]| {
        let command = [
            "feedback",
            "funnel",
            "--steps",
            "signup,search,buy",
            "--until",
            &until,
            "--minimum",
            "1",
        ];
        server.cli(&[&command[..], extra].concat())
    };
    let week = funnel(&["--window", "7d"]);
    assert_eq!(people(&week), some([5, 4, 3]));
    let steps = &week["steps"];
    assert_eq!(
        (&steps[1]["of_first"], &steps[2]["of_first"]),
        (&json!(0.8), &json!(0.6))
    );
    assert_eq!(
        (&steps[1]["of_previous"], &steps[2]["of_previous"]),
        (&json!(0.8), &json!(0.75))
    );
    // Of 1, 24, 24 and 72 hours the lower one in the middle; of 12, 47 and 72 the middle.
    let hours = |step: &Value| step["median_ms"].as_i64().map(|ms| ms / 3_600_000);
    assert_eq!(
        [0, 1, 2].map(|n| hours(&steps[n])),
        [None, Some(24), Some(47)]
    );
    // What is read: six people did one of the three, and one event is nobody's; gus came too late, `look` is no step.
    assert_eq!(
        (&week["people"], &week["events"], &week["nameless"]),
        (&json!(6), &json!(19), &json!(1))
    );

    assert_eq!(people(&funnel(&[])), some([5, 4, 4]), "bo has time enough");
    // A day to the second is within a day.
    assert_eq!(people(&funnel(&["--window", "1d"])), some([5, 4, 0]));
    assert_eq!(people(&funnel(&["--window", "86399s"])), some([5, 1, 0]));
    // Strictly, ann looks and eva searches in between; bo still takes too long.
    let strict = funnel(&["--window", "7d", "--strict"]);
    assert_eq!(people(&strict), some([5, 4, 1]));
    let own = funnel(&["--window", "7d", "--strict", "--type", "buy"]);
    assert_eq!(
        people(&own),
        some([5, 4, 2]),
        "what ann looks at is left out"
    );
    let since = time(MONDAY + 4 * DAY);
    assert_eq!(people(&funnel(&["--since", &since])), some([1, 1, 1]));
    assert_eq!(
        people(&funnel(&["--source", "/elsewhere"])),
        some([0, 0, 0])
    );

    // The person is somebody else where the attribute or the data says so: ann and bo are one account.
    for person in ["account", "data.user.account"] {
        let accounts = funnel(&["--window", "7d", "--person", person]);
        assert_eq!(people(&accounts), some([5, 3, 3]), "{person}: {accounts}");
    }
    let nobody = funnel(&["--person", "data.user.id"]);
    assert_eq!(people(&nobody), some([0, 0, 0]));
    assert_eq!(nobody["nameless"], 20);

    // Whatever function is named computes it.
    let other = funnel(&["--window", "7d", "--function", "own"]);
    assert_eq!(
        (&other["function"], people(&other)),
        (&json!("own"), some([5, 4, 3]).to_vec())
    );

    // As a person reads it.
    let env = [
        ("STEWARD_URL", server.url.as_str()),
        ("STEWARD_KEY", server.key()),
    ];
    let command = "feedback funnel --steps signup,buy --minimum 1";
    let shown = cli(&command.split(' ').collect::<Vec<_>>(), &env);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    println!("{shown}");
    for part in ["STEP", "OF PREVIOUS", "83.3 %", "count for nobody: 1"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn people_come_back_by_three_kinds_and_by_cohort() {
    let server = host();
    append(
        &server,
        "/app",
        str::to_owned,
        &[
            // Day 1 and day 3 after 9 o'clock on Monday.
            Did("ann", "signup", 9 * HOUR),
            Did("ann", "open", DAY + 11 * HOUR),
            Did("ann", "open", 3 * DAY + 9 * HOUR),
            // Day 2.
            Did("bo", "signup", 10 * HOUR),
            Did("bo", "open", 2 * DAY + 10 * HOUR),
            // The same day, which is no return; another sign-up, which is none either.
            Did("陈", "signup", DAY),
            Did("陈", "open", DAY + 12 * HOUR),
            Did("陈", "signup", 3 * DAY),
            // Day 1; what comes later is not looked at.
            Did("dee", "signup", DAY + 12 * HOUR),
            Did("dee", "open", 2 * DAY + 12 * HOUR),
            Did("dee", "open", 6 * DAY + 12 * HOUR),
        ],
    );
    let until = time(MONDAY + 5 * DAY);
    let retention = |kind: &str| {
        server.cli(&[
            "feedback",
            "retention",
            "--start",
            "signup",
            "--back",
            "open",
            "--kind",
            kind,
            "--days",
            "4",
            "--until",
            &until,
            "--minimum",
            "1",
        ])
    };
    let counts = |days: &Value| -> Vec<(u64, u64)> {
        let number = |value: &Value| value.as_u64().unwrap();
        let days = days.as_array().unwrap().iter();
        days.map(|day| (number(&day["people"]), number(&day["eligible"])))
            .collect()
    };
    // At the end, dee is in her fourth day, so that three are over for the others and two for her.
    let later = [(3, 4), (2, 4), (1, 3), (0, 0)];
    for (kind, computed, wanted) in [
        ("n-day", "n-day", [(2, 4), (1, 4), (1, 3), (0, 0)]),
        ("cumulative", "cumulative", [(2, 4), (3, 4), (2, 3), (0, 0)]),
        ("unbounded", "unbounded", later),
        // Another word for it; the answer says as what it was computed.
        ("rolling", "unbounded", later),
    ] {
        let answer = retention(kind);
        assert_eq!(counts(&answer["overall"]), wanted, "{kind}");
        assert_eq!(answer["kind"], computed);
        let asked = json!({
            "start": "signup", "back": "open", "kind": kind, "days": 4, "until": until, "minimum": 1,
        });
        let asked = server.post("/api/v1/feedback/retentions", &asked).ok();
        assert_eq!(
            (&asked["kind"], &asked["overall"]),
            (&json!(computed), &answer["overall"])
        );
    }
    let first = &retention("n-day")["overall"];
    assert_eq!(
        (&first[0]["share"], &first[3]["share"]),
        (&json!(0.5), &Value::Null)
    );

    let command = [
        "feedback",
        "cohorts",
        "--start",
        "signup",
        "--back",
        "open",
        "--cohort-days",
        "1",
        "--days",
        "4",
        "--until",
        &until,
    ];
    let answer = server.cli(&[&command[..], &["--minimum", "1"]].concat());
    let cohorts = answer["cohorts"].as_array().unwrap();
    let of = |n: usize| {
        let cohort = &cohorts[n];
        (
            cohort["start"].as_str().unwrap(),
            cohort["size"].as_u64(),
            counts(&cohort["days"]),
        )
    };
    assert_eq!(cohorts.len(), 2);
    assert_eq!(
        of(0),
        (
            "2024-05-06T00:00:00Z",
            Some(2),
            vec![(1, 2), (1, 2), (1, 2), (0, 0)]
        )
    );
    assert_eq!(
        of(1),
        (
            "2024-05-07T00:00:00Z",
            Some(2),
            vec![(1, 2), (0, 2), (0, 1), (0, 0)]
        )
    );
    let env = [
        ("STEWARD_URL", server.url.as_str()),
        ("STEWARD_KEY", server.key()),
    ];
    let shown = cli(&[&command[..], &["--minimum", "1"]].concat(), &env);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    println!("{shown}");
    let second = shown.lines().nth(2).unwrap();
    let cells: Vec<&str> = second
        .split("  ")
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .collect();
    assert_eq!(
        cells,
        ["2024-05-07", "2", "50.0 %", "0.0 %", "0.0 %"],
        "{shown}"
    );
    // Few people are not told, neither in a sum nor in its parts.
    let hidden = server.cli(&command);
    assert_eq!(
        (&hidden["people"], &hidden["events"]),
        (&Value::Null, &Value::Null)
    );
    for days in [&hidden["overall"], &hidden["cohorts"][0]["days"]] {
        for day in &days.as_array().unwrap()[..2] {
            assert_eq!(
                (&day["eligible"], &day["share"]),
                (&Value::Null, &Value::Null),
                "{hidden}"
            );
        }
    }
    assert_eq!(hidden["cohorts"][0]["size"], Value::Null);

    // Without names, whatever comes first begins, and whatever comes later is a return: 陈 signs up again on day 2.
    let any = json!({ "days": 2, "until": until, "minimum": 1 });
    let any = server.post("/api/v1/feedback/retentions", &any).ok();
    assert_eq!(counts(&any["overall"]), [(2, 4), (2, 4)]);
}

#[test]
fn ways_are_counted_within_a_visit() {
    let server = host();
    const MINUTE: i64 = 60;
    append(
        &server,
        "/web",
        str::to_owned,
        &[
            Did("ann", "home", 0),
            Did("ann", "search", MINUTE),
            Did("ann", "buy", 2 * MINUTE),
            Did("ann", "home", 62 * MINUTE),
            Did("ann", "search", 63 * MINUTE),
            Did("ann", "buy", 64 * MINUTE),
            Did("陈", "home", 0),
            Did("陈", "search", MINUTE),
            Did("陈", "home", 2 * MINUTE),
            Did("dee", "search", 0),
            Did("dee", "buy", MINUTE),
        ],
    );
    let paths = |extra: &[&str]| {
        let answer = server.cli(&[&["feedback", "paths"][..], extra].concat());
        let told: Vec<(String, u64, u64)> = answer["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| {
                let steps = path["steps"].as_array().unwrap().iter();
                let steps: Vec<&str> = steps.map(|step| step.as_str().unwrap()).collect();
                let number = |field: &str| path[field].as_u64().unwrap();
                (steps.join(">"), number("count"), number("people"))
            })
            .collect();
        (told, answer["hidden"].as_u64().unwrap())
    };
    let path = |steps: &str, count, people| (steps.to_owned(), count, people);
    let two = ["--length", "2", "--minimum", "1"];
    let both = [path("home>search", 3, 2), path("search>buy", 3, 2)];
    let once = path("search>home", 1, 1);
    assert_eq!(paths(&two), ([&both[..], &[once]].concat(), 0));
    // A pause of an hour ends no visit of two hours.
    let (long, _) = paths(&[&two[..], &["--pause", "2h"]].concat());
    assert!(long.contains(&path("buy>home", 1, 1)), "{long:?}");
    assert_eq!(
        paths(&["--length", "2", "--minimum", "2"]),
        (both.to_vec(), 1)
    );
    assert_eq!(
        paths(&["--minimum", "1"]).0,
        [
            path("home>search>buy", 2, 1),
            path("home>search>home", 1, 1)
        ]
    );
    // Of these types alone, and the most.
    let (searched, _) = paths(
        &[
            &two[..],
            &["--type", "search", "--type", "buy", "--most", "1"],
        ]
        .concat(),
    );
    assert_eq!(searched, [path("search>buy", 3, 2)]);
    // By itself, nobody learns of ways that fewer than thirty people went.
    assert_eq!(paths(&["--length", "2"]), (vec![], 3));
}

#[test]
fn what_cannot_be_measured_is_refused_with_what_to_do() {
    let server = host();
    shop(&server);
    let (early, late) = (time(MONDAY), time(MONDAY + DAY));
    let funnel = |rest: Value| {
        let mut body = json!({ "steps": ["signup", "buy"] });
        for (name, value) in rest.as_object().unwrap() {
            body[name] = value.clone();
        }
        server.post("/api/v1/feedback/funnels", &body)
    };
    for (rest, part) in [
        (
            json!({ "steps": ["signup", "serch"] }),
            "`serch`; the log has `buy`, `look`, `search`, `signup`",
        ),
        (
            json!({ "steps": ["signup", "购买"] }),
            "`购买` is not the type of an event",
        ),
        (
            json!({ "steps": ["signup", "shop.*"] }),
            "`shop.*` is not the type of an event",
        ),
        (
            json!({ "steps": ["signup"] }),
            "1 steps; a funnel has 2 to 50",
        ),
        (json!({ "window_ms": 0 }), "`window_ms` is below 1"),
        (
            json!({ "since": late, "until": early }),
            "is not after `since`",
        ),
        (
            json!({ "since": early, "until": early }),
            "is not after `since`",
        ),
        (json!({ "types": ["look"] }), "`strict`"),
    ] {
        let told = funnel(rest.clone()).problem(422, "invalid");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{rest}: {detail}");
    }
    for wrong in [
        json!({ "form": early }),
        json!({ "person": "Who?" }),
        json!({ "types": ["no type"], "strict": true }),
        json!({ "window_ms": "7d" }),
    ] {
        funnel(wrong).problem(400, "invalid-input");
    }
    let retention = |rest: Value| server.post("/api/v1/feedback/retentions", &rest);
    for (rest, part) in [
        (
            json!({ "start": "sign-up" }),
            "`start`: no event of the log is of the type `sign-up`",
        ),
        (json!({ "back": "come" }), "`back`: no event"),
        (json!({ "days": 0 }), "`days`"),
        (json!({ "days": 401 }), "`days`"),
        (json!({ "cohort_days": 0 }), "`cohort_days`"),
        (
            json!({ "start": "signup", "back": "buy", "types": ["look"] }),
            "`types`",
        ),
    ] {
        let told = retention(rest.clone()).problem(422, "invalid");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{rest}: {detail}");
    }
    retention(json!({ "kind": "sliding" })).problem(400, "invalid-input");
    for rest in [
        json!({ "length": 1 }),
        json!({ "pause_ms": 0 }),
        json!({ "most": 0 }),
    ] {
        server
            .post("/api/v1/feedback/paths", &rest)
            .problem(422, "invalid");
    }
    assert_eq!(funnel(json!({ "function": "nobody" })).status, 404);

    // The command says the same, and what to write instead.
    let env = [
        ("STEWARD_URL", server.url.as_str()),
        ("STEWARD_KEY", server.key()),
    ];
    for (command, part) in [
        ("funnel --steps signup,buy --window 0s", "below 1"),
        ("funnel --steps signup,buy --window 7", "12h or 7d"),
        ("funnel --steps signup,serch", "`serch`"),
        ("retention --kind sliding", "unbounded"),
    ] {
        let command = format!("feedback {command}");
        let refused = cli(&command.split(' ').collect::<Vec<_>>(), &env);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && told.contains(part),
            "{command}: {told}"
        );
    }
}

#[test]
fn only_who_may_read_the_log_learns_of_few_people() {
    let server = host();
    shop(&server);
    let narrow = publisher_of(&server, "counts", json!(["publish"]));
    let ask = |key: &str, minimum: Value| {
        let body = json!({ "steps": ["signup", "search"], "minimum": minimum });
        let request = server.request_as(Some(key), "POST", "/api/v1/feedback/funnels");
        server.send(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
    };
    // Nobody with this key may see an event.
    server
        .send(server.request_as(Some(&narrow), "GET", "/api/v1/events"))
        .problem(403, "out-of-scope");
    ask(&narrow, json!(1)).problem(403, "out-of-scope");
    ask(&narrow, json!(29)).problem(403, "out-of-scope");
    let hidden = ask(&narrow, json!(30)).ok();
    assert_eq!(people(&hidden), [None, None], "{hidden}");
    for field in ["of_first", "of_previous", "median_ms"] {
        assert_eq!(hidden["steps"][1][field], Value::Null, "{hidden}");
    }
    let both = publisher_of(&server, "reads", json!(["publish", "read"]));
    assert_eq!(people(&ask(&both, json!(1)).ok()), some([6, 4]));
    let made = json!({ "name": "looks", "role": "viewer" });
    let viewer = server.post("/api/v1/keys", &made).ok();
    ask(viewer["key"].as_str().unwrap(), json!(30)).problem(403, "forbidden");
    // What was asked and what was refused is in the audit log.
    let audit = server.get("/api/v1/audit?limit=100").ok().to_string();
    assert!(audit.contains("POST /api/v1/feedback/funnels"), "{audit}");

    // Thirty more people, and the same key gets numbers.
    let crowd: Vec<Value> = (0..30)
        .map(|n| {
            json!({
                "specversion": "1.0", "id": n.to_string(), "source": "/crowd", "type": "signup", "subject": format!("人{n}"),
                "time": time(MONDAY),
            })
        })
        .collect();
    let request = server
        .request("POST", "/api/v1/events")
        .header("content-type", "application/cloudevents-batch+json");
    server.send(request.body(json!(crowd).to_string())).ok();
    let told = ask(&narrow, json!(30)).ok();
    assert_eq!(people(&told), [Some(36), None], "{told}");
}

#[test]
fn a_log_of_many_pages_is_read_to_its_end() {
    let server = host();
    let (people_in_all, pages) = (3000, 4);
    for page in 0..pages {
        let batch: Vec<Value> = (0..1000)
            .map(|n| {
                let n = page * 1000 + n;
                // Everybody signs up; a third searches a minute later.
                let (what, who, at) = match n {
                    0..3000 => ("signup", n, 0),
                    _ => ("search", n - 3000, 60),
                };
                json!({
                    "specversion": "1.0", "id": n.to_string(), "source": "/many", "type": what, "subject": format!("u-{who}"),
                    "time": time(MONDAY + at),
                })
            })
            .collect();
        let request = server
            .request("POST", "/api/v1/events")
            .header("content-type", "application/cloudevents-batch+json");
        server.send(request.body(json!(batch).to_string())).ok();
    }
    let answer = server.cli(&["feedback", "funnel", "--steps", "signup,search"]);
    assert_eq!(people(&answer), some([people_in_all, 1000]));
    assert_eq!(answer["steps"][1]["median_ms"], 60_000);
    assert_eq!(
        (&answer["people"], &answer["events"]),
        (&json!(3000), &json!(4000))
    );
}

//! What a plugin author does on the first day, by the commands of the README.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::Value;
use steward_tests::Server;
use steward_tests::server::cli;

#[track_caller]
fn run(server: &Server, folder: &Path, args: &[&str]) -> Value {
    let env = [
        ("STEWARD_URL", server.url.as_str()),
        ("STEWARD_KEY", server.key.as_str()),
    ];
    let args: Vec<String> = args
        .iter()
        .map(|arg| arg.replace("{dir}", folder.to_str().unwrap()))
        .chain(["--json".to_owned()])
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = cli(&args, &env);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{args:?}: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// new → build → test → check → publish → deploy
fn first_day(server: &Server, folder: &Path, name: &str, world: &[&str]) {
    let dir = folder.join(name);
    let new = [&["plugin", "new", name, "--path", "{dir}"][..], world].concat();
    run(server, &dir, &new);
    let built = run(server, &dir, &["plugin", "build", "{dir}"]);
    assert!(
        Path::new(built["component"].as_str().unwrap()).is_file(),
        "{built}"
    );
    run(server, &dir, &["plugin", "test", "{dir}"]);
    run(server, &dir, &["plugin", "check", "{dir}"]);
    run(server, &dir, &["plugin", "publish", "{dir}"]);
    run(
        server,
        &dir,
        &["function", "deploy", name, "--plugin", name],
    );
}

#[test]
fn a_cleaner_goes_from_nothing_to_an_answer() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    first_day(
        &server,
        folder.path(),
        "my-cleaner",
        &["--world", "cleaner"],
    );
    let answer = run(
        &server,
        folder.path(),
        &["function", "invoke", "my-cleaner", "--text", "  hello  "],
    );
    assert!(answer.is_array(), "{answer}");
    // The typed worlds import the contract and nothing else.
    let shown = run(
        &server,
        folder.path(),
        &["plugin", "check", "{dir}/my-cleaner"],
    );
    let imports = shown["imports"]
        .as_array()
        .unwrap_or_else(|| panic!("{shown}"));
    assert!(
        imports
            .iter()
            .all(|import| import.as_str().unwrap().starts_with("steward:")),
        "{imports:?}"
    );
}

#[test]
fn an_anonymizer_goes_from_nothing_to_an_answer() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    first_day(
        &server,
        folder.path(),
        "my-anonymizer",
        &["--world", "anonymizer"],
    );
    let answer = run(
        &server,
        folder.path(),
        &[
            "function",
            "invoke",
            "my-anonymizer",
            "--text",
            "工单 hello",
        ],
    );
    assert!(answer[0]["text"].is_string(), "{answer}");
}

#[test]
fn a_feedback_plugin_goes_from_nothing_to_a_number() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    first_day(&server, folder.path(), "my-voice", &["--world", "feedback"]);
    let invoke = ["function", "invoke", "my-voice", "--text", "很好用，谢谢"];
    let answer = run(&server, folder.path(), &invoke);
    assert_eq!(
        answer[0]["sentiment"]["known"]["label"], "praise",
        "{answer}"
    );
    // It takes the place of the plugin that comes along.
    server.publish_first_party("anonymizer");
    let rest = serde_json::json!({});
    server
        .deploy("anonymizer", "anonymizer", "0.2.0", rest)
        .ok();
    let feedback = serde_json::json!({ "feedback": [
        { "text": "terrible", "survey": "s", "respondent": "a", "rating": 4 },
        { "text": "I love it", "survey": "s", "respondent": "b", "rating": 10 },
    ]});
    server.post("/api/v1/feedback", &feedback).ok();
    let analyse = ["feedback", "analyse", "--function", "my-voice"];
    let answer = run(&server, folder.path(), &analyse);
    let counts = serde_json::json!({ "complaint": 1, "praise": 1 });
    assert_eq!(answer["counts"]["sentiment"], counts, "{answer}");
    let score = ["feedback", "score", "s", "--metric", "nps", "--function"];
    let answer = run(
        &server,
        folder.path(),
        &[&score[..], &["my-voice"]].concat(),
    );
    assert_eq!(answer["result"]["score"]["too_few"], 28, "{answer}");
}

#[test]
fn a_labeller_goes_from_nothing_to_labels() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    first_day(&server, folder.path(), "my-rules", &["--world", "labeller"]);
    let invoke = ["function", "invoke", "my-rules", "--text", "怎么退款？"];
    let answer = run(&server, folder.path(), &invoke);
    assert_eq!(answer[0][0]["label"], "complaint", "{answer}");
    let label = |args: &[&str]| run(&server, folder.path(), &[&["label"], args].concat());
    let labels = "complaint,praise,question";
    label(&["create", "letters", "--labels", labels, "--guideline", "g"]);
    let tasks = serde_json::json!({ "tasks": [
        { "task": "1", "text": "Refund me, this is broken" },
        { "task": "2", "text": "谢谢，很好用" },
        { "task": "3", "text": "How do I log in?" },
        { "task": "4", "text": "…" },
    ]});
    server.post("/api/v1/labelling/letters/tasks", &tasks).ok();
    let weak = label(&["weak", "letters", "--function", "my-rules"]);
    assert_eq!(weak["predicted"], 3, "{weak}");
    let labels = label(&["results", "letters", "--auto-threshold", "0"]);
    let labels: Vec<&Value> = labels
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["label"]["choice"])
        .collect();
    assert_eq!(
        labels,
        ["complaint", "praise", "question"]
            .map(Value::from)
            .iter()
            .chain([&Value::Null])
            .collect::<Vec<_>>()
    );
}

/// A customer's own plugin takes the place of ours in a cycle.
#[test]
fn a_team_plugin_goes_from_nothing_to_advice() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    first_day(&server, folder.path(), "my-team", &["--world", "team"]);
    let me = server.get("/api/v1/me").ok();
    let people = |id: &str, body: Value| {
        server.put(&format!("/api/v1/team/people/{id}"), &body).ok();
    };
    people(
        "lee",
        serde_json::json!({ "name": "李", "team": "search", "principal": me["id"] }),
    );
    people(
        "ann",
        serde_json::json!({ "name": "安", "team": "search", "lead": "lee" }),
    );
    let cycle = serde_json::json!({
        "criteria": [{ "name": "craft", "weight": 1 }], "function": "my-team",
        "scale": { "lowest": 1, "highest": 5, "step": 1 },
    });
    server.put("/api/v1/team/cycles/h1", &cycle).ok();
    let input = serde_json::json!({
        "ratings": [{ "criterion": "craft", "value": 4 }],
        "evidence": [{ "source": "https://example.com/1", "summary": "a chart" }],
    });
    server
        .put("/api/v1/team/cycles/h1/reviews/ann/input", &input)
        .ok();
    let found = run(&server, folder.path(), &["team", "cycle", "evaluate", "h1"]);
    let answer = &found[0]["evaluation"];
    assert_eq!(answer["answer"]["advised"]["score"].as_f64(), Some(4.0));
    assert_eq!(answer["function"], "my-team revision 1");
    assert_eq!(found[0]["status"], "needs sign-off");
}

#[test]
fn functions_of_both_generations_go_from_nothing_to_an_answer() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let post = |name: &str| {
        let body = r#"{"id":"m-1","text":" 我想退货 "}"#;
        server
            .send(
                server
                    .request("POST", &format!("/f/default/{name}/"))
                    .body(body),
            )
            .ok()
    };
    first_day(
        &server,
        folder.path(),
        "my-function",
        &["--world", "function"],
    );
    assert_eq!(post("my-function")["text"], "我想退货");
    first_day(
        &server,
        folder.path(),
        "my-function-next",
        &["--world", "function-0.3"],
    );
    assert_eq!(post("my-function-next")["text"], "我想退货");
}

/// The commands of the guide for a language without rustc: a cleaner and a function.
fn both_kinds(language: &str) {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let world = |world| ["--world", world, "--language", language];
    first_day(&server, folder.path(), "my-cleaner", &world("cleaner"));
    let invoke = |rest: &[&str]| {
        run(
            &server,
            folder.path(),
            &[&["function", "invoke"], rest].concat(),
        )
    };
    let answer = invoke(&["my-cleaner", "--text", "  你好 　world "]);
    assert_eq!(answer[0]["changed"]["text"], "你好 world", "{answer}");
    first_day(&server, folder.path(), "my-function", &world("function"));
    let answer = invoke(&["my-function", "--data", r#"{"id":"m-1","text":"我想退货"}"#]);
    assert_eq!(answer["characters"], 4, "{answer}");
    let logs = server.get("/api/v1/functions/my-function/logs").ok();
    assert_eq!(logs[0]["message"], "took a message", "{logs}");
    assert_eq!(logs[0]["fields"]["script"], "han", "{logs}");
}

#[test]
fn both_kinds_in_c_go_from_nothing_to_an_answer() {
    both_kinds("c");
}

#[test]
#[ignore = "long: builds and compiles two components of a scripting language"]
fn both_kinds_in_javascript_go_from_nothing_to_an_answer() {
    both_kinds("javascript");
}

#[test]
#[ignore = "long: builds and compiles two components of a scripting language"]
fn both_kinds_in_typescript_go_from_nothing_to_an_answer() {
    both_kinds("typescript");
}

#[test]
#[ignore = "long: builds and compiles two components of a scripting language"]
fn both_kinds_in_python_go_from_nothing_to_an_answer() {
    both_kinds("python");
}

/// A template, a language or a tool that is not there is named, with what to do.
#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let told = |args: &[&str], env: &[(&str, &str)]| {
        let output = cli(args, env);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = told(
        &[
            "plugin",
            "new",
            "x",
            "--world",
            "labeller",
            "--language",
            "c",
            "--path",
            &at("x"),
        ],
        &[],
    );
    assert!(
        code == Some(2) && said.contains("cleaner, function"),
        "{said}"
    );
    let (code, said) = told(
        &[
            "plugin",
            "new",
            "x",
            "--world",
            "cleaner",
            "--language",
            "cobol",
        ],
        &[],
    );
    assert!(code == Some(2) && said.contains("python"), "{said}");
    for (language, install) in [
        ("javascript", "nodejs"),
        ("python", "componentize-py"),
        ("c", "clang-19"),
    ] {
        let dir = at(language);
        let (code, said) = told(
            &[
                "plugin",
                "new",
                "p",
                "--world",
                "cleaner",
                "--language",
                language,
                "--path",
                &dir,
            ],
            &[],
        );
        assert_eq!(code, Some(0), "{said}");
        // Nothing on the path, and no set-up but that of this binary's checkout, which may have componentize-py.
        let nowhere = [("PATH", "/nowhere"), ("STEWARD_HOME", "/nowhere")];
        let (code, said) = told(&["plugin", "build", &dir], &nowhere);
        if language != "python" {
            assert!(code == Some(7) && said.contains(install), "{said}");
        }
        std::fs::remove_dir_all(Path::new(&dir).join("src")).unwrap();
        let (code, said) = told(&["plugin", "build", &dir], &nowhere);
        assert!(code == Some(3) && said.contains("src/plugin.py"), "{said}");
    }
}

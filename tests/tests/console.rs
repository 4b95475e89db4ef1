//! The console of the real binary, in a real browser.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use steward_tests::guest::{KEEPS_EVERYTHING, cleaner, hostile, manifest};
use steward_tests::services::Browser;
use steward_tests::{Server, built};

/// What a page would run that took it for HTML.
const EVIL: &str = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>";

/// A value of a configuration.
const LINES: &str = "one\ntwo";

fn signed_in(server: &Server, key: &str) -> Browser {
    let browser = Browser::start("en-US");
    browser.open(&server.url);
    browser.write("#key", key);
    browser.click("=Sign in");
    browser.says("What is deployed, and how it does on this host.");
    browser
}

/// Publishes `shop`, a function that asks for this.
fn publish_shop(server: &Server, version: &str, requests: &str) {
    let manifest = manifest(
        "shop",
        version,
        "function",
        &format!("[requests]\n{requests}"),
    );
    let component = std::fs::read(built("target/test-guests/calls.wasm")).unwrap();
    server.publish(&manifest, component).ok();
}

/// `shop@1.0.0` asks for one thing, `shop@1.1.0` for two more.
fn shop(server: &Server) {
    publish_shop(server, "1.0.0", "http = [\"https://api.example.com\"]");
    let more = "http = [\"https://api.example.com\", \"https://*.example.org\"]\nread_events = [\"com.example.*\"]";
    publish_shop(server, "1.1.0", more);
}

/// `p`, a cleaner that keeps everything, in these versions; the function `all` answers with the first.
fn cleaners(server: &Server, versions: &[&str]) {
    for version in versions {
        let manifest = manifest("p", version, "cleaner", "[config.mode]");
        server.publish(&manifest, cleaner(KEEPS_EVERYTHING)).ok();
    }
    let rest = json!({ "config": { "mode": LINES } });
    server.deploy("all", "p", versions[0], rest).ok();
}

fn function(server: &Server, name: &str) -> Value {
    server.get(&format!("/api/v1/functions/{name}")).ok()
}

#[test]
fn somebody_signs_in_sees_a_function_and_calls_it() {
    let server = Server::start();
    cleaners(&server, &["1.0.0"]);
    for _ in 0..2 {
        server.call("all", &["a"]).ok();
    }
    let browser = Browser::start("en-US");
    browser.open(&server.url);
    browser.write("#key", "stw_wrong");
    browser.click("=Sign in");
    browser.says("The API key is not known");
    assert_eq!(browser.run("return sessionStorage.length"), 0);

    browser.write("#key", &server.key);
    browser.click("=Sign in");
    browser.says("healthy");
    browser.reload();
    browser.click("=all");
    browser.says("It was granted nothing");
    browser.wait("document.querySelector('.figure strong').innerText === '2'");
    browser.click("=Send");
    browser.says("\"kept\"");
    browser.wait("document.querySelector('.figure strong').innerText === '3'");
    browser.wait("document.querySelectorAll('.calls details').length === 3");
    browser.click(".calls summary");
    browser.says("It wrote nothing.");
    // What the host refuses is shown with why.
    browser.write("textarea", "{\"batch\": 1}");
    browser.click("=Send");
    browser.says("expected a list");

    // The key is in this tab and nowhere else.
    let kept = "return sessionStorage.getItem('steward-key')";
    assert_eq!(browser.run(kept), server.key);
    for place in [
        "JSON.stringify(localStorage)",
        "document.cookie",
        "location.href",
        "document.documentElement.outerHTML",
    ] {
        let found = browser.run(&format!("return {place}"));
        assert!(!found.as_str().unwrap().contains(&server.key), "{place}");
    }
    browser.click("=Sign out");
    browser.wait("document.querySelector('#key')");
    assert_eq!(browser.run("return sessionStorage.length"), 0);
    browser.reload();
    browser.wait("document.querySelector('#key')");
}

#[test]
fn a_plugin_says_in_both_languages_what_it_can_do_and_what_is_new() {
    let server = Server::start();
    shop(&server);
    let browser = Browser::start("zh-CN");
    browser.open(&server.url);
    browser.write("#key", &server.key);
    browser.click("=登录");
    browser.click("=插件");
    browser.click("=shop");
    browser.says("向 https://api.example.com 发送请求");
    browser.says("打开宿主机上的文件、套接字或进程");
    browser.says("与 1.0.0 相比");
    assert_eq!(browser.run("return document.documentElement.lang"), "zh-CN");

    browser.click("=English");
    browser.says("send requests to https://api.example.com");
    browser.says("open a file, a socket or a process of the host");
    browser.says("Against 1.0.0");
    assert_eq!(browser.run("return document.documentElement.lang"), "en");
    // Of what it asks for, the two things that 1.0.0 did not are marked.
    browser.wait("document.querySelectorAll('.can-do li').length === 3");
    browser.wait("document.querySelectorAll('.can-do .badge.new').length === 2");
    let new = browser.text(".can-do li:has(.badge.new)");
    assert!(new.contains("https://*.example.org"), "{new}");
    browser.reload();
    browser.click("=1.0.0");
    browser.says("There is no version before it.");
    browser.wait("document.querySelectorAll('.badge.new').length === 0");
}

#[test]
fn more_permission_is_shown_and_needs_consent() {
    let server = Server::start();
    shop(&server);
    let browser = signed_in(&server, &server.key);
    browser.open(&format!("{}/#/plugins/shop/1.0.0", server.url));
    browser.click("=Deploy");
    browser.says("shop will be able to do more");
    let shown = browser.text("dialog .can");
    assert!(
        shown.contains("send requests to https://api.example.com"),
        "{shown}"
    );
    // Nothing happens until it is allowed, and allowing it takes more than a click on the button.
    let accept = "return document.querySelector('dialog .primary').disabled";
    assert_eq!(browser.run(accept), true);
    browser.click("dialog .primary");
    browser.click("=Cancel");
    browser.says("Nothing was deployed.");
    server
        .get("/api/v1/functions/shop")
        .problem(404, "not-found");
    browser.click("=Deploy");
    browser.click("dialog .agree input");
    browser.click("dialog .primary");
    browser.says("shop is deployed, revision 1.");
    assert_eq!(
        function(&server, "shop")["spec"]["grants"]["http"],
        json!(["https://api.example.com"])
    );

    // Of the next version, exactly what is new is asked about.
    browser.open(&format!("{}/#/plugins/shop/1.1.0", server.url));
    browser.says("shop 1.1.0");
    browser.click("=Deploy");
    browser.says("shop will be able to do more");
    let shown = browser.text("dialog .can");
    assert!(
        shown.contains("https://*.example.org") && shown.contains("com.example.*"),
        "{shown}"
    );
    assert!(!shown.contains("api.example.com"), "{shown}");
    assert_eq!(function(&server, "shop")["revision"], 1);
    browser.click("dialog .agree input");
    browser.click("dialog .primary");
    browser.says("shop is deployed, revision 2.");
    let grants = &function(&server, "shop")["spec"]["grants"];
    let both = json!(["https://api.example.com", "https://*.example.org"]);
    assert_eq!(grants["http"], both);
    assert_eq!(grants["read_events"], json!(["com.example.*"]));

    // Going back to less needs a confirmation, going back to more a consent.
    browser.click("=See the function");
    browser.click("main > section:last-child tr:nth-child(2) button");
    browser.click("dialog .primary");
    browser.wait("document.querySelectorAll('main > section:last-child tbody tr').length === 3");
    let grants = &function(&server, "shop")["spec"]["grants"];
    assert_eq!(grants["http"], json!(["https://api.example.com"]));
    browser.click("main > section:last-child tr:nth-child(2) button");
    browser.click("dialog .primary");
    browser.says("shop will be able to do more");
    assert_eq!(function(&server, "shop")["revision"], 3);
    browser.click("dialog .agree input");
    browser.click("dialog .primary");
    browser.wait("document.querySelectorAll('main > section:last-child tbody tr').length === 4");
    assert_eq!(function(&server, "shop")["spec"]["grants"]["http"], both);
}

#[test]
fn a_version_goes_on_trial_and_is_promoted() {
    let server = Server::start();
    cleaners(&server, &["1.0.0", "1.1.0"]);
    let browser = signed_in(&server, &server.key);
    browser.open(&format!("{}/#/plugins/p/1.1.0", server.url));
    browser.click("=10 %, on trial");
    browser.write(".deploy label:last-of-type input", "try it");
    browser.click("=Deploy");
    browser.says("all is deployed, revision 2.");
    let tried = function(&server, "all");
    assert_eq!(tried["spec"]["rollout"]["candidate"], "1.1.0");
    assert_eq!(tried["reason"], "try it");
    // What was not touched stays as it was.
    assert_eq!(tried["spec"]["config"], json!({ "mode": LINES }));
    assert_eq!(
        tried["spec"]["targets"],
        json!([{ "version": "1.0.0", "percent": 90 }, { "version": "1.1.0", "percent": 10 }])
    );
    browser.click("=See the function");
    browser.says("Version on trial: 1.1.0");
    browser.click("=Promote");
    browser.click("dialog .primary");
    browser.says_no_more("Version on trial: 1.1.0");
    browser.wait("document.querySelectorAll('main > section:last-child tbody tr').length === 3");
    assert_eq!(
        function(&server, "all")["spec"]["targets"],
        json!([{ "version": "1.1.0", "percent": 100 }])
    );
}

#[test]
fn what_comes_from_outside_is_text_and_runs_nothing() {
    let server = Server::start();
    let declared = format!("description = \"{EVIL}\"\n[config.token]\ndescription = \"{EVIL}\"");
    let manifest = manifest("shouts", "1.0.0", "cleaner", &declared);
    server.publish(&manifest, hostile("shouts-its-secret")).ok();
    let rest = json!({ "config": { "token": EVIL }, "reason": EVIL });
    server.deploy("shouts", "shouts", "1.0.0", rest).ok();
    server.call("shouts", &["a"]).problem(502, "guest-crashed");

    let browser = signed_in(&server, &server.key);
    let harmless = |place: &str| {
        browser.says(EVIL);
        assert_eq!(browser.run("return window.owned ?? null"), Value::Null);
        let made = "return document.querySelectorAll('img:not([src=\"/console/mark.svg\"]), body script').length";
        assert_eq!(browser.run(made), 0, "{place}");
    };
    browser.click("=Plugins");
    harmless("the summary in the list");
    browser.click("=shouts");
    browser.click("=Configuration");
    harmless("the summary and the configuration of a plugin");
    browser.open(&format!("{}/#/functions/shouts", server.url));
    browser.says("Revisions");
    harmless("the reason of a revision");
    browser.click(".calls summary");
    browser.wait("document.querySelector('.log li')");
    let log = browser.text(".log");
    assert!(log.contains(EVIL), "{log}");
    harmless("a line of a log");
    browser.write("textarea", &json!({ "batch": [], EVIL: 1 }).to_string());
    browser.click("=Send");
    browser.wait("document.querySelector('.call .problem')");
    harmless("the detail of a problem");

    // Nor is an address taken for anything that the console did not name.
    browser.open(&format!("{}/#/constructor", server.url));
    browser.says("There is no such page");

    // Nor could a mistake in the console make HTML of a text, or a handler of an attribute.
    let html = "try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch (error) { return error.name }";
    assert_eq!(browser.run(html), "TypeError");
    let handler = "try { document.body.setAttribute('onclick', 'window.owned = 2'); return 'made' } catch (error) { return error.name }";
    assert_eq!(browser.run(handler), "TypeError");
}

#[test]
fn a_page_of_a_function_cannot_reach_the_key_in_the_same_tab() {
    let server = Server::start();
    publish_shop(&server, "1.0.0", "");
    server.deploy("shop", "shop", "1.0.0", json!({})).ok();
    let open =
        json!({ "function": "shop", "on": { "http": { "paths": ["/secret/x"], "public": true } } });
    server.put("/api/v1/triggers/open", &open).ok();
    let browser = signed_in(&server, &server.key);
    let reach =
        "try { return sessionStorage.getItem('steward-key') } catch (error) { return error.name }";
    assert_eq!(browser.run(reach), server.key);
    browser.open(&format!("{}/f/default/shop/secret/x", server.url));
    browser.says("denied");
    assert_eq!(browser.run(reach), "SecurityError");
    // Back in the console, whoever signed in still is.
    browser.open(&server.url);
    browser.says("What is deployed, and how it does on this host.");
}

#[test]
fn a_key_is_offered_what_it_may_do() {
    let server = Server::start();
    cleaners(&server, &["1.0.0"]);
    let key = |role: &str| {
        let made = server.cli(&["key", "create", role, "--role", role]);
        made["key"].as_str().unwrap().to_owned()
    };
    let browser = signed_in(&server, &key("viewer"));
    browser.click("=all");
    browser.says("Revisions");
    browser.says_no_more("Call it");
    browser.says_no_more("Audit log");
    browser.click("=Plugins");
    browser.click("=p");
    browser.says("What it cannot do");
    browser.says_no_more("Deploy");
    // The address is no way around: the host refuses, and says why.
    browser.open(&format!("{}/#/audit", server.url));
    browser.says("The role of the API key does not allow this");
    browser.click("=Sign out");

    browser.write("#key", &key("invoker"));
    browser.click("=Sign in");
    browser.click("=Call a function");
    browser.write(".call > label input", "all");
    browser.click("=Send");
    browser.says("\"kept\"");
    browser.says_no_more("Plugins");
}

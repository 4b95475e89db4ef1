//! A browser without a window, driven over WebDriver.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::process::{self, Process, command, find, on_path};

/// How long something is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The member that names an element (WebDriver, § 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What is wrong with an element only until the page has settled.
const UNSETTLED: [&str; 5] = [
    "no such element",
    "stale element reference",
    "element click intercepted",
    "element not interactable",
    "javascript error",
];

/// One window of Chromium, with a profile of its own that goes with it.
///
/// What is looked for is named by a CSS selector, or by the text of a button, link or option as `=TEXT`.
pub struct Browser {
    /// Where the session is: `http://127.0.0.1:PORT/session/ID`.
    session: String,
    client: Client,
    _driver: Process,
    /// What it writes beside its profile; goes after its driver.
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts one for people who read this language, as `zh-CN`.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start(language: &str) -> Self {
        let mut places: Vec<PathBuf> = std::env::var_os("STEWARD_CHROMEDRIVER")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        places.extend(on_path("chromedriver"));
        let program = find("chromedriver (Debian: chromium-driver)", places);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let driver = process::start(
            "chromedriver",
            Signal::SIGTERM,
            |port| {
                let mut command = command(&program, None);
                command.arg(format!("--port={port}"));
                command.env("TMPDIR", folder.path());
                command
            },
            |port| {
                let status = client.get(format!("http://127.0.0.1:{port}/status"));
                status
                    .send()
                    .is_ok_and(|answer| answer.status().is_success())
            },
        );
        // The sandbox of Chromium does not start for root, and /dev/shm is small in containers. Over a pipe it ends with its
        // driver, whatever ends that.
        let args = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            "--window-size=1280,1000",
            format!("--accept-lang={language}"),
        ]);
        let options = json!({ "args": args });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let mut browser = Self {
            session: format!("http://127.0.0.1:{}/session", driver.port),
            client,
            _driver: driver,
            _folder: folder,
        };
        let begun = browser.ask("", &wanted).unwrap();
        browser.session = format!(
            "{}/{}",
            browser.session,
            begun["sessionId"].as_str().unwrap()
        );
        browser
    }

    /// A command of WebDriver, or the code of its error.
    fn ask(&self, command: &str, body: &Value) -> Result<Value, String> {
        let request = self.client.post(format!("{}{command}", self.session));
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().unwrap();
        let good = answer.status().is_success();
        let mut answer: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        match good {
            true => Ok(answer["value"].take()),
            false => Err(answer["value"]["error"]
                .as_str()
                .unwrap_or("unknown")
                .to_owned()),
        }
    }

    /// Goes to an address.
    ///
    /// # Panics
    /// When nothing is loaded from there.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url })).unwrap();
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When it is not loaded.
    #[track_caller]
    pub fn reload(&self) {
        self.ask("/refresh", &json!({})).unwrap();
    }

    /// Runs the body of a function in the page and returns what that returns.
    ///
    /// # Panics
    /// When it throws.
    #[track_caller]
    pub fn run(&self, body: &str) -> Value {
        let ran = self.ask("/execute/sync", &json!({ "script": body, "args": [] }));
        ran.unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    /// Asks until there is an answer.
    #[track_caller]
    fn until<T>(&self, what: &str, ask: impl Fn() -> Result<Option<T>, String>) -> T {
        let begun = Instant::now();
        loop {
            let last = match ask() {
                Ok(Some(found)) => return found,
                Ok(None) => "not so".to_owned(),
                Err(error) if UNSETTLED.contains(&error.as_str()) => error,
                Err(error) => panic!("{what}: {error}"),
            };
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: {last}, on the page\n{}",
                self.run("return document.body.innerText")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until an expression is true in the page.
    ///
    /// # Panics
    /// When it does not become so in time, with what the page says.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        let body = format!("return Boolean({expression})");
        let body = json!({ "script": body, "args": [] });
        self.until(expression, || {
            let answer = self.ask("/execute/sync", &body)?;
            Ok((answer == true).then_some(()))
        });
    }

    /// Waits until the page says this where people see it.
    ///
    /// # Panics
    /// When it does not in time, with what it says instead.
    #[track_caller]
    pub fn says(&self, text: &str) {
        self.wait(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ));
    }

    /// Waits until the page does not say this.
    ///
    /// # Panics
    /// When it still does after a while.
    #[track_caller]
    pub fn says_no_more(&self, text: &str) {
        self.wait(&format!(
            "!document.body.innerText.includes({})",
            json!(text)
        ));
    }

    fn element(&self, what: &str) -> Result<String, String> {
        let by = match what.strip_prefix('=') {
            Some(text) => {
                json!({ "using": "xpath", "value": format!("//*[self::a or self::button or self::option or self::summary][normalize-space()=\"{text}\"]") })
            }
            None => json!({ "using": "css selector", "value": what }),
        };
        let found = self.ask("/element", &by)?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Clicks, as a person would: on what is there, in view and not covered.
    ///
    /// # Panics
    /// When there is nothing such in time.
    #[track_caller]
    pub fn click(&self, what: &str) {
        self.until(what, || {
            let element = self.element(what)?;
            self.ask(&format!("/element/{element}/click"), &json!({}))
                .map(Some)
        });
    }

    /// Types a text into a field.
    ///
    /// # Panics
    /// When there is no such field in time.
    #[track_caller]
    pub fn write(&self, what: &str, text: &str) {
        self.until(what, || {
            let element = self.element(what)?;
            self.ask(&format!("/element/{element}/clear"), &json!({}))?;
            let typed = json!({ "text": text });
            self.ask(&format!("/element/{element}/value"), &typed)
                .map(Some)
        });
    }

    /// The visible text of an element.
    ///
    /// # Panics
    /// When there is no such element in time.
    #[track_caller]
    pub fn text(&self, what: &str) -> String {
        let script = json!({
            "script": "return document.querySelector(arguments[0])?.innerText ?? null",
            "args": [what],
        });
        self.until(what, || {
            let text = self.ask("/execute/sync", &script)?;
            Ok(text.as_str().map(str::to_owned))
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its driver would leave the profile behind.
        let _ = self.client.delete(&self.session).send();
    }
}

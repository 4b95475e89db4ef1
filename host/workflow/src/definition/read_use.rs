//! `use`, retries, `schedule` and the document.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::problem::shown;

use super::escaped;
use super::model::{Backoff, Document, EventStart, Length, Retry, Schedule, Strategy};
use super::read::{Reader, Scope};
use super::values::{LABEL_RULE, NAME_RULE, fixed_length, is_label, is_name, is_version};

const CORRELATE: &str = "what starts a run has nothing to be correlated with";

impl Reader {
    pub fn document(&mut self, value: Option<&Value>) -> Option<Document> {
        let at = "/document";
        let Some(value) = value else {
            self.problem("", "`document` is missing: `dsl`, `namespace`, `name` and `version` of the workflow");
            return None;
        };
        let map = self.object(value, at, "`document`")?;
        self.only(map, at, &["dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"], "`document`");
        for key in ["namespace", "name"] {
            if let Some(name) = self.needed(map, key, at)
                && !is_name(name)
            {
                self.problem(&format!("{at}/{key}"), format!("`{}` cannot name a workflow: {NAME_RULE}", shown(name)));
            }
        }
        for key in ["dsl", "version"] {
            if let Some(version) = self.needed(map, key, at)
                && !is_version(version)
            {
                self.problem(&format!("{at}/{key}"), format!("`{}` is no version as `1.0.0`", shown(version)));
            }
        }
        if let Some(dsl) = map.get("dsl").and_then(Value::as_str)
            && is_version(dsl)
            && !dsl.starts_with("1.0.")
        {
            self.problem(&format!("{at}/dsl"), format!("`{}` is not supported: versions 1.0.x of the language are", shown(dsl)));
        }
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut tags = BTreeMap::new();
        if let Some(given) = map.get("tags").and_then(|t| self.object(t, "/document/tags", "`tags`")) {
            for (key, value) in given {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                tags.insert(key.clone(), value);
            }
        }
        if let Some(metadata) = map.get("metadata") {
            self.object(metadata, "/document/metadata", "`metadata`");
        }
        self.text(map, "title", at);
        self.text(map, "summary", at);
        Some(Document {
            dsl: text("dsl")?,
            namespace: text("namespace")?,
            name: text("name")?,
            version: text("version")?,
            title: text("title"),
            summary: text("summary"),
            tags,
        })
    }

    /// What `use` declares. Read before the tasks, which name it.
    pub fn declared(&mut self, value: &Value) {
        let Some(map) = self.object(value, "/use", "`use`") else {
            return;
        };
        let known = ["authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs"];
        self.only(map, "/use", &known, "`use`");
        if map.contains_key("extensions") {
            self.problem("/use/extensions", "`use.extensions` is not supported: put tasks around a task with `do`, or let others add steps with `call: extension:POINT`");
        }
        if map.contains_key("catalogs") {
            self.problem("/use/catalogs", "`use.catalogs` is not supported: publish functions as plugins and call `steward:NAME`");
        }
        if let Some(secrets) = map.get("secrets") {
            match secrets.as_array() {
                None => self.problem("/use/secrets", "`secrets` is a list of names"),
                Some(names) => {
                    for (i, name) in names.iter().enumerate() {
                        let fits = |n: &&str| (1..=63).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                        match name.as_str().filter(fits) {
                            Some(name) => self.used.secrets.push(name.to_owned()),
                            None => self.problem(&format!("/use/secrets/{i}"), "a secret has a name of 1 to 63 letters, digits and hyphens"),
                        }
                    }
                }
            }
        }
        self.references.secrets = self.used.secrets.clone();
        let none = Scope::new();
        for (name, value) in self.named(map, "timeouts") {
            if let Some(length) = self.timeout_value(&value, &format!("/use/timeouts/{}", escaped(&name)), &none) {
                self.used.timeouts.insert(name, length);
            }
        }
        for (name, value) in self.named(map, "retries") {
            // The error that is tried again for is called `$error` here, whatever a `catch` calls it.
            let scope = vec!["error".to_owned()];
            if let Some(retry) = self.retry(&value, &format!("/use/retries/{}", escaped(&name)), &scope) {
                self.used.retries.insert(name, Arc::new(retry));
            }
        }
        for (name, value) in self.named(map, "errors") {
            // Read where it is raised: what is wrong with it is noted here all the same.
            self.error(&value, &format!("/use/errors/{}", escaped(&name)), &none);
            self.used.errors.insert(name, value);
        }
        for (name, value) in self.named(map, "authentications") {
            match self.authentication(&value, &format!("/use/authentications/{}", escaped(&name)), &none) {
                Some(policy) => drop(self.used.authentications.insert(name, policy)),
                None => drop(self.used.refused_authentications.insert(name)),
            }
        }
        self.used.functions = self.named(map, "functions").into_iter().collect();
    }

    /// The entries of one part of `use`.
    fn named(&mut self, map: &Map<String, Value>, key: &str) -> Vec<(String, Value)> {
        let at = format!("/use/{key}");
        let Some(part) = map.get(key).and_then(|part| self.object(part, &at, &format!("`{key}`"))) else {
            return Vec::new();
        };
        for name in part.keys() {
            if !is_label(name) {
                self.problem(&format!("{at}/{}", escaped(name)), format!("`{}` cannot be a name: {LABEL_RULE}", shown(name)));
            }
        }
        part.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub fn retry(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Retry> {
        let map = self.object(value, pointer, "a retry policy")?;
        self.only(map, pointer, &["when", "exceptWhen", "delay", "backoff", "limit", "jitter"], "a retry policy");
        let mut backoff = Backoff::Constant;
        if let Some(given) = map.get("backoff") {
            let at = format!("{pointer}/backoff");
            if let Some((kind, options)) = self.single(given, &at, "`backoff`") {
                backoff = match kind.as_str() {
                    "constant" => Backoff::Constant,
                    "linear" => Backoff::Linear,
                    "exponential" => Backoff::Exponential,
                    _ => {
                        self.problem(&at, format!("`{}` is no backoff: `constant`, `linear` and `exponential` are", shown(kind)));
                        Backoff::Constant
                    }
                };
                let at = format!("{at}/{}", escaped(kind));
                if let Some(options) = self.object(options, &at, "a backoff") {
                    self.only(options, &at, &[], "a backoff, whose factor is 2 and whose step is `delay`,");
                }
            }
        }
        let (mut attempts, mut attempt_length, mut length) = (None, None, None);
        let at = format!("{pointer}/limit");
        if let Some(limit) = map.get("limit").and_then(|limit| self.object(limit, &at, "`limit`")) {
            self.only(limit, &at, &["attempt", "duration"], "`limit`");
            length = self.length(limit, "duration", &at, scope);
            let at = format!("{at}/attempt");
            if let Some(attempt) = limit.get("attempt").and_then(|a| self.object(a, &at, "`attempt`")) {
                self.only(attempt, &at, &["count", "duration"], "`attempt`");
                attempt_length = self.length(attempt, "duration", &at, scope);
                if let Some(count) = attempt.get("count") {
                    attempts = count.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 1_000_000);
                    if attempts.is_none() {
                        self.problem(&format!("{at}/count"), "`count` is a whole number from 0 to 1,000,000");
                    }
                }
            }
        }
        let at = format!("{pointer}/jitter");
        let jitter = map.get("jitter").and_then(|jitter| {
            let map = self.object(jitter, &at, "`jitter`")?;
            self.only(map, &at, &["from", "to"], "`jitter`");
            for key in ["from", "to"] {
                if !map.contains_key(key) {
                    self.problem(&at, format!("`{key}` is missing"));
                }
            }
            let (from, to) = (self.length(map, "from", &at, scope)?, self.length(map, "to", &at, scope)?);
            if let (Length::Fixed(from), Length::Fixed(to)) = (&from, &to)
                && from > to
            {
                self.problem(&at, "`from` is longer than `to`");
            }
            Some((from, to))
        });
        Some(Retry {
            when: self.expr(map, "when", pointer, scope),
            except_when: self.expr(map, "exceptWhen", pointer, scope),
            delay: self.length(map, "delay", pointer, scope),
            backoff,
            attempts,
            attempt_length,
            length,
            jitter,
        })
    }

    pub fn schedule(&mut self, value: &Value, document: Option<&Value>) -> Option<Schedule> {
        let at = "/schedule";
        let map = self.object(value, at, "`schedule`")?;
        self.only(map, at, &["every", "cron", "after", "on"], "`schedule`");
        if map.is_empty() {
            self.problem(at, "`schedule` is empty: one of `every`, `cron`, `after`, `on`");
        }
        let mut fixed = |key: &str| {
            let length = fixed_length(map.get(key)?).and_then(|length| {
                if length.as_millis() < 1_000 { Err("a schedule starts no more often than each second".to_owned()) } else { Ok(length) }
            });
            length.map_err(|reason| self.problem(&format!("{at}/{key}"), reason)).ok()
        };
        let (every, after) = (fixed("every"), fixed("after"));
        let cron = self.text(map, "cron", at).map(str::to_owned);
        if let Some(cron) = &cron
            && (cron.len() > 256 || !(cron.starts_with('@') || (5..=6).contains(&cron.split_whitespace().count())))
        {
            self.problem("/schedule/cron", format!("`{}` is no cron expression of five or six fields", shown(cron)));
        }
        let on = map.get("on").and_then(|on| self.strategy(on, "/schedule/on", &Scope::new(), false));
        match &on {
            Some(Strategy::All(_)) => self.problem("/schedule/on/all", "a run starts with one event: `one` or `any`; wait for the others with `listen`"),
            Some(Strategy::One(filter)) if !filter.correlate.is_empty() => self.problem("/schedule/on/one/correlate", CORRELATE),
            Some(Strategy::Any { filters, .. }) if filters.iter().any(|f| !f.correlate.is_empty()) => self.problem("/schedule/on/any", CORRELATE),
            _ => {}
        }
        let zone = document.and_then(|d| d.pointer("/metadata/timezone")).and_then(Value::as_str).unwrap_or("UTC");
        Some(Schedule {
            cron,
            zone: zone.to_owned(),
            every,
            after,
            on: on.map(|on| EventStart(Arc::new(on))),
        })
    }
}

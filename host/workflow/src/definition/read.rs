//! How a definition is read: piece by piece, each problem noted with its place, and on to the next.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::expression::Expr;
use crate::problem::{Sink, shown};

use super::escaped;
use super::model::{Length, Policy, Raised, References, Retry, Task, TaskId, Transform};
use super::schema::Schema;
use super::template::Template;
use super::values;
use super::workflow::MAX_NESTING;

/// A definition while it is read.
#[derive(Default)]
pub(super) struct Reader {
    pub sink: Sink,
    /// Tasks that are being read have their number, and no content yet.
    pub tasks: Vec<Option<Task>>,
    pub references: References,
    pub used: Used,
    pub nesting: usize,
}

/// What `use` declares, by names.
#[derive(Default)]
pub(super) struct Used {
    pub authentications: HashMap<String, Arc<Policy>>,
    pub errors: HashMap<String, Value>,
    pub retries: HashMap<String, Arc<Retry>>,
    pub timeouts: HashMap<String, Length>,
    pub secrets: Vec<String>,
    /// Their definitions, and their numbers once they are read.
    pub functions: BTreeMap<String, Value>,
    pub read_functions: HashMap<String, TaskId>,
    /// Functions that are being read now, each called by the one before.
    pub reading: Vec<TaskId>,
    /// Policies that were refused: whoever uses one needs no second reason.
    pub refused_authentications: HashSet<String>,
}

/// The variables that an expression may read beside the arguments that all have.
pub(super) type Scope = Vec<String>;

impl Reader {
    pub fn problem(&mut self, pointer: &str, reason: impl Into<String>) {
        self.sink.add(pointer, reason);
    }

    /// An object; anything else is a problem.
    pub fn object<'a>(&mut self, value: &'a Value, pointer: &str, what: &str) -> Option<&'a Map<String, Value>> {
        if value.as_object().is_none() {
            self.problem(pointer, format!("{what} is an object"));
        }
        value.as_object()
    }

    /// Names every key of an object that is not among those that it may have.
    pub fn only(&mut self, map: &Map<String, Value>, pointer: &str, known: &[&str], what: &str) {
        for key in map.keys() {
            if !known.contains(&key.as_str()) {
                let pointer = format!("{pointer}/{}", escaped(key));
                self.problem(&pointer, format!("{what} has no `{}`; it has {}", shown(key), known.join(", ")));
            }
        }
    }

    /// A text under a key; anything else there is a problem.
    pub fn text<'a>(&mut self, map: &'a Map<String, Value>, key: &str, pointer: &str) -> Option<&'a str> {
        let value = map.get(key)?;
        if value.as_str().is_none() {
            let hint = if value.is_number() { "; put it into quotes" } else { "" };
            self.problem(&format!("{pointer}/{key}"), format!("`{key}` is a text{hint}"));
        }
        value.as_str()
    }

    /// A text that must be there.
    pub fn needed<'a>(&mut self, map: &'a Map<String, Value>, key: &str, pointer: &str) -> Option<&'a str> {
        if !map.contains_key(key) {
            self.problem(pointer, format!("`{key}` is missing"));
        }
        self.text(map, key, pointer)
    }

    /// A boolean under a key.
    pub fn flag(&mut self, map: &Map<String, Value>, key: &str, pointer: &str) -> Option<bool> {
        let value = map.get(key)?;
        if value.as_bool().is_none() {
            self.problem(&format!("{pointer}/{key}"), format!("`{key}` is true or false"));
        }
        value.as_bool()
    }

    /// A text that is one of these.
    pub fn word(&mut self, map: &Map<String, Value>, key: &str, pointer: &str, words: &[&str]) -> Option<String> {
        let word = self.text(map, key, pointer)?;
        if !words.contains(&word) {
            self.problem(&format!("{pointer}/{key}"), format!("`{}` is none of {}", shown(word), words.join(", ")));
            return None;
        }
        Some(word.to_owned())
    }

    /// An expression, bare or between `${` and `}`: for what is always one.
    pub fn expr(&mut self, map: &Map<String, Value>, key: &str, pointer: &str, scope: &Scope) -> Option<Expr> {
        let text = self.text(map, key, pointer)?.to_owned();
        self.compiled(&text, &format!("{pointer}/{key}"), scope)
    }

    pub fn compiled(&mut self, text: &str, pointer: &str, scope: &Scope) -> Option<Expr> {
        Expr::compile(text, scope).map_err(|reason| self.problem(pointer, reason)).ok()
    }

    /// A value in which texts may be expressions.
    pub fn template(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Template {
        let sink = &mut self.sink;
        Template::read(value, scope, pointer, &mut |pointer, reason| sink.add(pointer, reason))
    }

    /// The same under a key.
    pub fn value(&mut self, map: &Map<String, Value>, key: &str, pointer: &str, scope: &Scope) -> Option<Template> {
        let value = map.get(key)?;
        Some(self.template(value, &format!("{pointer}/{key}"), scope))
    }

    /// A text under a key that may be an expression.
    pub fn text_value(&mut self, map: &Map<String, Value>, key: &str, pointer: &str, scope: &Scope) -> Option<Template> {
        self.text(map, key, pointer)?;
        self.value(map, key, pointer, scope)
    }

    /// A length of time under a key.
    pub fn length(&mut self, map: &Map<String, Value>, key: &str, pointer: &str, scope: &Scope) -> Option<Length> {
        let length = values::length(map.get(key)?, scope);
        length.map_err(|reason| self.problem(&format!("{pointer}/{key}"), reason)).ok()
    }

    /// `timeout`: a length, or the name of one.
    pub fn timeout(&mut self, map: &Map<String, Value>, pointer: &str, scope: &Scope) -> Option<Length> {
        let pointer = format!("{pointer}/timeout");
        match map.get("timeout")? {
            Value::String(name) => {
                let length = self.used.timeouts.get(name).cloned();
                if length.is_none() {
                    self.problem(&pointer, format!("`use.timeouts` has no `{}`", shown(name)));
                }
                length
            }
            value => self.timeout_value(value, &pointer, scope),
        }
    }

    pub fn timeout_value(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Length> {
        let map = self.object(value, pointer, "a timeout")?;
        self.only(map, pointer, &["after"], "a timeout");
        if !map.contains_key("after") {
            self.problem(pointer, "`after` is missing");
        }
        self.length(map, "after", pointer, scope)
    }

    /// `input`, `output` or `export`: a schema, and what it is made with, whose key is given.
    pub fn transform(&mut self, map: &Map<String, Value>, key: &str, with: &str, pointer: &str, scope: &Scope) -> Option<Transform> {
        let pointer = format!("{pointer}/{key}");
        let map = self.object(map.get(key)?, &pointer, &format!("`{key}`"))?;
        self.only(map, &pointer, &["schema", with], &format!("`{key}`"));
        let schema = map.get("schema").and_then(|schema| self.schema(schema, &format!("{pointer}/schema")));
        let with = match map.get(with) {
            None => None,
            // A text here is always an expression.
            Some(Value::String(text)) => self.compiled(text, &format!("{pointer}/{with}"), scope).map(Template::Expr),
            Some(value @ Value::Object(_)) => Some(self.template(value, &format!("{pointer}/{with}"), scope)),
            Some(_) => {
                self.problem(&format!("{pointer}/{with}"), format!("`{with}` is an expression, or an object with expressions"));
                None
            }
        };
        Some(Transform { with, schema })
    }

    fn schema(&mut self, value: &Value, pointer: &str) -> Option<Schema> {
        let map = self.object(value, pointer, "a schema")?;
        self.only(map, pointer, &["format", "document", "resource"], "a schema");
        if let Some(format) = self.text(map, "format", pointer)
            && format != "json"
            && !format.starts_with("json:")
        {
            let reason = format!("the format `{}` is not supported: write a JSON Schema, format `json`", shown(format));
            self.problem(&format!("{pointer}/format"), reason);
            return None;
        }
        if map.contains_key("resource") {
            self.problem(&format!("{pointer}/resource"), "a schema from elsewhere is not supported: what a run is checked against must not change; write it here, under `document`");
        }
        let Some(document) = map.get("document") else {
            if !map.contains_key("resource") {
                self.problem(pointer, "`document` is missing: the JSON Schema");
            }
            return None;
        };
        Schema::compile(document).map_err(|reason| self.problem(&format!("{pointer}/document"), reason)).ok()
    }

    /// An error, as `raise` and `use.errors` have it.
    pub fn error(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Raised> {
        let map = self.object(value, pointer, "an error")?;
        self.only(map, pointer, &["type", "status", "instance", "title", "detail"], "an error");
        self.needed(map, "type", pointer);
        let status = map.get("status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok());
        if !map.contains_key("status") {
            self.problem(pointer, "`status` is missing");
        } else if !status.is_some_and(|s| (100..=599).contains(&s)) {
            self.problem(&format!("{pointer}/status"), "`status` is a number from 100 to 599");
        }
        if let Some(kind) = map.get("type").and_then(Value::as_str)
            && crate::expression::inner(kind).is_none()
            && !has_scheme(kind)
        {
            self.problem(&format!("{pointer}/type"), "`type` is a URI, as `https://example.com/errors/no-such-order`");
        }
        Some(Raised {
            kind: self.text_value(map, "type", pointer, scope)?,
            status: status?,
            instance: self.text_value(map, "instance", pointer, scope),
            title: self.text_value(map, "title", pointer, scope),
            detail: self.text_value(map, "detail", pointer, scope),
        })
    }

    /// One level deeper: `None` where that is too deep.
    pub fn deeper<T>(&mut self, pointer: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.nesting >= MAX_NESTING {
            self.problem(pointer, format!("tasks are nested more than {MAX_NESTING} levels deep: run a workflow of its own"));
            return None;
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        Some(result)
    }
}

/// Whether a text begins as a URI with an authority does.
pub(super) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

//! Tasks: what all of them have, and those that are no calls, events, errors or flow.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::call::WorkflowRef;
use crate::problem::shown;

use super::escaped;
use super::model::{Block, Kind, Task, TaskId, Then, Transform};
use super::read::{Reader, Scope};
use super::values::{self, LABEL_RULE, NAME_RULE, is_label, is_name, is_variable, is_version};
use super::workflow::MAX_TASKS;

/// What every task may have.
const COMMON: [&str; 7] = [
    "if", "input", "output", "export", "timeout", "then", "metadata",
];

/// The kinds of tasks, by the key that makes them one, with the other keys that they have.
const KINDS: [(&str, &[&str]); 12] = [
    ("call", &["with"]),
    // `for` before `do`, which both have.
    ("for", &["while", "do"]),
    ("fork", &[]),
    ("emit", &[]),
    ("listen", &["foreach"]),
    ("raise", &[]),
    ("run", &[]),
    ("set", &[]),
    ("switch", &[]),
    ("try", &["catch"]),
    ("wait", &[]),
    ("do", &[]),
];

/// The places of the tasks of a block, by name.
pub(super) type Places = HashMap<String, usize>;

impl Reader {
    /// The tasks of a list.
    pub fn block(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Block {
        let Some(items) = value.as_array() else {
            self.problem(
                pointer,
                "it is a list of tasks, each an object of its name and what it does",
            );
            return Block::default();
        };
        let read = |reader: &mut Self| {
            let mut places = Places::new();
            let mut named = Vec::new();
            for (place, item) in items.iter().enumerate() {
                let pointer = format!("{pointer}/{place}");
                let Some((name, task)) = reader.single(item, &pointer, "a task") else {
                    continue;
                };
                if !is_label(name) {
                    reader.problem(
                        &pointer,
                        format!("`{}` cannot name a task: {LABEL_RULE}", shown(name)),
                    );
                } else if matches!(name.as_str(), "continue" | "exit" | "end") {
                    reader.problem(
                        &pointer,
                        format!(
                            "a task cannot be named `{name}`: `then` would mean something else"
                        ),
                    );
                }
                if places.insert(name.clone(), named.len()).is_some() {
                    reader.problem(
                        &pointer,
                        format!("two tasks of this list are named `{}`", shown(name)),
                    );
                }
                named.push((name, task, format!("{pointer}/{}", escaped(name))));
            }
            let tasks = named
                .iter()
                .map(|(name, task, pointer)| reader.task(name, task, pointer, scope, &places));
            tasks.collect::<Vec<_>>()
        };
        self.deeper(pointer, read).unwrap_or_default().into()
    }

    /// An object of one key, as lists of the language name their items.
    pub fn single<'a>(
        &mut self,
        value: &'a Value,
        pointer: &str,
        what: &str,
    ) -> Option<(&'a String, &'a Value)> {
        let entry = value
            .as_object()
            .filter(|map| map.len() == 1)
            .and_then(|map| map.iter().next());
        if entry.is_none() {
            self.problem(pointer, format!("{what} is an object of one key, its name"));
        }
        entry
    }

    /// Reads a task into the table. What is wrong with it was noted; its number stands for it all the same.
    pub fn task(
        &mut self,
        name: &str,
        value: &Value,
        pointer: &str,
        scope: &Scope,
        places: &Places,
    ) -> TaskId {
        let id = TaskId::try_from(self.tasks.len()).unwrap_or(TaskId::MAX);
        if self.tasks.len() >= MAX_TASKS {
            self.problem(pointer, format!("there are more than {MAX_TASKS} tasks"));
            return 0;
        }
        self.tasks.push(None);
        let Some(map) = self.object(value, pointer, "a task") else {
            return id;
        };
        let Some((key, own)) = KINDS.iter().find(|(key, _)| map.contains_key(*key)) else {
            let kinds: Vec<&str> = KINDS.iter().map(|(key, _)| *key).collect();
            self.problem(
                pointer,
                format!("what the task does is missing: one of {}", kinds.join(", ")),
            );
            return id;
        };
        let known: Vec<&str> = COMMON
            .iter()
            .copied()
            .chain([*key])
            .chain(own.iter().copied())
            .collect();
        self.only(map, pointer, &known, &format!("a `{key}` task"));
        let when = self.expr(map, "if", pointer, scope);
        let input = self
            .transform(map, "input", "from", pointer, scope)
            .unwrap_or_default();
        let output = self
            .transform(map, "output", "as", pointer, scope)
            .unwrap_or_default();
        let export = self.transform(map, "export", "as", pointer, scope);
        let timeout = self.timeout(map, pointer, scope);
        let then = self.then(map, pointer, places);
        if let Some(kind) = self.kind(key, map, pointer, scope, places)
            && let Some(slot) = self.tasks.get_mut(id as usize)
        {
            *slot = Some(Task {
                name: name.to_owned(),
                pointer: pointer.to_owned(),
                when,
                input,
                output,
                export,
                timeout,
                then,
                kind,
            });
        }
        id
    }

    pub fn then(&mut self, map: &Map<String, Value>, pointer: &str, places: &Places) -> Then {
        match self.text(map, "then", pointer) {
            None | Some("continue") => Then::Continue,
            Some("exit") => Then::Exit,
            Some("end") => Then::End,
            Some(name) => match places.get(name) {
                Some(place) => Then::Task(*place),
                None => {
                    let reason = format!(
                        "there is no task `{}` in this list of tasks; `then` is one of them, `continue`, `exit` or `end`",
                        shown(name)
                    );
                    self.problem(&format!("{pointer}/then"), reason);
                    Then::Continue
                }
            },
        }
    }

    fn kind(
        &mut self,
        key: &str,
        map: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
        places: &Places,
    ) -> Option<Kind> {
        let value = map.get(key)?;
        let at = format!("{pointer}/{key}");
        match key {
            "call" => self.call(map, pointer, scope).map(Kind::Call),
            "do" => Some(Kind::Do(self.block(value, &at, scope))),
            "for" => self.for_task(value, map, pointer, scope),
            "fork" => self.fork(value, &at, scope),
            "switch" => self.switch(value, &at, scope, places),
            "try" => self.try_task(value, map, pointer, scope),
            "listen" => self.listen(value, map, pointer, scope).map(Kind::Listen),
            "emit" => self.emit(value, &at, scope),
            "raise" => self.raise(value, &at, scope),
            "run" => self.run(value, &at, scope),
            "set" => self.set(value, &at, scope),
            _ => values::length(value, scope)
                .map(Kind::Wait)
                .map_err(|reason| self.problem(&at, reason))
                .ok(),
        }
    }

    /// A variable's name under a key, or the name that it has without.
    pub fn variable(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        pointer: &str,
        absent: &str,
    ) -> String {
        let name = self.text(map, key, pointer).unwrap_or(absent).to_owned();
        if !is_variable(&name) {
            self.problem(
                &format!("{pointer}/{key}"),
                format!(
                    "`{}` cannot name a variable: letters, digits and `_`, no digit first",
                    shown(&name)
                ),
            );
        } else if crate::expression::ARGUMENTS.contains(&name.as_str()) {
            self.problem(
                &format!("{pointer}/{key}"),
                format!("`${name}` means something else: choose another name"),
            );
        }
        name
    }

    /// A list of tasks under a key that must be there.
    pub fn inner_block(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        pointer: &str,
        scope: &Scope,
    ) -> Block {
        match map.get(key) {
            Some(value) => self.block(value, &format!("{pointer}/{key}"), scope),
            None => {
                self.problem(pointer, format!("`{key}` is missing: a list of tasks"));
                Block::default()
            }
        }
    }

    fn set(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Kind> {
        match value {
            Value::String(text) => {
                if crate::expression::inner(text).is_none() {
                    self.problem(
                        pointer,
                        "`set` is an object, or an expression between `${` and `}`",
                    );
                    return None;
                }
                Some(Kind::Set(self.template(value, pointer, scope)))
            }
            Value::Object(map) if !map.is_empty() => {
                Some(Kind::Set(self.template(value, pointer, scope)))
            }
            _ => {
                self.problem(
                    pointer,
                    "`set` is an object of one key at least, or an expression between `${` and `}`",
                );
                None
            }
        }
    }

    fn run(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Kind> {
        let map = self.object(value, pointer, "`run`")?;
        self.only(
            map,
            pointer,
            &[
                "workflow",
                "container",
                "script",
                "shell",
                "await",
                "return",
            ],
            "`run`",
        );
        for (key, instead) in [
            (
                "container",
                "call a function, whose sandbox is the component",
            ),
            (
                "script",
                "call a function: its code is a component, or an expression in `set`",
            ),
            (
                "shell",
                "no workflow runs commands of the host; call a function",
            ),
        ] {
            if map.contains_key(key) {
                self.problem(
                    &format!("{pointer}/{key}"),
                    format!("`run: {key}` is not supported: {instead}"),
                );
            }
        }
        if map.contains_key("return") && map.contains_key("workflow") {
            self.problem(
                &format!("{pointer}/return"),
                "`return` is of processes: a workflow answers with its output",
            );
        }
        let wait = self.flag(map, "await", pointer).unwrap_or(true);
        let Some(given) = map.get("workflow") else {
            if !["container", "script", "shell"]
                .iter()
                .any(|key| map.contains_key(*key))
            {
                self.problem(pointer, "`workflow` is missing: which workflow is run");
            }
            return None;
        };
        let at = format!("{pointer}/workflow");
        let given = self.object(given, &at, "`workflow`")?;
        self.only(
            given,
            &at,
            &["namespace", "name", "version", "input"],
            "`workflow`",
        );
        for key in ["namespace", "name"] {
            if let Some(name) = self.needed(given, key, &at)
                && !is_name(name)
            {
                self.problem(
                    &format!("{at}/{key}"),
                    format!("`{}` names no workflow: {NAME_RULE}", shown(name)),
                );
            }
        }
        let version = self
            .text(given, "version", &at)
            .unwrap_or("latest")
            .to_owned();
        if version != "latest" && !is_version(&version) {
            self.problem(
                &format!("{at}/version"),
                "`version` is a version as `1.0.0`, or `latest`",
            );
        }
        let input = self.value(given, "input", &at, scope);
        let text = |key: &str| given.get(key).and_then(Value::as_str).map(str::to_owned);
        let workflow = WorkflowRef {
            namespace: text("namespace")?,
            name: text("name")?,
            version,
        };
        self.references
            .workflows
            .entry(workflow.clone())
            .or_insert_with(|| pointer.to_owned());
        Some(Kind::Run {
            workflow,
            input,
            wait,
        })
    }

    /// `input` or `output` of the workflow itself.
    pub fn of_workflow(&mut self, map: &Map<String, Value>, key: &str, with: &str) -> Transform {
        self.transform(map, key, with, "", &Scope::new())
            .unwrap_or_default()
    }
}

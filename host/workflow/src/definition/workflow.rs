//! A workflow: a definition that was read and found good.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::expression::on_large_stack;
use crate::problem::Problems;

use super::model::{Block, Document, Length, References, Schedule, Task, TaskId, Transform};
use super::read::{Reader, Scope};
use super::{specification, yaml};

/// The largest definition, in bytes of its text.
pub const MAX_DEFINITION: usize = 1 << 20;
/// So many lists of tasks may lie within each other.
pub const MAX_NESTING: usize = 32;
/// So many tasks may a definition have.
pub const MAX_TASKS: usize = 2_000;

/// A definition that was read, with everything in it compiled. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workflow(Arc<Read>);

#[derive(Debug)]
struct Read {
    source: Value,
    digest: String,
    document: Document,
    schedule: Option<Schedule>,
    references: References,
    tasks: Vec<Task>,
    root: Block,
    input: Transform,
    output: Transform,
    timeout: Option<Length>,
}

impl Workflow {
    /// Reads a definition in YAML or JSON.
    ///
    /// ```
    /// # use steward_workflow::Workflow;
    /// let workflow = Workflow::parse("
    /// document: { dsl: 1.0.3, namespace: default, name: greet, version: 1.0.0 }
    /// do:
    ///   - greet: { set: { greeting: '${ \"Hello \\(.name)!\" }' } }
    /// ")?;
    /// assert_eq!(workflow.document().name, "greet");
    ///
    /// let problems = Workflow::parse("
    /// document: { dsl: 1.0.3, namespace: default, name: greet, version: 1.0.0 }
    /// do:
    ///   - first: { run: { shell: { command: rm } }, then: second }
    /// ").unwrap_err();
    /// let pointers: Vec<&str> = problems.0.iter().map(|p| p.pointer.as_str()).collect();
    /// assert_eq!(pointers, ["/do/0/first/then", "/do/0/first/run/shell"]);
    /// # Ok::<(), steward_workflow::Problems>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it or not supported.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let refused = |reason: String| {
            let mut sink = crate::problem::Sink::default();
            sink.add("", reason);
            sink.into_problems()
        };
        if text.len() > MAX_DEFINITION {
            return Err(refused(format!("the definition is larger than {} KiB", MAX_DEFINITION >> 10)));
        }
        on_large_stack(|| Self::read(yaml::parse(text).map_err(refused)?))
    }

    fn read(source: Value) -> Result<Self, Problems> {
        let mut reader = Reader::default();
        let Some(map) = source.as_object() else {
            reader.problem("", "a definition is an object of `document` and `do`");
            return Err(reader.sink.into_problems());
        };
        let known = ["document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"];
        reader.only(map, "", &known, "a definition");
        let document = reader.document(map.get("document"));
        if let Some(evaluate) = map.get("evaluate") {
            for (key, only) in [("language", "jq"), ("mode", "strict")] {
                if evaluate.get(key).is_some_and(|v| v != only) {
                    reader.problem(&format!("/evaluate/{key}"), format!("`{only}` is the one that is supported"));
                }
            }
        }
        if let Some(used) = map.get("use") {
            reader.declared(used);
        }
        let input = reader.of_workflow(map, "input", "from");
        let output = reader.of_workflow(map, "output", "as");
        let timeout = reader.timeout(map, "", &Scope::new());
        let schedule = map.get("schedule").and_then(|s| reader.schedule(s, map.get("document")));
        let root = match map.get("do") {
            Some(tasks) => reader.block(tasks, "/do", &Scope::new()),
            None => {
                reader.problem("", "`do` is missing: the tasks of the workflow");
                Block::default()
            }
        };
        reader.functions();
        reader.loops(&root);
        if reader.sink.is_empty() {
            for (pointer, reason) in specification::breaches(&source) {
                reader.problem(&pointer, reason);
            }
        }
        let read = reader.tasks.into_iter().collect::<Option<Vec<Task>>>();
        let (Some(document), Some(tasks), true) = (document, read, reader.sink.is_empty()) else {
            if reader.sink.is_empty() {
                reader.sink.add("", "it cannot be read");
            }
            return Err(reader.sink.into_problems());
        };
        let mut references = reader.references;
        for kinds in [&mut references.emits, &mut references.listens] {
            kinds.sort();
            kinds.dedup();
        }
        Ok(Self(Arc::new(Read {
            digest: hex::encode(Sha256::digest(source.to_string())),
            source,
            document,
            schedule,
            references,
            tasks,
            root,
            input,
            output,
            timeout,
        })))
    }

    /// What it says of itself.
    pub fn document(&self) -> &Document {
        &self.0.document
    }

    /// What starts it by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.0.schedule.as_ref()
    }

    /// What it needs from outside.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// The definition as JSON: what to keep of it.
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// The SHA-256 of [`Self::source`], 64 hexadecimal digits: the same for the same definition, as YAML or as JSON, as long
    /// as its keys stand in the same order.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    pub(crate) fn task(&self, id: TaskId) -> Option<&Task> {
        self.0.tasks.get(id as usize)
    }

    pub(crate) fn root(&self) -> &Block {
        &self.0.root
    }

    pub(crate) fn input(&self) -> &Transform {
        &self.0.input
    }

    pub(crate) fn output(&self) -> &Transform {
        &self.0.output
    }

    pub(crate) fn timeout(&self) -> Option<&Length> {
        self.0.timeout.as_ref()
    }
}

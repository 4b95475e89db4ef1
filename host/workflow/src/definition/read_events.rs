//! `listen` and `emit` tasks, and the events that start a workflow.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::expression::inner;
use crate::problem::shown;

use super::escaped;
use super::model::{Correlation, Each, EventFilter, Kind, Listening, Match, Read, Strategy, Until};
use super::read::{Reader, Scope};
use super::template::Template;

/// So many filters may one listener have.
const MAX_FILTERS: usize = 50;

impl Reader {
    pub fn listen(
        &mut self,
        value: &Value,
        task: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Listening> {
        let at = format!("{pointer}/listen");
        let map = self.object(value, &at, "`listen`")?;
        self.only(map, &at, &["to", "read"], "`listen`");
        let read = match self
            .word(map, "read", &at, &["data", "envelope", "raw"])
            .as_deref()
        {
            Some("envelope") => Read::Envelope,
            Some("raw") => Read::Raw,
            _ => Read::Data,
        };
        let each = task
            .get("foreach")
            .and_then(|each| self.each(each, &format!("{pointer}/foreach"), scope));
        let Some(to) = map.get("to") else {
            self.problem(&at, "`to` is missing: which events are waited for");
            return None;
        };
        let to = self.strategy(to, &format!("{at}/to"), scope, true)?;
        Some(Listening {
            to: Arc::new(to),
            read,
            each,
        })
    }

    fn each(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Each> {
        let map = self.object(value, pointer, "`foreach`")?;
        self.only(
            map,
            pointer,
            &["item", "at", "do", "output", "export"],
            "`foreach`",
        );
        let item = self.variable(map, "item", pointer, "item");
        let at = self.variable(map, "at", pointer, "index");
        let inner: Scope = scope
            .iter()
            .cloned()
            .chain([item.clone(), at.clone()])
            .collect();
        let block = match map.get("do") {
            Some(tasks) => self.block(tasks, &format!("{pointer}/do"), &inner),
            None => Default::default(),
        };
        Some(Each {
            block,
            output: self
                .transform(map, "output", "as", pointer, &inner)
                .unwrap_or_default(),
            export: self.transform(map, "export", "as", pointer, &inner),
            item,
            at,
        })
    }

    /// Which events: `one`, `all`, or `any` with how long.
    pub fn strategy(
        &mut self,
        value: &Value,
        pointer: &str,
        scope: &Scope,
        until: bool,
    ) -> Option<Strategy> {
        let map = self.object(value, pointer, "a set of events")?;
        self.only(
            map,
            pointer,
            &["one", "all", "any", "until"],
            "a set of events",
        );
        let kinds: Vec<&str> = ["one", "all", "any"]
            .into_iter()
            .filter(|key| map.contains_key(*key))
            .collect();
        let [kind] = kinds.as_slice() else {
            self.problem(pointer, "a set of events is `one`, `all` or `any`");
            return None;
        };
        let at = format!("{pointer}/{kind}");
        let given = map.get(*kind)?;
        if map.contains_key("until") && *kind != "any" {
            self.problem(&format!("{pointer}/until"), "`until` goes with `any`");
        }
        if *kind == "one" {
            return self.event_filter(given, &at, scope).map(Strategy::One);
        }
        let Some(items) = given.as_array() else {
            self.problem(&at, format!("`{kind}` is a list of filters"));
            return None;
        };
        if items.len() > MAX_FILTERS {
            self.problem(&at, format!("there are more than {MAX_FILTERS} filters"));
        }
        let read =
            |(i, item): (usize, &Value)| self.event_filter(item, &format!("{at}/{i}"), scope);
        let filters: Vec<EventFilter> = items
            .iter()
            .take(MAX_FILTERS)
            .enumerate()
            .filter_map(read)
            .collect();
        if *kind == "all" {
            if items.is_empty() {
                self.problem(&at, "`all` has one filter at least");
            }
            return Some(Strategy::All(filters));
        }
        let at = format!("{pointer}/until");
        let until = match map.get("until") {
            None | Some(Value::Bool(false)) => Until::First,
            Some(_) if !until => {
                self.problem(
                    &at,
                    "`until` is of a `listen` task alone, and not of the events that end one",
                );
                Until::First
            }
            Some(Value::String(text)) => Until::True(self.compiled(text, &at, scope)?),
            Some(value) => Until::Events(Box::new(self.strategy(value, &at, scope, false)?)),
        };
        Some(Strategy::Any { filters, until })
    }

    fn event_filter(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<EventFilter> {
        let map = self.object(value, pointer, "a filter")?;
        self.only(map, pointer, &["with", "correlate"], "a filter");
        let at = format!("{pointer}/with");
        let Some(with) = map.get("with") else {
            self.problem(pointer, "`with` is missing: what attributes the event has");
            return None;
        };
        let with = self.object(with, &at, "`with`")?;
        if with.is_empty() {
            self.problem(&at, "`with` is empty: write `any: []` for any event");
        }
        let mut matches = Vec::new();
        for (key, value) in with {
            let at = format!("{at}/{}", escaped(key));
            if !is_attribute(key) {
                self.problem(&at, format!("`{}` is no attribute of an event: 1 to 20 small letters and digits, or `data`", shown(key)));
                continue;
            }
            let found = match value {
                Value::String(text) if inner(text).is_some() => {
                    self.compiled(text, &at, scope).map(Match::True)
                }
                value => Some(Match::Equal(value.clone())),
            };
            if key == "type"
                && let Some(text) = value.as_str()
                && inner(text).is_none()
            {
                self.references.listens.push(text.to_owned());
            }
            matches.extend(found.map(|found| (key.clone(), found)));
        }
        let at = format!("{pointer}/correlate");
        let mut correlate = Vec::new();
        if let Some(given) = map
            .get("correlate")
            .and_then(|c| self.object(c, &at, "`correlate`"))
        {
            for (name, value) in given {
                let at = format!("{at}/{}", escaped(name));
                let Some(map) = self.object(value, &at, "a correlation") else {
                    continue;
                };
                self.only(map, &at, &["from", "expect"], "a correlation");
                self.needed(map, "from", &at);
                let expect = self.text_value(map, "expect", &at, scope);
                if let Some(from) = self.expr(map, "from", &at, scope) {
                    correlate.push((name.clone(), Correlation { from, expect }));
                }
            }
        }
        Some(EventFilter {
            with: matches,
            correlate,
        })
    }

    pub fn emit(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Kind> {
        let map = self.object(value, pointer, "`emit`")?;
        self.only(map, pointer, &["event"], "`emit`");
        let at = format!("{pointer}/event");
        let Some(event) = map.get("event") else {
            self.problem(pointer, "`event` is missing");
            return None;
        };
        let event = self.object(event, &at, "`event`")?;
        self.only(event, &at, &["with"], "`event`");
        let at = format!("{at}/with");
        let Some(with) = event.get("with") else {
            self.problem(
                &at,
                "`with` is missing: the attributes of the event and its data",
            );
            return None;
        };
        let with_map = self.object(with, &at, "`with`")?;
        for key in ["source", "type"] {
            self.needed(with_map, key, &at);
        }
        for key in with_map.keys() {
            if key == "data_base64" || !is_attribute(key) {
                self.problem(&format!("{at}/{}", escaped(key)), format!("`{}` is no attribute of an event: 1 to 20 small letters and digits, or `data`", shown(key)));
            }
        }
        let template = self.template(with, &at, scope);
        if let Template::Object(fields) = &template {
            let kind = fields
                .iter()
                .find(|(k, _)| k == "type")
                .and_then(|(_, v)| v.literal_text());
            self.references.emits.extend(kind.map(str::to_owned));
        } else if let Some(kind) = with_map.get("type").and_then(Value::as_str) {
            self.references.emits.push(kind.to_owned());
        }
        Some(Kind::Emit(template))
    }
}

/// Names of attributes, as CloudEvents has them.
fn is_attribute(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

//! Tasks that say which tasks are done next, and on what: `for`, `fork` and `switch`.

use serde_json::{Map, Value};

use super::escaped;
use super::model::{Case, For, Kind, Then};
use super::read::{Reader, Scope};
use super::read_tasks::Places;

impl Reader {
    pub fn for_task(
        &mut self,
        value: &Value,
        map: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Kind> {
        let at = format!("{pointer}/for");
        let given = self.object(value, &at, "`for`")?;
        self.only(given, &at, &["each", "in", "at"], "`for`");
        self.needed(given, "in", &at);
        let items = self.expr(given, "in", &at, scope);
        let each = self.variable(given, "each", &at, "item");
        let index = self.variable(given, "at", &at, "index");
        let inner: Scope = scope
            .iter()
            .cloned()
            .chain([each.clone(), index.clone()])
            .collect();
        let until_not = self.expr(map, "while", pointer, &inner);
        let block = self.inner_block(map, "do", pointer, &inner);
        Some(Kind::For(For {
            each,
            at: index,
            items: items?,
            until_not,
            block,
        }))
    }

    pub fn fork(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Kind> {
        let map = self.object(value, pointer, "`fork`")?;
        self.only(map, pointer, &["branches", "compete"], "`fork`");
        let compete = self.flag(map, "compete", pointer).unwrap_or(false);
        let branches = self.inner_block(map, "branches", pointer, scope);
        if branches.is_empty() && map.get("branches").is_some_and(Value::is_array) {
            self.problem(
                &format!("{pointer}/branches"),
                "a fork has one branch at least",
            );
        }
        for id in branches.iter() {
            let jump = self.tasks.get(*id as usize).and_then(Option::as_ref).filter(|t| {
                matches!(t.then, Then::Task(_)) || matches!(&t.kind, Kind::Switch(cases) if cases.iter().any(|c| matches!(c.then, Then::Task(_))))
            });
            if let Some(at) = jump.map(|t| t.pointer.clone()) {
                self.problem(
                    &at,
                    "a branch cannot go on to another branch: all of them run at once",
                );
            }
        }
        Some(Kind::Fork { branches, compete })
    }

    pub fn switch(
        &mut self,
        value: &Value,
        pointer: &str,
        scope: &Scope,
        places: &Places,
    ) -> Option<Kind> {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            self.problem(pointer, "`switch` is a list of one case at least");
            return None;
        };
        let mut cases = Vec::new();
        let mut default = false;
        for (place, item) in items.iter().enumerate() {
            let at = format!("{pointer}/{place}");
            let Some((name, case)) = self.single(item, &at, "a case") else {
                continue;
            };
            let at = format!("{at}/{}", escaped(name));
            let Some(map) = self.object(case, &at, "a case") else {
                continue;
            };
            self.only(map, &at, &["when", "then"], "a case");
            self.needed(map, "then", &at);
            if default {
                self.problem(
                    &at,
                    "a case without `when` stands before this one: it is never reached",
                );
            }
            default |= !map.contains_key("when");
            let when = self.expr(map, "when", &at, scope);
            if when.is_some() || !map.contains_key("when") {
                let then = self.then(map, &at, places);
                cases.push(Case { when, then });
            }
        }
        Some(Kind::Switch(cases))
    }
}

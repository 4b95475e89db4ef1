//! Errors: `try` tasks, what they catch, and `raise` tasks.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::problem::shown;

use super::escaped;
use super::model::{Filter, Kind, Try};
use super::read::{Reader, Scope};

impl Reader {
    pub fn try_task(
        &mut self,
        value: &Value,
        map: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Kind> {
        let block = self.block(value, &format!("{pointer}/try"), scope);
        let at = format!("{pointer}/catch");
        let Some(catch) = map.get("catch") else {
            self.problem(
                pointer,
                "`catch` is missing: what is caught, and what is done then",
            );
            return None;
        };
        let catch = self.object(catch, &at, "`catch`")?;
        self.only(
            catch,
            &at,
            &["errors", "as", "when", "exceptWhen", "retry", "do"],
            "`catch`",
        );
        let name = self.variable(catch, "as", &at, "error");
        let inner: Scope = scope.iter().cloned().chain([name.clone()]).collect();
        let filter = catch
            .get("errors")
            .and_then(|errors| self.filter(errors, &format!("{at}/errors"), scope));
        let when = self.expr(catch, "when", &at, &inner);
        let except_when = self.expr(catch, "exceptWhen", &at, &inner);
        let retry = catch.get("retry").and_then(|retry| match retry {
            Value::String(name) => {
                let retry = self.used.retries.get(name).cloned();
                if retry.is_none() {
                    self.problem(
                        &format!("{at}/retry"),
                        format!("`use.retries` has no `{}`", shown(name)),
                    );
                }
                retry
            }
            retry => self
                .retry(retry, &format!("{at}/retry"), &inner)
                .map(Arc::new),
        });
        let block_of_catch = catch
            .get("do")
            .map(|tasks| self.block(tasks, &format!("{at}/do"), &inner));
        Some(Kind::Try(Box::new(Try {
            block,
            filter,
            name,
            when,
            except_when,
            retry,
            block_of_catch,
        })))
    }

    fn filter(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Filter> {
        let map = self.object(value, pointer, "`errors`")?;
        self.only(map, pointer, &["with"], "`errors`");
        let pointer = format!("{pointer}/with");
        let map = self.object(map.get("with")?, &pointer, "`with`")?;
        // The specification's text says `detail`, its schema `details`.
        self.only(
            map,
            &pointer,
            &["type", "status", "instance", "title", "detail", "details"],
            "`with`",
        );
        if map.is_empty() {
            self.problem(&pointer, "`with` is empty: leave `errors` out to catch all");
        }
        let status = map.get("status").and_then(Value::as_i64);
        if map.contains_key("status") && status.is_none() {
            self.problem(&format!("{pointer}/status"), "`status` is a whole number");
        }
        let detail = if map.contains_key("detail") {
            "detail"
        } else {
            "details"
        };
        Some(Filter {
            kind: self.text_value(map, "type", &pointer, scope),
            status,
            instance: self.text_value(map, "instance", &pointer, scope),
            title: self.text_value(map, "title", &pointer, scope),
            detail: self.text_value(map, detail, &pointer, scope),
        })
    }

    pub fn raise(&mut self, value: &Value, pointer: &str, scope: &Scope) -> Option<Kind> {
        let map = self.object(value, pointer, "`raise`")?;
        self.only(map, pointer, &["error"], "`raise`");
        let at = format!("{pointer}/error");
        match map.get("error") {
            None => {
                self.problem(pointer, "`error` is missing");
                None
            }
            Some(Value::String(name)) => match self.used.errors.get(name).cloned() {
                // Read once more for each place: what it may read there differs.
                Some(error) => self
                    .error(&error, &format!("/use/errors/{}", escaped(name)), scope)
                    .map(Kind::Raise),
                None => {
                    self.problem(&at, format!("`use.errors` has no `{}`", shown(name)));
                    None
                }
            },
            Some(error) => self.error(error, &at, scope).map(Kind::Raise),
        }
    }
}

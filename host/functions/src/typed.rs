//! Calls of typed worlds, with JSON.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use steward_capabilities::policy::demanded_export;
use steward_capabilities::{GuestState, InvocationId};
use steward_engine::Guarded;
use steward_registry::World;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Type, Val};
use wasmtime::{Error, Store};

use crate::call::{failed, kind, until_deadline};
use crate::ready::{Ready, Runner};
use crate::{Function, FunctionsError, json};

/// The functions of the typed export of a component.
pub(crate) struct Exports(Vec<Export>);

struct Export {
    name: String,
    index: ComponentExportIndex,
    params: Vec<(String, Type)>,
}

/// The export that a call without a name means.
fn default_export(world: World) -> &'static str {
    match world {
        World::Cleaner => "clean",
        World::Anonymizer => "anonymize",
        World::Labeller => "propose",
        World::Function => "handle",
    }
}

impl Exports {
    /// Looks up the functions of the world's interface, the default one first.
    pub(crate) fn of(component: &Component, world: World) -> Result<Self, FunctionsError> {
        let wanted = demanded_export(world).trim_matches('`');
        let interface = wanted
            .split_once('@')
            .map_or(wanted, |(interface, _)| interface);
        let engine = component.engine();
        let ty = component.component_type();
        let found = ty.exports(engine).find_map(|(name, item)| {
            let named = name
                .split_once('@')
                .map_or(name, |(interface, _)| interface);
            match item.ty {
                ComponentItem::ComponentInstance(instance) if named == interface => {
                    Some((name, instance))
                }
                _ => None,
            }
        });
        let missing = || FunctionsError::Unusable(format!("it exports no interface `{interface}`"));
        let (name, instance) = found.ok_or_else(missing)?;
        let (_, at) = component.get_export(None, name).ok_or_else(missing)?;
        let mut exports = Vec::new();
        for (name, item) in instance.exports(engine) {
            let ComponentItem::ComponentFunc(func) = item.ty else {
                continue;
            };
            let (_, index) = component.get_export(Some(&at), name).ok_or_else(missing)?;
            let params = func
                .params()
                .map(|(name, ty)| (name.to_owned(), ty))
                .collect();
            exports.push(Export {
                name: name.to_owned(),
                index,
                params,
            });
        }
        exports.sort_by_key(|export| (export.name != default_export(world), export.name.clone()));
        match exports.first() {
            Some(first) if first.name == default_export(world) => Ok(Self(exports)),
            _ => Err(FunctionsError::Unusable(format!(
                "`{wanted}` has no function `{}`",
                default_export(world)
            ))),
        }
    }

    fn find(&self, name: Option<&str>) -> Result<&Export, FunctionsError> {
        let found = match name {
            None => self.0.first(),
            Some(name) => self.0.iter().find(|export| export.name == name),
        };
        found.ok_or_else(|| FunctionsError::UnknownExport {
            export: name.unwrap_or_default().chars().take(60).collect(),
            exports: self
                .0
                .iter()
                .map(|export| export.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

impl Function {
    /// Calls an export of one version.
    pub(crate) async fn ask_version(
        &self,
        ready: &Arc<Ready>,
        export: Option<&str>,
        input: Value,
    ) -> Result<Value, FunctionsError> {
        let Runner::Typed { exports, .. } = &ready.runner else {
            return Err(FunctionsError::WrongFace(
                "this function speaks wasi:http: it takes requests, not typed calls",
            ));
        };
        // Wrong input costs no instance and is no failure of the function.
        let export = exports.find(export)?;
        let arguments = json::arguments(&export.params, input)?;
        let _turn = self.turn().await?;
        ready.call(export, &arguments).await
    }
}

impl Ready {
    async fn call(
        self: &Arc<Self>,
        export: &Export,
        arguments: &[Val],
    ) -> Result<Value, FunctionsError> {
        let start = Instant::now();
        let invocation = InvocationId::new();
        let mut store = self.store(invocation);
        let answer = until_deadline(&mut store, async |store| {
            self.run(store, export, arguments).await
        })
        .await;
        let answer = answer.map_err(|error| {
            failed(
                &error,
                kind(&error, Some(store.data_mut().guardian())),
                &self.book,
                invocation,
            )
        });
        self.counters.record(start.elapsed(), answer.is_err());
        answer.and_then(unwrap_result)
    }

    async fn run(
        &self,
        store: &mut Store<GuestState>,
        export: &Export,
        arguments: &[Val],
    ) -> Result<Val, Error> {
        let Runner::Typed { pre, .. } = &self.runner else {
            return Err(Error::msg("not a typed component"));
        };
        let instance = pre.instantiate_async(&mut *store).await?;
        let function = instance
            .get_func(&mut *store, export.index)
            .ok_or_else(|| Error::msg("an export of the component's type is not there"))?;
        let mut results = [Val::Bool(false)];
        function.call_async(store, arguments, &mut results).await?;
        let [answer] = results;
        Ok(answer)
    }
}

/// The `ok` side as JSON, the `err` side as an error.
fn unwrap_result(answer: Val) -> Result<Value, FunctionsError> {
    let no_json = || FunctionsError::Unusable("its answer has no JSON form".into());
    match answer {
        Val::Result(Ok(Some(value))) => json::from_val(*value).ok_or_else(no_json),
        Val::Result(Ok(None)) => Ok(Value::Null),
        Val::Result(Err(error)) => Err(match error.map(|e| *e) {
            Some(Val::Variant(case, payload)) => {
                let message = match payload.map(|p| *p) {
                    Some(Val::String(text)) => text,
                    _ => case.clone(),
                };
                FunctionsError::Guest { case, message }
            }
            _ => FunctionsError::Guest {
                case: "other".into(),
                message: "the function answered with an error".into(),
            },
        }),
        other => json::from_val(other).ok_or_else(no_json),
    }
}

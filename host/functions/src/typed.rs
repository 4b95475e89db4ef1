//! Calls of typed worlds, with JSON.

use std::sync::Arc;

use serde_json::Value;
use steward_capabilities::GuestState;
use steward_capabilities::policy::demanded_export;
use steward_engine::Guarded;
use steward_registry::World;
use wasmtime::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Type, Val};

use crate::call::{failed, kind, until_deadline};
use crate::pool::Pool;
use crate::ready::Ready;
use crate::running::Running;
use crate::step::StepContract;
use crate::{FunctionsError, json, step};

/// The functions of the typed export of a component.
pub(crate) struct Exports(Vec<Arc<Export>>);

pub(crate) struct Export {
    name: String,
    index: ComponentExportIndex,
    pub(crate) params: Vec<(String, Type)>,
}

impl Export {
    /// Whether this runs a step.
    pub(crate) fn runs_a_step(&self) -> bool {
        self.name == step::RUN_EXPORT
    }
}

/// The export that a call without a name means.
fn default_export(world: World) -> &'static str {
    match world {
        World::Cleaner => "clean",
        World::Anonymizer => "anonymize",
        World::Labeller => "propose",
        World::Team => "evaluate",
        World::Feedback => "analyse",
        World::Function => "handle",
        World::Step => step::RUN_EXPORT,
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
            exports.push(Arc::new(Export {
                name: name.to_owned(),
                index,
                params,
            }));
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

    pub(crate) fn find(&self, name: Option<&str>) -> Result<&Arc<Export>, FunctionsError> {
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

/// How calls reach the guest.
pub(crate) struct Typed {
    pub(crate) pre: InstancePre<GuestState>,
    pub(crate) exports: Exports,
    pub(crate) pool: Pool<Instance>,
    /// What a step takes and gives; none for the other worlds.
    pub(crate) step: Option<Arc<StepContract>>,
}

impl Ready {
    pub(crate) async fn call(
        &self,
        typed: &Typed,
        export: &Export,
        arguments: &[Val],
        running: &Running,
    ) -> Result<Value, FunctionsError> {
        let mut instance = typed.pool.instance(running, || self.store(running.id()));
        let (store, exports) = instance.parts();
        let answer = until_deadline(store, Some(running), async |store| {
            if exports.is_none() {
                *exports = Some(typed.pre.instantiate_async(&mut *store).await?);
            }
            let function = exports.and_then(|exports| exports.get_func(&mut *store, export.index));
            let function = function
                .ok_or_else(|| Error::msg("an export of the component's type is not there"))?;
            let mut results = [Val::Bool(false)];
            function.call_async(store, arguments, &mut results).await?;
            let [answer] = results;
            Ok(answer)
        })
        .await;
        match answer {
            Ok(answer) => {
                typed.pool.give_back(instance);
                unwrap_result(answer)
            }
            Err(error) => {
                let kind = kind(&error, Some(instance.store().data_mut().guardian()));
                Err(failed(&error, kind, &self.book, running.id()))
            }
        }
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
                if let Some(retry) = step::retry(&case, payload.as_deref()) {
                    return Err(retry);
                }
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

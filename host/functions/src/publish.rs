//! From bytes to a published version.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use steward_capabilities::policy::{self, Face};
use steward_capabilities::{Authorized, Capabilities, InvocationId, LogBook};
use steward_engine::inspect;
use steward_registry::{
    Digest, Manifest, Permissions, PluginVersion, StepDescription, Supplied, TenantId, World,
};
use steward_supply::Sections;

use crate::call::until_deadline;
use crate::ready::{Host, call_limits, unusable};
use crate::step::{StepContract, describe_limits};
use crate::{FunctionsError, contract};

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The kind that its manifest says and that it fits; without a manifest the one that it fits.
    pub world: Option<World>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Version of `wasi:http` that it speaks, for functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasi_http: Option<&'static str>,
    /// Size in bytes.
    pub size: usize,
    /// What its toolchain wrote into it.
    pub sections: Sections,
}

/// Reads a component's type and, with a manifest, holds it against the policy of its world.
///
/// # Errors
/// [`FunctionsError::NotAComponent`], [`FunctionsError::Misfit`].
pub(crate) fn inspection(
    bytes: &[u8],
    manifest: Option<&Manifest>,
) -> Result<Inspection, FunctionsError> {
    let shape = inspect(bytes).map_err(FunctionsError::NotAComponent)?;
    let world = match manifest {
        Some(manifest) => Some(manifest.plugin.world),
        None => policy::worlds_of(&shape).first().copied(),
    };
    let face = world
        .map(|world| policy::check(world, &shape))
        .transpose()?;
    Ok(Inspection {
        world,
        wasi_http: match face {
            Some(Face::Http02) => Some("0.2"),
            Some(Face::Http03) => Some("0.3"),
            _ => None,
        },
        imports: shape.imports,
        exports: shape.exports,
        size: bytes.len(),
        sections: Sections::read(bytes),
    })
}

impl Host {
    /// Checks everything that can be checked before a version exists: type, policy, compilation,
    /// linking, and one instantiation under the limits of a call. A step is asked what it is.
    pub(crate) async fn examine(
        self: &Arc<Self>,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
    ) -> Result<Option<StepDescription>, FunctionsError> {
        let world = manifest.plugin.world;
        let (component, face) = self.compile(world, component).await?;
        let (pre, _) = self.prepare(world, face, &component)?;
        // Nothing is granted for the trial: an instance that needs a model to start is not ready
        // to be one of many.
        let ungranted = Manifest {
            requests: Default::default(),
            ..manifest.clone()
        };
        let authorized: Arc<Authorized> = Arc::new(Capabilities::authorize(
            &manifest.plugin.name,
            &ungranted,
            &Permissions::default(),
            &Default::default(),
        )?);
        let limits = call_limits(&manifest.limits, &Default::default());
        let limits = match world {
            World::Step => describe_limits(limits),
            _ => limits,
        };
        let mut described = None;
        let state = self.state(
            tenant,
            &authorized,
            &Arc::new(LogBook::default()),
            InvocationId::new(),
            limits,
            self.shares(tenant, 0),
        );
        let trial = self.turns.function(tenant.as_str(), "");
        let _turn = trial.take_patiently().await;
        let mut store = self.engine.store(Self::lane(face), state);
        until_deadline(&mut store, None, async |store| {
            // The bindings compare each function's type with the contract.
            macro_rules! starts {
                ($bindings:expr) => {
                    $bindings(pre)?.instantiate_async(store).await.map(drop)
                };
            }
            match (face, world) {
                (Face::Typed, World::Step) => {
                    let pre = contract::step::StepPre::new(pre)?;
                    let guest = pre.instantiate_async(&mut *store).await?;
                    let step = guest.steward_workflow_step();
                    let said = step.call_describe(&mut *store).await?;
                    described = Some(StepDescription {
                        name: said.name,
                        summary: said.summary,
                        input_schema: said.input_schema,
                        output_schema: said.output_schema,
                    });
                    Ok(())
                }
                (Face::Typed, World::Cleaner) => starts!(contract::cleaner::CleanerPre::new),
                (Face::Typed, World::Labeller) => starts!(contract::labeller::LabellerPre::new),
                (Face::Typed, World::Team) => starts!(contract::team::TeamPre::new),
                (Face::Typed, World::Feedback) => starts!(contract::feedback::FeedbackPre::new),
                (Face::Typed, _) => starts!(contract::anonymizer::AnonymizerPre::new),
                (Face::Http02, _) => starts!(wasmtime_wasi_http::p2::bindings::ProxyPre::new),
                (Face::Http03, _) => starts!(wasmtime_wasi_http::p3::bindings::ServicePre::new),
            }
        })
        .await
        .map_err(unusable)?;
        // A schema that cannot be held to is found now, and not in somebody's workflow.
        if let Some(said) = &described {
            StepContract::read(said.clone())?;
        }
        Ok(described)
    }

    /// Examines and stores a version.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        tenant: &TenantId,
        manifest: &Manifest,
        component: Bytes,
        by: &str,
        mut supplied: Supplied,
    ) -> Result<PluginVersion, FunctionsError> {
        let bytes = component.clone();
        let (digest, sections) =
            tokio::task::spawn_blocking(move || (Digest::of(&bytes), Sections::read(&bytes)))
                .await
                .map_err(|e| FunctionsError::Unusable(format!("reading it failed: {e}")))?;
        // Before a stranger's component takes the compiler's time.
        self.registry
            .admits(tenant, manifest, &digest, &supplied)
            .await?;
        supplied.step = self.examine(tenant, manifest, component.clone()).await?;
        supplied.sections = sections;
        Ok(self
            .registry
            .publish_with(tenant, manifest, component, by, supplied)
            .await?)
    }
}

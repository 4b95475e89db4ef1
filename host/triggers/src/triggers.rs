//! [`Triggers`]: the whole of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use steward_registry::events::{
    DeadLetter, DeliveryKey, Finished, Trigger, TriggerFigures, TriggerOn, TriggerSpec,
};
use steward_registry::{Name, Registry, RegistryError, TenantId};
use tokio::sync::Notify;

use crate::deliver::Deliver;
use crate::paths::{Routes, Table};
use crate::secrets::Secrets;
use crate::{Events, TriggersError, rules};

/// What can be set from outside.
#[derive(Debug, Clone)]
pub struct TriggersConfig {
    /// How long events and dead letters are kept; none means for ever.
    pub retention: Option<Duration>,
}

impl Default for TriggersConfig {
    fn default() -> Self {
        Self {
            retention: Some(Duration::from_secs(30 * 24 * 3600)),
        }
    }
}

/// Events, and what they make run. Cheap to clone.
#[derive(Clone)]
pub struct Triggers(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) events: Events,
    pub(crate) config: TriggersConfig,
    pub(crate) deliver: Arc<dyn Deliver>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// Names this process in leases.
    pub(crate) host: String,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    refreshing: tokio::sync::Mutex<()>,
    /// Something was delivered, or not, and is to be written down.
    pub(crate) ended: Notify,
    pub(crate) finished: Mutex<Vec<Finished>>,
    /// Held while rows of deliveries that this host has are written: two writers could wait for each other's.
    pub(crate) writing: tokio::sync::Mutex<()>,
    /// Deliveries that run, and those of which what became is not written yet: they are renewed.
    pub(crate) held: Mutex<BTreeSet<DeliveryKey>>,
    pub(crate) running: AtomicUsize,
    /// How many of them are of a tenant.
    pub(crate) tenants: Mutex<HashMap<TenantId, usize>>,
    pub(crate) counted: Counted,
    pub(crate) figures: ArcSwap<Vec<TriggerFigures>>,
}

/// What every host knows of triggers, at one revision of the registry.
pub(crate) struct Snapshot {
    revision: i64,
    pub(crate) triggers: Vec<Trigger>,
    table: Table,
}

/// What this host did since it started.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dead: AtomicU64,
}

/// Totals of this host since it started, and what waits in all, for metrics.
#[derive(Debug, Clone)]
pub struct TriggersStats {
    /// Events that were appended here.
    pub appended: u64,
    /// Deliveries that arrived.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Deliveries that run here now.
    pub running: u64,
    /// What waits for each trigger, as of a few seconds ago.
    pub figures: Arc<Vec<TriggerFigures>>,
}

impl Triggers {
    /// Reads what there is. Nothing is delivered until [`Triggers::run`].
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn start(
        events: Events,
        deliver: Arc<dyn Deliver>,
        secrets: Arc<dyn Secrets>,
        config: TriggersConfig,
    ) -> Result<Self, RegistryError> {
        let triggers = Self(Arc::new(Inner {
            events,
            config,
            deliver,
            secrets,
            host: ulid::Ulid::generate().to_string(),
            snapshot: ArcSwap::from_pointee(Snapshot {
                revision: -1,
                triggers: Vec::new(),
                table: Table::default(),
            }),
            refreshing: tokio::sync::Mutex::default(),
            ended: Notify::new(),
            finished: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            held: Mutex::default(),
            running: AtomicUsize::new(0),
            tenants: Mutex::default(),
            counted: Counted::default(),
            figures: ArcSwap::default(),
        }));
        triggers.refresh().await?;
        Ok(triggers)
    }

    /// Takes over what was changed in the registry since the last look.
    ///
    /// # Errors
    /// [`RegistryError`]; what is known stays.
    pub async fn refresh(&self) -> Result<(), RegistryError> {
        let _one_at_a_time = self.0.refreshing.lock().await;
        let revision = self.registry().revision().await?;
        if revision == self.0.snapshot.load().revision {
            return Ok(());
        }
        let triggers = self.registry().all_triggers().await?;
        let table = Table::of(&triggers);
        self.0.snapshot.store(Arc::new(Snapshot {
            revision,
            triggers,
            table,
        }));
        Ok(())
    }

    /// The log of events.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.0.events.registry()
    }

    /// Writes a trigger, a new one or in place of the one of this name.
    ///
    /// # Errors
    /// [`TriggersError`]
    pub async fn put(
        &self,
        tenant: &TenantId,
        name: &Name,
        spec: &TriggerSpec,
        by: &str,
    ) -> Result<Trigger, TriggersError> {
        let next_at = rules::check(spec, Timestamp::now())?;
        if let TriggerOn::Webhook(webhook) = &spec.on {
            let found = self.0.secrets.get(tenant, &webhook.secret).await;
            let missing = match found {
                Ok(Some(secret)) if !secret.is_empty() => None,
                Ok(_) => Some(format!(
                    "there is no secret `{0}`; set it with `steward secret set {0}`",
                    webhook.secret
                )),
                Err(error) => Some(error.to_string()),
            };
            if let Some(missing) = missing {
                return Err(TriggersError::Invalid(missing));
            }
        }
        let fits = self.0.deliver.check(tenant, spec).await;
        fits.map_err(TriggersError::Invalid)?;
        let trigger = self
            .registry()
            .put_trigger(tenant, name, spec, next_at, by)
            .await?;
        self.refresh().await?;
        self.0.events.wake();
        Ok(trigger)
    }

    /// Removes a trigger with what waits for it.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn delete(&self, tenant: &TenantId, name: &Name) -> Result<(), RegistryError> {
        self.registry().delete_trigger(tenant, name).await?;
        self.refresh().await
    }

    /// Dead letters of a trigger.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        name: &Name,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, RegistryError> {
        self.registry()
            .dead_letters(tenant, name, after, limit)
            .await
    }

    /// Brings dead letters back; all of them where none is named. How many.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub async fn redrive(
        &self,
        tenant: &TenantId,
        name: &Name,
        seqs: Option<&[u64]>,
    ) -> Result<u64, RegistryError> {
        let revived = self.registry().redrive(tenant, name, seqs).await?;
        self.0.events.wake();
        Ok(revived)
    }

    /// The routes of a function, from memory; none where it has none and answers to everything.
    pub fn routes(&self, tenant: &str, function: &str) -> Option<Arc<Routes>> {
        self.0.snapshot.load().table.get(tenant, function).cloned()
    }

    /// Totals for metrics.
    pub fn stats(&self) -> TriggersStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TriggersStats {
            appended: self.0.events.appended(),
            delivered: count(&self.0.counted.delivered),
            failed: count(&self.0.counted.failed),
            dead: count(&self.0.counted.dead),
            running: self.0.running.load(Ordering::Relaxed) as u64,
            figures: self.0.figures.load_full(),
        }
    }
}

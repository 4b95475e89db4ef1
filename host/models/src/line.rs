//! What answers the calls of one model that name no version.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use steward_registry::{ModelDeployment, ModelShare, ModelTarget, Name, TenantId};

use crate::judge::Judge;
use crate::target::Target;

/// The deployments of one model in the course of time. Whoever opened the model by its bare name holds
/// this, and each call looks at what is current.
pub(crate) struct Line {
    pub(crate) tenant: TenantId,
    pub(crate) name: Name,
    current: ArcSwapOption<Deployed>,
    /// A newer revision, whose stable version is not in memory yet.
    next: Mutex<Option<Arc<Deployed>>>,
    /// What was rolled back here and is not written yet.
    pub(crate) undone: Mutex<Option<Undone>>,
    /// How often this host rolled back by itself.
    pub(crate) rollbacks: AtomicU64,
}

/// One revision, as this host serves it.
pub(crate) struct Deployed {
    pub(crate) record: ModelDeployment,
    pub(crate) stable: Arc<Target>,
    pub(crate) candidate: Option<Trial>,
    pub(crate) shadow: Option<Trial>,
}

/// Weights on trial.
#[derive(Clone)]
pub(crate) struct Trial {
    pub(crate) percent: u8,
    pub(crate) target: Arc<Target>,
    pub(crate) judge: Arc<Judge>,
}

/// A roll back that this host decided.
#[derive(Clone, PartialEq)]
pub(crate) struct Undone {
    /// The deployment that was judged.
    pub(crate) record: ModelDeployment,
    /// Which of its trials are over.
    pub(crate) targets: Vec<ModelTarget>,
    pub(crate) reason: String,
}

impl Line {
    pub(crate) fn new(tenant: TenantId, name: Name) -> Self {
        Self {
            tenant,
            name,
            current: ArcSwapOption::empty(),
            next: Mutex::default(),
            undone: Mutex::default(),
            rollbacks: AtomicU64::new(0),
        }
    }

    /// What answers now. None where the model never was deployed.
    pub(crate) fn current(&self) -> Option<Arc<Deployed>> {
        self.current.load_full()
    }

    /// What will answer once its stable version is in memory.
    pub(crate) fn next(&self) -> Option<Arc<Deployed>> {
        self.next.lock().clone()
    }

    /// The newest revision that this host knows, 0 for none.
    pub(crate) fn revision(&self) -> u32 {
        let next = self.next.lock();
        let known = next.as_ref().map(|next| next.record.revision);
        let current = || self.current.load().as_ref().map(|c| c.record.revision);
        known.or_else(current).unwrap_or(0)
    }

    /// Takes over a newer revision: at once where its stable version is in memory, or where nothing is
    /// served yet; else what is current goes on answering until [`Line::switch`]. Says whether it waits.
    pub(crate) fn install(&self, deployed: Arc<Deployed>) -> bool {
        let waits = deployed.stable.model().is_none() && self.current.load().is_some();
        let mut next = self.next.lock();
        if waits {
            *next = Some(deployed);
        } else {
            *next = None;
            self.current.store(Some(deployed));
        }
        waits
    }

    /// Serves a revision that waited, unless a newer one came meanwhile.
    pub(crate) fn switch(&self, deployed: &Arc<Deployed>) {
        let mut next = self.next.lock();
        if next
            .as_ref()
            .is_some_and(|next| Arc::ptr_eq(next, deployed))
        {
            *next = None;
            self.current.store(Some(Arc::clone(deployed)));
        }
    }

    /// Takes a trial out of what this host serves. Says whether it was this call that did.
    pub(crate) fn end_trial(&self, deployed: &Arc<Deployed>, target: &ModelTarget) -> bool {
        let without = |trial: &Option<Trial>| trial.clone().filter(|t| t.target.target != *target);
        let left = Arc::new(Deployed {
            record: deployed.record.clone(),
            stable: Arc::clone(&deployed.stable),
            candidate: without(&deployed.candidate),
            shadow: without(&deployed.shadow),
        });
        let before = self.current.compare_and_swap(deployed, Some(left));
        before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(before, deployed))
    }

    /// Remembers that a trial of a revision is over, until that is written.
    pub(crate) fn undo(&self, record: &ModelDeployment, target: &ModelTarget, reason: String) {
        let mut undone = self.undone.lock();
        match &mut *undone {
            Some(known) if known.record.revision == record.revision => {
                known.targets.push(target.clone());
                known.reason = format!("{}; {reason}", known.reason);
            }
            other => {
                *other = Some(Undone {
                    record: record.clone(),
                    targets: vec![target.clone()],
                    reason,
                });
            }
        }
    }
}

impl Deployed {
    /// Every weights of it.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        let trials = self.trials().map(|trial| &trial.target);
        std::iter::once(&self.stable).chain(trials)
    }

    /// What answers a share of the calls.
    pub(crate) fn candidate(&self) -> Option<&Arc<Target>> {
        self.candidate.as_ref().map(|trial| &trial.target)
    }

    /// Candidate and shadow.
    pub(crate) fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.candidate.iter().chain(&self.shadow)
    }

    /// The weights that a target names, where they are part of it.
    pub(crate) fn target(&self, target: &ModelTarget) -> Option<&Arc<Target>> {
        self.targets().find(|known| known.target == *target)
    }

    /// The candidate, where it is its turn: `place` is where a call stands between 0 and 1.
    pub(crate) fn candidate_at(&self, place: f64) -> Option<&Trial> {
        let candidate = self.candidate.as_ref()?;
        (place < f64::from(candidate.percent) / 100.0).then_some(candidate)
    }
}

/// The next specification after a trial is over.
pub(crate) fn without(share: &Option<ModelShare>, target: &ModelTarget) -> Option<ModelShare> {
    share.clone().filter(|share| share.target() != *target)
}

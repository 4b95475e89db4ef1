//! Connections that wait for a next request, each tenant's apart from the others'.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connect::Sender;
use crate::{Destination, EgressConfig};

/// How long the end of a connection takes at most, as a rule.
const CLOSING: Duration = Duration::from_millis(100);

/// The connections of all tenants.
pub(crate) struct Pool {
    tenants: Mutex<HashMap<Arc<str>, Arc<Tenant>>>,
    /// One permit for each connection that may be open, whoever's it is.
    connections: Arc<Semaphore>,
    /// Told whenever a connection is kept, whoever's it is.
    kept: Arc<Notify>,
}

/// The right to keep a connection open: its tenant's and the host's.
pub(crate) struct Permit {
    _of_tenant: OwnedSemaphorePermit,
    _of_host: OwnedSemaphorePermit,
}

/// The connections of one tenant.
pub(crate) struct Tenant {
    /// One permit for each connection that may be open.
    connections: Arc<Semaphore>,
    /// Told whenever a connection is kept.
    kept: Notify,
    /// The same of all tenants.
    kept_by_anybody: Arc<Notify>,
    idle: Mutex<HashMap<Destination, Vec<Idle>>>,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(config: &EgressConfig) -> Self {
        Self {
            tenants: Mutex::default(),
            connections: Arc::new(Semaphore::new(config.connections)),
            kept: Arc::default(),
        }
    }

    /// The right to open one more connection. Where there is none left, the connection that has waited the longest is
    /// closed for it: the tenant's own, or anybody's where the host has no more.
    pub(crate) async fn permit(&self, tenant: &Tenant) -> Option<Permit> {
        let of_tenant = take(&tenant.connections, &tenant.kept, || {
            let oldest = tenant.oldest();
            oldest.is_some_and(|(_, destination)| tenant.close(&destination))
        });
        let of_tenant = of_tenant.await?;
        let of_host = take(&self.connections, &self.kept, || {
            let tenants: Vec<_> = self.tenants.lock().values().cloned().collect();
            let oldest = tenants
                .iter()
                .filter_map(|tenant| tenant.oldest().map(|(since, at)| (since, at, tenant)))
                .min_by_key(|(since, ..)| *since);
            oldest.is_some_and(|(_, destination, tenant)| tenant.close(&destination))
        });
        Some(Permit {
            _of_tenant: of_tenant,
            _of_host: of_host.await?,
        })
    }

    /// How many more connections may be opened now.
    pub(crate) fn free(&self) -> usize {
        self.connections.available_permits()
    }

    pub(crate) fn tenant(&self, name: &str, config: &EgressConfig) -> Arc<Tenant> {
        let mut tenants = self.tenants.lock();
        if let Some(tenant) = tenants.get(name) {
            return tenant.clone();
        }
        let tenant = Arc::new(Tenant {
            connections: Arc::new(Semaphore::new(config.connections_per_tenant)),
            kept: Notify::new(),
            kept_by_anybody: self.kept.clone(),
            idle: Mutex::default(),
        });
        tenants.insert(name.into(), tenant.clone());
        tenant
    }

    /// Closes what has waited for too long.
    pub(crate) fn sweep(&self, config: &EgressConfig) {
        let tenants: Vec<_> = self.tenants.lock().values().cloned().collect();
        for tenant in tenants {
            tenant.idle.lock().retain(|_, waiting| {
                waiting.retain(|idle| fresh(idle, config));
                !waiting.is_empty()
            });
        }
    }
}

fn fresh(idle: &Idle, config: &EgressConfig) -> bool {
    idle.since.elapsed() < config.idle_timeout && !idle.sender.is_closed()
}

impl Tenant {
    /// A connection to this destination that can take a request now.
    pub(crate) fn take(&self, destination: &Destination, config: &EgressConfig) -> Option<Sender> {
        let mut idle = self.idle.lock();
        let waiting = idle.get_mut(destination)?;
        waiting.retain(|idle| fresh(idle, config));
        // The last one in is the most likely to be open still.
        let taken = waiting.pop();
        if let Some(Idle { sender, .. }) = &taken
            && let Sender::Http2(shared) = sender
        {
            // Many requests share it.
            let sender = Sender::Http2(shared.clone());
            waiting.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
        if waiting.is_empty() {
            idle.remove(destination);
        }
        taken.map(|idle| idle.sender)
    }

    /// Keeps a connection for a next request; the oldest make room. Who waits for the right to open one may close it.
    pub(crate) fn put(&self, destination: Destination, sender: Sender, config: &EgressConfig) {
        {
            let mut idle = self.idle.lock();
            let waiting = idle.entry(destination).or_default();
            waiting.push(Idle {
                sender,
                since: Instant::now(),
            });
            let surplus = waiting.len().saturating_sub(config.idle_per_destination);
            waiting.drain(..surplus);
        }
        self.kept.notify_one();
        self.kept_by_anybody.notify_one();
    }

    /// How many can take a request now.
    pub(crate) fn waiting(&self) -> usize {
        let idle = self.idle.lock();
        let open = |waiting: &Vec<Idle>| {
            waiting
                .iter()
                .filter(|idle| !idle.sender.is_closed())
                .count()
        };
        idle.values().map(open).sum()
    }

    /// Where the connection is that has waited the longest, and since when.
    fn oldest(&self) -> Option<(Instant, Destination)> {
        let idle = self.idle.lock();
        idle.iter()
            .filter_map(|(destination, waiting)| {
                Some((waiting.first()?.since, destination.clone()))
            })
            .min_by_key(|(since, _)| *since)
    }

    /// Closes the connection to this destination that has waited the longest; whether there was one.
    fn close(&self, destination: &Destination) -> bool {
        let mut idle = self.idle.lock();
        let Some(waiting) = idle.get_mut(destination) else {
            return false;
        };
        let closed = !waiting.is_empty();
        waiting.drain(..usize::from(closed));
        if waiting.is_empty() {
            idle.remove(destination);
        }
        closed
    }
}

/// A permit at once, or after room was made: now, or once a connection is kept. `make_room` says whether it closed one.
async fn take(
    permits: &Arc<Semaphore>,
    kept: &Notify,
    make_room: impl Fn() -> bool,
) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = permits.clone().try_acquire_owned() {
        return Some(permit);
    }
    // One place in the queue, however often room is made.
    let mut permit = pin!(permits.clone().acquire_owned());
    loop {
        let mut next = pin!(kept.notified());
        // Listening begins before room is made, so that no connection is kept in between unheard. One that was kept when
        // nobody listened is found without being told of.
        while next.as_mut().enable() {
            next.set(kept.notified());
        }
        if make_room() {
            // One for each who waits; only where it went to somebody who came before is another one closed.
            match timeout(CLOSING, &mut permit).await {
                Ok(permit) => return permit.ok(),
                Err(_) => continue,
            }
        }
        tokio::select! {
            biased;
            permit = &mut permit => return permit.ok(),
            () = next => {}
        }
    }
}

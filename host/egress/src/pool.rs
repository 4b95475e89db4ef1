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

/// What a request gets that found no connection.
pub(crate) enum Room {
    /// A connection to its destination that became free while it waited.
    Kept(Sender),
    /// The right to open one.
    New(Permit),
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
    /// closed for it: the tenant's own, or anybody's where the host has no more. Who has to wait takes one to its own
    /// destination as soon as there is one.
    pub(crate) async fn room(
        &self,
        tenant: &Tenant,
        destination: &Destination,
        config: &EgressConfig,
    ) -> Option<Room> {
        let find = || tenant.take(destination, config);
        let of_tenant = take(&tenant.connections, &tenant.kept, find, |busy_too| {
            close_oldest(std::iter::once(tenant), tenant, destination, busy_too)
        });
        let of_tenant = match of_tenant.await? {
            Taken::Kept(sender) => return Some(Room::Kept(sender)),
            Taken::Permit(permit) => permit,
        };
        let of_host = take(&self.connections, &self.kept, find, |busy_too| {
            let tenants: Vec<_> = self.tenants.lock().values().cloned().collect();
            let tenants = tenants.iter().map(|of| &**of);
            close_oldest(tenants, tenant, destination, busy_too)
        });
        Some(match of_host.await? {
            Taken::Kept(sender) => Room::Kept(sender),
            Taken::Permit(of_host) => Room::New(Permit {
                _of_tenant: of_tenant,
                _of_host: of_host,
            }),
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
        if let Some(sender) = taken.as_ref().and_then(|idle| idle.sender.shared()) {
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
        let for_many = matches!(sender, Sender::Http2(..));
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
        for kept in [&self.kept, self.kept_by_anybody.as_ref()] {
            match for_many {
                true => kept.notify_waiters(),
                false => kept.notify_one(),
            }
        }
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

    /// The connection that goes first where room is needed, of those that are still open: what is closed makes none. Not
    /// one to the destination `but`.
    fn oldest(&self, but: Option<&Destination>) -> Option<Oldest> {
        let mut idle = self.idle.lock();
        idle.retain(|_, waiting| {
            waiting.retain(|idle| !idle.sender.is_closed());
            !waiting.is_empty()
        });
        let others = idle
            .iter()
            .filter(|(destination, _)| Some(*destination) != but);
        let all = others
            .flat_map(|(destination, waiting)| waiting.iter().map(move |idle| (destination, idle)));
        let first = all.min_by_key(|(_, idle)| (idle.sender.is_busy(), idle.since));
        first.map(|(destination, idle)| Oldest {
            busy: idle.sender.is_busy(),
            since: idle.since,
            destination: destination.clone(),
        })
    }

    /// Closes this connection; whether it was still there.
    fn close(&self, oldest: &Oldest) -> bool {
        let mut idle = self.idle.lock();
        let Some(waiting) = idle.get_mut(&oldest.destination) else {
            return false;
        };
        let at = waiting.iter().position(|idle| idle.since == oldest.since);
        let closed = at.map(|at| waiting.remove(at));
        if waiting.is_empty() {
            idle.remove(&oldest.destination);
        }
        closed.is_some()
    }
}

/// A connection that waits for a next request.
struct Oldest {
    /// Requests run on it, so that it makes room only once they have ended.
    busy: bool,
    since: Instant,
    destination: Destination,
}

/// Closes the connection of these tenants that has waited the longest, one without running requests if there is any, and
/// one with them where `busy_too`; whether it had some, and none where there was none. Not one that `tenant` has to `destination`: it looked for that, and if one is kept now, it is
/// told so.
fn close_oldest<'a>(
    tenants: impl Iterator<Item = &'a Tenant> + Clone,
    tenant: &Tenant,
    destination: &Destination,
    busy_too: bool,
) -> Option<bool> {
    loop {
        let all = tenants.clone().filter_map(|of| {
            let but = std::ptr::eq(of, tenant).then_some(destination);
            let oldest = of.oldest(but).filter(|oldest| busy_too || !oldest.busy)?;
            Some((oldest, of))
        });
        let (oldest, of) = all.min_by_key(|(oldest, _)| (oldest.busy, oldest.since))?;
        // A request may have taken it since it was looked at: then there may be another.
        if of.close(&oldest) {
            return Some(oldest.busy);
        }
    }
}

/// What waiting for a permit came to.
enum Taken {
    Kept(Sender),
    Permit(OwnedSemaphorePermit),
}

/// A permit at once, or after room was made: now, or once a connection is kept. A connection that `find` knows is taken
/// instead. `make_room` closes one, one with running requests only where it is told so, and says whether it had some.
async fn take(
    permits: &Arc<Semaphore>,
    kept: &Notify,
    find: impl Fn() -> Option<Sender>,
    make_room: impl Fn(bool) -> Option<bool>,
) -> Option<Taken> {
    if let Ok(permit) = permits.clone().try_acquire_owned() {
        return Some(Taken::Permit(permit));
    }
    // One place in the queue, however often room is made.
    let mut permit = pin!(permits.clone().acquire_owned());
    // Of those with running requests one at most: it makes no room until they end, and others could have shared it.
    let mut closed_busy = false;
    loop {
        let mut next = pin!(kept.notified());
        // Listening begins before room is made, so that no connection is kept in between unheard. One that was kept when
        // nobody listened is found without being told of.
        while next.as_mut().enable() {
            next.set(kept.notified());
        }
        if let Some(sender) = find() {
            return Some(Taken::Kept(sender));
        }
        let closed = make_room(!closed_busy);
        closed_busy |= closed == Some(true);
        // Nobody is told when a shared connection has no request any more: who closed a busy one looks again.
        if closed.is_some() || closed_busy {
            // One for each who waits; only where it went to somebody who came before is another one closed.
            match timeout(CLOSING, &mut permit).await {
                Ok(permit) => return permit.ok().map(Taken::Permit),
                Err(_) => continue,
            }
        }
        tokio::select! {
            biased;
            permit = &mut permit => return permit.ok().map(Taken::Permit),
            () = next => {}
        }
    }
}

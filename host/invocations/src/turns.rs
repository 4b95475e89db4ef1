//! Who may run: one fair queue for the whole host.
//!
//! A call needs a turn of its function, of its tenant and of the host. Where one of them has none
//! left it waits. A turn that comes free goes to the next tenant in a circle, and within the tenant
//! to the next function in a circle, among those that wait and are below their own limits. So a
//! single call of a quiet tenant waits for as many turns as there are tenants that wait, however
//! many calls a noisy one has in the queue.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// The earliest and the latest that somebody who is turned away is asked to come back.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Calls of a function that run at the same time before anything else is set.
const CONCURRENCY: u32 = 200;
/// Calls of a function that wait before anything else is set.
const QUEUE: u32 = 1000;

/// The turns of a host. Cheap to clone.
#[derive(Clone)]
pub struct Turns(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Told when the last call has ended.
    idle: Notify,
    tenant_limit: Box<dyn Fn(&str) -> u32 + Send + Sync>,
}

struct State {
    limit: u32,
    running: u32,
    tenants: HashMap<Arc<str>, Tenant>,
    functions: HashMap<u64, FunctionState>,
    next: u64,
    /// Tenants that have a function to run and are below their limit.
    circle: VecDeque<Arc<str>>,
}

struct Tenant {
    limit: u32,
    running: u32,
    functions: HashMap<Arc<str>, (u64, Weak<Handle>)>,
    /// Functions that have somebody waiting and are below their limit.
    circle: VecDeque<u64>,
    in_circle: bool,
}

struct FunctionState {
    tenant: Arc<str>,
    name: Arc<str>,
    limit: u32,
    max_waiting: u32,
    running: u32,
    waiting: VecDeque<oneshot::Sender<Turn>>,
    in_circle: bool,
    /// When the queue last gave a turn away, or began.
    moved: Instant,
    /// Mean time between two turns given away while somebody waits.
    pace: Option<Duration>,
}

/// The turns of one function. Those of the same tenant and name share one limit and one queue,
/// whatever revision asks.
#[derive(Clone)]
pub struct FunctionTurns(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    id: u64,
}

/// The right to run, given back when dropped.
pub struct Turn(Arc<Handle>);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.0.id).finish()
    }
}

/// Too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// How long it takes, at its present pace, until those that wait have had their turn.
    pub retry_after: Duration,
}

impl Turns {
    /// A host that runs `limit` calls at the same time, and of each tenant as many as
    /// `tenant_limit` says.
    pub fn new(limit: u32, tenant_limit: impl Fn(&str) -> u32 + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                limit: limit.max(1),
                running: 0,
                tenants: HashMap::new(),
                functions: HashMap::new(),
                next: 0,
                circle: VecDeque::new(),
            }),
            idle: Notify::new(),
            tenant_limit: Box::new(tenant_limit),
        }))
    }

    /// The turns of a function; those that exist already, with their limits, where there are some.
    pub fn function(&self, tenant: &str, name: &str) -> FunctionTurns {
        let mut state = self.0.state.lock();
        let known = state
            .tenants
            .get(tenant)
            .and_then(|tenant| tenant.functions.get(name)?.1.upgrade());
        if let Some(known) = known {
            return FunctionTurns(known);
        }
        let id = state.next;
        state.next += 1;
        let handle = Arc::new(Handle {
            shared: self.0.clone(),
            id,
        });
        let (tenant, name): (Arc<str>, Arc<str>) = (tenant.into(), name.into());
        let limit = (self.0.tenant_limit)(&tenant).max(1);
        let of_tenant = state.tenants.entry(tenant.clone()).or_insert(Tenant {
            limit,
            running: 0,
            functions: HashMap::new(),
            circle: VecDeque::new(),
            in_circle: false,
        });
        of_tenant
            .functions
            .insert(name.clone(), (id, Arc::downgrade(&handle)));
        let function = FunctionState {
            tenant,
            name,
            limit: CONCURRENCY,
            max_waiting: QUEUE,
            running: 0,
            waiting: VecDeque::new(),
            in_circle: false,
            moved: clock(),
            pace: None,
        };
        state.functions.insert(id, function);
        FunctionTurns(handle)
    }

    /// Calls that run now, over all tenants.
    pub fn running(&self) -> u32 {
        self.0.state.lock().running
    }

    /// Calls that wait now, over all tenants.
    pub fn waiting(&self) -> usize {
        let state = self.0.state.lock();
        state.functions.values().map(|f| f.waiting.len()).sum()
    }

    /// Waits until no call runs.
    pub async fn idle(&self) {
        loop {
            let notified = self.0.idle.notified();
            tokio::pin!(notified);
            // Listening begins before the look, so that nothing ends in between unheard.
            notified.as_mut().enable();
            if self.running() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl FunctionTurns {
    /// Sets how many calls run at the same time and how many wait.
    pub fn set_limits(&self, concurrency: u32, max_waiting: u32) {
        let mut state = self.0.shared.state.lock();
        if let Some(function) = state.functions.get_mut(&self.0.id) {
            function.limit = concurrency.max(1);
            function.max_waiting = max_waiting;
        }
        state.enlist(self.0.id);
        let given = state.hand_out();
        drop(state);
        send(given);
    }

    /// Takes a turn, after waiting for it where it must.
    ///
    /// # Errors
    /// [`Busy`] where as many wait as may.
    pub async fn take(&self) -> Result<Turn, Busy> {
        match self.try_take(true)? {
            Taken::Now(turn) => Ok(turn),
            Taken::Later(waiting) => Ok(self.arrived(waiting).await),
        }
    }

    /// Takes a turn, however many wait: for work that bounds itself, as jobs do.
    pub async fn take_patiently(&self) -> Turn {
        match self.try_take(false) {
            Ok(Taken::Now(turn)) => turn,
            Ok(Taken::Later(waiting)) => self.arrived(waiting).await,
            // Only a bounded queue turns anybody away.
            Err(_) => std::future::pending().await,
        }
    }

    async fn arrived(&self, waiting: oneshot::Receiver<Turn>) -> Turn {
        match waiting.await {
            Ok(turn) => turn,
            // The queue lives as long as this handle, and gives a turn to each before it goes.
            Err(_) => std::future::pending().await,
        }
    }

    fn try_take(&self, bounded: bool) -> Result<Taken, Busy> {
        let mut state = self.0.shared.state.lock();
        if state.start(self.0.id) {
            return Ok(Taken::Now(Turn(self.0.clone())));
        }
        let Some(function) = state.functions.get_mut(&self.0.id) else {
            // The state of a handle goes with the handle.
            return Err(Busy {
                retry_after: RETRY[0],
            });
        };
        let now = clock();
        if function.waiting.len() >= function.max_waiting as usize {
            // Those who went away do not count.
            function.waiting.retain(|waiting| !waiting.is_closed());
        }
        if bounded && function.waiting.len() >= function.max_waiting as usize {
            return Err(Busy {
                retry_after: function.retry_after(now),
            });
        }
        if function.waiting.is_empty() {
            function.moved = now;
        }
        let (sender, receiver) = oneshot::channel();
        function.waiting.push_back(sender);
        state.enlist(self.0.id);
        Ok(Taken::Later(receiver))
    }
}

enum Taken {
    Now(Turn),
    Later(oneshot::Receiver<Turn>),
}

impl FunctionState {
    /// How long those that wait will take: their number, times what one has taken lately. Where the
    /// queue has stood still for longer than that, it is what it has stood still for.
    fn retry_after(&self, now: Instant) -> Duration {
        let still = now.saturating_duration_since(self.moved);
        let pace = self.pace.map_or(still, |pace| pace.max(still));
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        pace.saturating_mul(waiting.max(1))
            .clamp(RETRY[0], RETRY[1])
    }

    fn gave_away(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.moved);
        // An average over the last five or so.
        self.pace = Some(match self.pace {
            Some(pace) => (pace * 4 + took) / 5,
            None => took,
        });
        self.moved = now;
    }
}

impl State {
    /// Starts a call at once, where every limit allows it. What waits is always waiting for a limit,
    /// so that nobody is overtaken by this.
    fn start(&mut self, id: u64) -> bool {
        if self.running >= self.limit {
            return false;
        }
        let Some(function) = self.functions.get_mut(&id) else {
            return false;
        };
        let Some(tenant) = self.tenants.get_mut(&function.tenant) else {
            return false;
        };
        if tenant.running >= tenant.limit || function.running >= function.limit {
            return false;
        }
        self.running += 1;
        tenant.running += 1;
        function.running += 1;
        true
    }

    /// Puts a function, and its tenant, into the circles that they belong into now.
    fn enlist(&mut self, id: u64) {
        let Some(function) = self.functions.get_mut(&id) else {
            return;
        };
        let Some(tenant) = self.tenants.get_mut(&function.tenant) else {
            return;
        };
        if !function.in_circle && !function.waiting.is_empty() && function.running < function.limit
        {
            function.in_circle = true;
            tenant.circle.push_back(id);
        }
        if !tenant.in_circle && !tenant.circle.is_empty() && tenant.running < tenant.limit {
            tenant.in_circle = true;
            self.circle.push_back(function.tenant.clone());
        }
    }

    /// The next one to run, counted as running already.
    fn next(&mut self) -> Option<(u64, oneshot::Sender<Turn>)> {
        if self.running >= self.limit {
            return None;
        }
        while let Some(name) = self.circle.pop_front() {
            let Some(tenant) = self.tenants.get_mut(&name) else {
                continue;
            };
            tenant.in_circle = false;
            if tenant.running >= tenant.limit {
                // Back again with its next free turn.
                continue;
            }
            while let Some(id) = tenant.circle.pop_front() {
                let Some(function) = self.functions.get_mut(&id) else {
                    continue;
                };
                function.in_circle = false;
                if function.running >= function.limit {
                    continue;
                }
                let waiting = loop {
                    match function.waiting.pop_front() {
                        Some(gone) if gone.is_closed() => {}
                        other => break other,
                    }
                };
                let Some(waiting) = waiting else { continue };
                function.gave_away(clock());
                function.running += 1;
                tenant.running += 1;
                self.running += 1;
                self.enlist(id);
                // Other functions of the tenant may still wait where this one does not.
                self.enlist_tenant(&name);
                return Some((id, waiting));
            }
        }
        None
    }

    fn enlist_tenant(&mut self, name: &Arc<str>) {
        if let Some(tenant) = self.tenants.get_mut(name)
            && !tenant.in_circle
            && !tenant.circle.is_empty()
            && tenant.running < tenant.limit
        {
            tenant.in_circle = true;
            self.circle.push_back(name.clone());
        }
    }

    /// Counts a call that has ended.
    fn end(&mut self, id: u64) {
        self.running = self.running.saturating_sub(1);
        if let Some(function) = self.functions.get_mut(&id) {
            function.running = function.running.saturating_sub(1);
            if let Some(tenant) = self.tenants.get_mut(&function.tenant) {
                tenant.running = tenant.running.saturating_sub(1);
            }
        }
        self.enlist(id);
    }
}

impl State {
    /// Gives turns to those that wait, as far as the limits go. They are sent without the lock, since
    /// whoever has gone away in this moment gives the turn back by dropping it.
    fn hand_out(&mut self) -> Vec<(oneshot::Sender<Turn>, Turn)> {
        let mut given = Vec::new();
        while let Some((id, waiting)) = self.next() {
            let handle = self.functions.get(&id).and_then(|function| {
                let tenant = self.tenants.get(&function.tenant)?;
                tenant.functions.get(&function.name)?.1.upgrade()
            });
            match handle {
                Some(handle) => given.push((waiting, Turn(handle))),
                None => self.end(id),
            }
        }
        given
    }
}

fn send(given: Vec<(oneshot::Sender<Turn>, Turn)>) {
    for (waiting, turn) in given {
        let _ = waiting.send(turn);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let shared = &self.0.shared;
        let mut state = shared.state.lock();
        state.end(self.0.id);
        // Under the same lock: nobody who comes now is ahead of those that wait.
        let given = state.hand_out();
        let all_ended = state.running == 0;
        drop(state);
        send(given);
        if all_ended {
            shared.idle.notify_waiters();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Every turn and everybody who waits holds a handle: there are none left.
        let mut state = self.shared.state.lock();
        let Some(function) = state.functions.remove(&self.id) else {
            return;
        };
        if let Some(tenant) = state.tenants.get_mut(&function.tenant) {
            if tenant
                .functions
                .get(&function.name)
                .is_some_and(|(id, _)| *id == self.id)
            {
                tenant.functions.remove(&function.name);
            }
            tenant.circle.retain(|id| *id != self.id);
            if tenant.functions.is_empty() && tenant.running == 0 {
                state.tenants.remove(&function.tenant);
            }
        }
    }
}

#[cfg(not(test))]
fn clock() -> Instant {
    Instant::now()
}

/// In tests time passes when they say so.
#[cfg(test)]
use tests::clock;

#[cfg(test)]
mod tests;

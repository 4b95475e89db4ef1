//! Credentials that were refused: counted all of them, and those of a known key written into the audit log of its tenant.
//!
//! Whoever is nobody is refused before anything is asked of the registry, and must not be able to fill the log. So the
//! requests with one key that end in one way are one entry a minute, which says how many they were.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use steward_registry::{AuditDraft, Principal, Registry, RegistryError, TenantId};

/// Between two entries of one key and outcome.
const PAUSE: Duration = Duration::from_secs(60);
/// How many keys and outcomes are remembered; further ones are counted, and not written until others are old.
const MAX_REMEMBERED: usize = 4096;
/// Entries of one round, so that a flood over many keys does not keep the database from others.
const MAX_WRITTEN: usize = 64;

/// What was refused since the start of the host.
#[derive(Default)]
pub(crate) struct Refused(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By the code of the problem.
    counts: BTreeMap<&'static str, u64>,
    keys: HashMap<(String, &'static str), OfKey>,
}

/// Requests with one key that were refused in one way.
struct OfKey {
    tenant: TenantId,
    /// Not written yet.
    requests: u64,
    /// When an entry was written last.
    written: Option<Instant>,
}

impl Refused {
    /// Counts a request, and keeps it for the audit log where its key is known.
    pub fn count(&self, code: &'static str, of: Option<&Principal>) {
        let mut inner = self.0.lock();
        *inner.counts.entry(code).or_default() += 1;
        let Some(principal) = of else { return };
        let key = (principal.id.clone(), code);
        if inner.keys.len() >= MAX_REMEMBERED && !inner.keys.contains_key(&key) {
            return;
        }
        let of_key = inner.keys.entry(key).or_insert_with(|| OfKey {
            tenant: principal.tenant.clone(),
            requests: 0,
            written: None,
        });
        of_key.requests = of_key.requests.saturating_add(1);
    }

    /// How many there were, by the code of their problem.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().counts.clone()
    }

    /// Writes what is due into the audit logs. What cannot be written is tried again.
    pub async fn write(&self, registry: &Registry) -> Result<(), RegistryError> {
        let now = Instant::now();
        for (key, tenant, requests) in self.due(now) {
            let (id, code) = &key;
            let draft = AuditDraft {
                tenants: vec![tenant],
                principal: id.clone(),
                action: "authenticate".to_owned(),
                target: match requests {
                    1 => "1 request".to_owned(),
                    many => format!("{many} requests"),
                },
            };
            registry.record_audit(&draft, code).await?;
            if let Some(of_key) = self.0.lock().keys.get_mut(&key) {
                of_key.requests = of_key.requests.saturating_sub(requests);
                of_key.written = Some(now);
            }
        }
        Ok(())
    }

    /// What has no entry yet and may have one. Who has been quiet for long enough is forgotten.
    fn due(&self, now: Instant) -> Vec<((String, &'static str), TenantId, u64)> {
        let may = |of_key: &OfKey| {
            let written = of_key.written;
            written.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE)
        };
        let mut inner = self.0.lock();
        inner
            .keys
            .retain(|_, of_key| of_key.requests > 0 || !may(of_key));
        let due = inner.keys.iter().filter(|(_, of_key)| may(of_key));
        due.take(MAX_WRITTEN)
            .map(|(key, of_key)| (key.clone(), of_key.tenant.clone(), of_key.requests))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steward_registry::Role;

    use super::*;

    fn principal(id: &str) -> Principal {
        Principal {
            id: id.to_owned(),
            tenant: "acme".parse().unwrap(),
            name: "ci".to_owned(),
            role: Role::Viewer,
            scopes: Default::default(),
            rate: None,
            secret_hash: [0; 32],
            previous_hash: None,
            previous_until: None,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn written(refused: &Refused, now: Instant) -> Vec<u64> {
        let due = refused.due(now);
        for (key, _, requests) in &due {
            let mut inner = refused.0.lock();
            let of_key = inner.keys.get_mut(key).unwrap();
            of_key.requests -= requests;
            of_key.written = Some(now);
        }
        due.into_iter().map(|(_, _, requests)| requests).collect()
    }

    #[test]
    fn a_flood_with_one_key_is_one_entry_a_minute() {
        let (refused, now) = (Refused::default(), Instant::now());
        let one = principal("one");
        refused.count("revoked-key", Some(&one));
        assert_eq!(written(&refused, now), [1]);
        for _ in 0..1000 {
            refused.count("revoked-key", Some(&one));
        }
        assert!(written(&refused, now + PAUSE / 2).is_empty());
        // In another way is another matter.
        refused.count("invalid-key", Some(&one));
        assert_eq!(written(&refused, now + PAUSE / 2), [1]);
        assert_eq!(written(&refused, now + PAUSE), [1000]);
        assert!(written(&refused, now + 3 * PAUSE).is_empty());
        assert!(refused.0.lock().keys.is_empty());
        // Nobody's key is counted alone.
        refused.count("missing-key", None);
        assert!(written(&refused, now + 4 * PAUSE).is_empty());
        let counts = refused.counts();
        assert_eq!(
            (
                counts["revoked-key"],
                counts["invalid-key"],
                counts["missing-key"]
            ),
            (1001, 1, 1)
        );
    }

    #[test]
    fn many_keys_fill_neither_the_memory_nor_a_round() {
        let (refused, now) = (Refused::default(), Instant::now());
        for i in 0..2 * MAX_REMEMBERED {
            refused.count("invalid-key", Some(&principal(&format!("k{i}"))));
        }
        assert_eq!(refused.0.lock().keys.len(), MAX_REMEMBERED);
        assert_eq!(written(&refused, now).len(), MAX_WRITTEN);
        assert_eq!(refused.counts()["invalid-key"], 2 * MAX_REMEMBERED as u64);
    }
}

//! Host calls a second of each function, over all of its versions and revisions: who deploys again gains nothing.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use steward_invocations::Rate;
use steward_registry::{Name, TenantId};

/// The rates of all functions that have one, for as long as one of their versions is there.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<(TenantId, Name, u64), Weak<Rate>>>);

impl Rates {
    /// That of a function with this limit; 0 is none. Versions with another limit have another rate.
    pub(crate) fn of(&self, tenant: &TenantId, function: &Name, per_second: u64) -> Arc<Rate> {
        if per_second == 0 {
            return Arc::new(Rate::new(0));
        }
        let mut rates = self.0.lock();
        let key = (tenant.clone(), function.clone(), per_second);
        if let Some(known) = rates.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        rates.retain(|_, rate| rate.strong_count() > 0);
        let rate = Arc::new(Rate::new(per_second));
        rates.insert(key, Arc::downgrade(&rate));
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_and_revisions_of_a_function_have_one_rate() {
        let rates = Rates::default();
        let of = |tenant: &str, function: &str, per_second| {
            rates.of(
                &tenant.parse().unwrap(),
                &function.parse().unwrap(),
                per_second,
            )
        };
        let first = of("acme", "clean", 10);
        assert!(first.take(10));
        // As another revision has it: what was used in this second is used.
        let second = of("acme", "clean", 10);
        assert!(Arc::ptr_eq(&first, &second));
        for (tenant, function, per_second) in [
            ("acme", "clean", 20),
            ("acme", "other", 10),
            ("blue", "clean", 10),
        ] {
            assert!(of(tenant, function, per_second).take(10));
        }
        assert_eq!(of("acme", "clean", 0).per_second(), 0);
        // Those that nobody has any more are forgotten.
        drop((first, second));
        let again = of("acme", "clean", 10);
        assert_eq!((rates.0.lock().len(), again.per_second()), (1, 10));
    }
}

//! What was made and is used again: kept within a bound, for as long as somebody asks for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The most that is kept.
const MOST: usize = 256;
/// How long something is kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(600);

/// Things by their keys. What was not asked for the longest goes first.
pub(crate) struct Kept<K, V>(Mutex<HashMap<K, One<V>>>);

struct One<V> {
    it: V,
    asked_for: Instant,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Kept<K, V> {
    /// The thing with this key, asked for at `now`.
    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let mut kept = self.0.lock();
        let one = kept.get_mut(key)?;
        one.asked_for = now;
        Some(one.it.clone())
    }

    /// Keeps a thing; where there is no room, the one goes that was not asked for the longest.
    pub(crate) fn put(&self, key: K, it: V, now: Instant) {
        let mut kept = self.0.lock();
        let out = if kept.len() >= MOST && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, one)| one.asked_for);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| kept.remove(&key))
        } else {
            None
        };
        let one = One { it, asked_for: now };
        let before = kept.insert(key, one);
        // What goes may take its time to be dropped: not while others wait.
        drop(kept);
        drop((out, before));
    }

    /// Lets go of what nobody asked for in ten minutes, and of what is `stale`; what stays.
    pub(crate) fn sweep(&self, now: Instant, stale: impl Fn(&K) -> bool) -> Vec<V> {
        let mut kept = self.0.lock();
        let gone: Vec<_> = kept
            .extract_if(|key, one| now.duration_since(one.asked_for) >= IDLE || stale(key))
            .collect();
        let stays = kept.values().map(|one| one.it.clone()).collect();
        drop(kept);
        drop(gone);
        stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_asked_for_stays_and_what_is_not_goes() {
        let (kept, begin) = (Kept::default(), Instant::now());
        kept.put("used", 1, begin);
        kept.put("idle", 2, begin);
        assert_eq!(kept.get(&"used", at(begin, 400)), Some(1));
        let mut stays = kept.sweep(at(begin, 599), |_| false);
        stays.sort_unstable();
        assert_eq!(stays, [1, 2]);
        assert_eq!(kept.sweep(at(begin, 600), |_| false), [1]);
        assert_eq!(kept.get(&"idle", at(begin, 600)), None);
        // It was asked for 400 seconds after the beginning.
        assert_eq!(kept.sweep(at(begin, 999), |_| false), [1]);
        assert!(kept.sweep(at(begin, 1000), |_| false).is_empty());
    }

    #[test]
    fn what_is_stale_goes_at_once() {
        let (kept, begin) = (Kept::default(), Instant::now());
        kept.put(("function", 1), 'a', begin);
        kept.put(("function", 2), 'b', begin);
        assert_eq!(kept.sweep(begin, |(_, revision)| *revision < 2), ['b']);
        assert_eq!(kept.get(&("function", 1), begin), None);
    }

    #[test]
    fn over_the_bound_the_one_goes_that_was_not_asked_for_the_longest() {
        let (kept, begin) = (Kept::default(), Instant::now());
        for n in 0..MOST {
            kept.put(n, n, at(begin, n as u64));
        }
        // In its own place again: nothing has to go for it.
        kept.put(1, 100, at(begin, 300));
        assert_eq!(kept.get(&0, at(begin, 300)), Some(0));
        kept.put(MOST, MOST, at(begin, 301));
        assert_eq!(kept.get(&2, at(begin, 301)), None);
        assert_eq!(kept.get(&0, at(begin, 301)), Some(0));
        assert_eq!(kept.get(&1, at(begin, 301)), Some(100));
        assert_eq!(kept.sweep(at(begin, 301), |_| false).len(), MOST);
    }

    #[test]
    fn a_clock_that_stands_behind_lets_nothing_go() {
        let (kept, begin) = (Kept::default(), Instant::now());
        kept.put("later", 1, at(begin, 700));
        assert_eq!(kept.sweep(begin, |_| false), [1]);
    }
}

//! The logs of all functions.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use steward_capabilities::LogBook;
use steward_registry::{Name, TenantId};

/// The logs of all functions. Those of a tenant keep no more than it may: each has an even part of that, so that a
/// function that floods takes nothing from the others.
#[derive(Default)]
pub(crate) struct Books(Mutex<HashMap<TenantId, HashMap<Name, Arc<LogBook>>>>);

impl Books {
    /// The log of a function; where there is none, it is made. `together` is what those of its tenant may keep, in bytes; 0
    /// is no limit.
    pub(crate) fn of(
        &self,
        tenant: &TenantId,
        function: &Name,
        together: usize,
        make: impl FnOnce() -> LogBook,
    ) -> Arc<LogBook> {
        let mut books = self.0.lock();
        let of_tenant = books.entry(tenant.clone()).or_default();
        if let Some(book) = of_tenant.get(function) {
            return book.clone();
        }
        let book = Arc::new(make());
        of_tenant.insert(function.clone(), book.clone());
        share_out(of_tenant, together);
        book
    }

    /// Lets go of those that nobody writes to and that are of no function.
    pub(crate) fn sweep(
        &self,
        is_deployed: impl Fn(&TenantId, &Name) -> bool,
        together: impl Fn(&TenantId) -> usize,
    ) {
        let mut books = self.0.lock();
        books.retain(|tenant, of_tenant| {
            let before = of_tenant.len();
            // What is deployed, and what is about to be, holds its log: only here another clone could be made.
            of_tenant.retain(|function, book| {
                Arc::strong_count(book) > 1 || is_deployed(tenant, function)
            });
            if of_tenant.len() < before {
                share_out(of_tenant, together(tenant));
            }
            !of_tenant.is_empty()
        });
    }
}

fn share_out(books: &HashMap<Name, Arc<LogBook>>, together: usize) {
    if together > 0 {
        let each = together / books.len().max(1);
        books.values().for_each(|book| book.set_kept_bytes(each));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steward_capabilities::InvocationId;

    use super::*;

    /// What the messages of a log come to, in bytes.
    fn kept(book: &LogBook) -> usize {
        let lines = book.tail(usize::MAX);
        lines.iter().map(|line| line.message.len()).sum()
    }

    fn fill(book: &LogBook) {
        for _ in 0..100 {
            let message = "x".repeat(1000);
            book.write("info", InvocationId::new(), message, BTreeMap::new());
        }
    }

    #[test]
    fn the_logs_of_a_tenant_keep_no_more_than_it_may() {
        let books = Books::default();
        let name = |name: &str| name.parse::<Name>().unwrap();
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let (acme, other) = (tenant("acme"), tenant("other"));
        let limits = |tenant: &TenantId| if *tenant == acme { 40_000 } else { 0 };
        let book = |tenant: &TenantId, function: &str| {
            books.of(tenant, &name(function), limits(tenant), LogBook::default)
        };
        let (first, beside) = (book(&acme, "a"), book(&other, "a"));
        fill(&first);
        fill(&beside);
        assert!((30_000..=40_000).contains(&kept(&first)));
        // One more that logs: both have half, and what the first has above it goes at once.
        let second = book(&acme, "b");
        assert!(Arc::ptr_eq(&second, &book(&acme, "b")));
        assert!((10_000..=20_000).contains(&kept(&first)));
        fill(&second);
        assert!((10_000..=20_000).contains(&kept(&second)));
        assert_eq!(kept(&beside), 100_000, "another tenant keeps what it has");
        // Gone with its function, unless somebody still writes to it; then the rest is the other's again.
        books.sweep(|_, function| *function == name("a"), limits);
        assert!(kept(&second) > 0 && Arc::ptr_eq(&second, &book(&acme, "b")));
        drop(second);
        books.sweep(|_, function| *function == name("a"), limits);
        fill(&first);
        assert!((30_000..=40_000).contains(&kept(&first)));
        assert_eq!(kept(&book(&acme, "b")), 0);
    }
}

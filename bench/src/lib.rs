//! steward-bench

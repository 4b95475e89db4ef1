//! steward-data

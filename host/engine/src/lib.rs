//! steward-engine

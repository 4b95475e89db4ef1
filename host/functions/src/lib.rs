//! steward-functions

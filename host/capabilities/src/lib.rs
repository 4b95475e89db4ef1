//! steward-capabilities

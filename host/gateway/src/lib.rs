//! steward-gateway

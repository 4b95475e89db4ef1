//! steward-sdk

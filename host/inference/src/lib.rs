//! steward-inference

//! anonymizer

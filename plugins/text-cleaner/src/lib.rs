//! text-cleaner

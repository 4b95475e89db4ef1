//! The form of the configuration key `recognizers`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::Check;

/// The configuration key `recognizers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Json {
    #[serde(default)]
    pub patterns: Vec<JsonPattern>,
    #[serde(default)]
    pub deny: Vec<JsonDeny>,
    #[serde(default)]
    pub allow: Vec<String>,
    #[serde(default)]
    pub allow_patterns: Vec<String>,
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonPattern {
    pub entity: String,
    pub regex: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default = "half")]
    pub score: f32,
    #[serde(default)]
    pub context: Vec<String>,
    #[serde(default)]
    pub check: Option<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonDeny {
    pub entity: String,
    pub words: Vec<String>,
    #[serde(default = "one")]
    pub score: f32,
    #[serde(default)]
    pub case_sensitive: bool,
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

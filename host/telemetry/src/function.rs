//! What functions log.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::wire::Line;

/// A line of the log of a function. Its text and its fields are the plugin's own words.
#[derive(Debug, Clone, Copy)]
pub struct FunctionLine<'a> {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'a str,
    /// Whose function.
    pub tenant: &'a str,
    /// Its name.
    pub function: &'a str,
    /// The call that logged it.
    pub invocation: &'a str,
    /// The text, as bounded as the log of a function is.
    pub message: &'a str,
    /// What machines search for.
    pub fields: &'a BTreeMap<String, String>,
}

impl FunctionLine<'_> {
    pub(crate) fn to_line(self) -> Line {
        let (severity, number) = match self.level {
            "trace" => ("TRACE", 1),
            "debug" => ("DEBUG", 5),
            "warn" => ("WARN", 13),
            "error" => ("ERROR", 17),
            _ => ("INFO", 9),
        };
        let of_host = [
            ("steward.tenant", self.tenant),
            ("faas.name", self.function),
            ("faas.invocation_id", self.invocation),
        ];
        let of_host = of_host.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // What the plugin calls its fields must not take the place of what the host says.
        let own = self
            .fields
            .iter()
            .filter(|(name, _)| !name.starts_with("steward.") && !name.starts_with("faas."))
            .map(|(name, value)| (name.clone(), value.clone()));
        Line {
            time: Timestamp::now(),
            severity,
            number,
            target: String::new(),
            message: self.message.to_owned(),
            attributes: of_host.into_iter().chain(own).collect(),
            context: crate::current(),
        }
    }
}

//! What toolchains write into a component of themselves: the custom sections of the
//! [tool conventions](https://github.com/WebAssembly/tool-conventions) and of `wasm-tools metadata`.
//!
//! They are claims of whoever built the component. They are shown, and nothing depends on them.

use serde::{Deserialize, Serialize};
use wasmparser::{KnownCustom, Parser, Payload};

use crate::line;

/// The longest text that is kept, in characters.
const MAX_TEXT: usize = 300;
/// The most tools of one kind.
const MAX_TOOLS: usize = 16;

/// What a component says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sections {
    /// Languages it is written in, as `Rust` or `JavaScript`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Compilers and tools that made it, with their versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Development kits, with their versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sdks: Vec<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where its source lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its licences, an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authors: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
}

impl Sections {
    /// Reads the sections. What is damaged is passed over: whether the component is sound is asked elsewhere.
    pub fn read(component: &[u8]) -> Self {
        let mut sections = Self::default();
        // Tools name themselves in each module; the other sections count on the outermost level alone, since those
        // of a module inside are of a library.
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload {
                Err(_) => break,
                Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
                Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
                Ok(Payload::CustomSection(section)) => match section.as_known() {
                    KnownCustom::Producers(fields) => sections.producers(fields),
                    _ if depth == 0 => sections.text(section.name(), section.data()),
                    _ => {}
                },
                Ok(_) => {}
            }
        }
        sections
    }

    fn producers(&mut self, fields: wasmparser::ProducersSectionReader<'_>) {
        for field in fields.into_iter().map_while(Result::ok).take(8) {
            let list = match field.name {
                "language" => &mut self.languages,
                "processed-by" => &mut self.tools,
                "sdk" => &mut self.sdks,
                _ => continue,
            };
            for value in field.values.into_iter().map_while(Result::ok) {
                // A language's version is of an edition, and says little.
                let text = match field.name {
                    "language" => line(value.name, 80),
                    _ => line(&format!("{} {}", value.name, value.version), 80),
                };
                let text = text.trim().to_owned();
                if list.len() >= MAX_TOOLS {
                    break;
                }
                if !text.is_empty() && !list.contains(&text) {
                    list.push(text);
                }
            }
        }
    }

    fn text(&mut self, name: &str, data: &[u8]) {
        let place = match name {
            "version" => &mut self.version,
            "source" => &mut self.source,
            "revision" => &mut self.revision,
            "licenses" => &mut self.licenses,
            "authors" => &mut self.authors,
            "description" => &mut self.description,
            "homepage" => &mut self.homepage,
            _ => return,
        };
        // Cut before it is looked at: a section may have as many bytes as the component.
        let data = data.get(..4 * MAX_TEXT).unwrap_or(data);
        let text = line(String::from_utf8_lossy(data).trim(), MAX_TEXT);
        if !text.is_empty() {
            *place = Some(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leb(mut n: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let byte = (n & 0x7f) as u8;
            n >>= 7;
            bytes.push(if n == 0 { byte } else { byte | 0x80 });
            if n == 0 {
                return bytes;
            }
        }
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [leb(text.len()), text.to_vec()].concat()
    }

    fn custom(name: &str, data: &[u8]) -> Vec<u8> {
        let body = [text(name.as_bytes()), data.to_vec()].concat();
        [vec![0], leb(body.len()), body].concat()
    }

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn tools_of_every_level_and_texts_of_the_outermost_are_read() {
        let tools = |field: &str, values: &[(&str, &str)]| {
            let mut data = [leb(1), text(field.as_bytes()), leb(values.len())].concat();
            for (name, version) in values {
                data.extend([text(name.as_bytes()), text(version.as_bytes())].concat());
            }
            custom("producers", &data)
        };
        let module = [
            MODULE.to_vec(),
            tools("language", &[("Rust", "2024")]),
            custom("version", b"9.9.9"),
        ]
        .concat();
        let component = [
            COMPONENT.to_vec(),
            [vec![1], leb(module.len()), module].concat(),
            tools("processed-by", &[("rustc", "1.95.0"), ("rustc", "1.95.0")]),
            custom("version", b"1.2.3"),
            custom("licenses", "Apache-2.0\u{1b}[31m".as_bytes()),
            custom("authors", &[0xff, b'a']),
        ]
        .concat();
        let read = Sections::read(&component);
        assert_eq!(read.languages, ["Rust"]);
        assert_eq!(read.tools, ["rustc 1.95.0"]);
        assert_eq!(read.version.as_deref(), Some("1.2.3"));
        assert_eq!(read.licenses.as_deref(), Some("Apache-2.0[31m"));
        assert_eq!(read.authors.as_deref(), Some("\u{fffd}a"));
    }

    #[test]
    fn a_section_without_end_is_cut() {
        let long = custom("description", &vec![b'x'; 1 << 20]);
        let read = Sections::read(&[COMPONENT, &long].concat());
        assert_eq!(read.description.unwrap().len(), MAX_TEXT);
        let many: Vec<(String, String)> =
            (0..100).map(|i| (format!("t{i}"), String::new())).collect();
        let mut data = [leb(1), text(b"sdk"), leb(many.len())].concat();
        for (name, version) in &many {
            data.extend([text(name.as_bytes()), text(version.as_bytes())].concat());
        }
        let read = Sections::read(&[COMPONENT, &custom("producers", &data)].concat());
        assert_eq!(read.sdks.len(), MAX_TOOLS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), producers in any::<bool>()) {
            let section = custom(if producers { "producers" } else { "source" }, &bytes);
            let _ = Sections::read(&[COMPONENT, &section].concat());
            let _ = Sections::read(&[COMPONENT, &bytes].concat());
        }
    }
}

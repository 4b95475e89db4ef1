//! The languages that plugins are written in.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::failure::{Exit, Failure};

/// A language that `plugin new` has templates for and `plugin build` has tools for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    JavaScript,
    TypeScript,
    Python,
    C,
}

impl Language {
    pub const ALL: [Self; 5] = [
        Self::Rust,
        Self::JavaScript,
        Self::TypeScript,
        Self::Python,
        Self::C,
    ];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The file that the build of a plugin starts from.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "src/plugin.js",
            Self::TypeScript => "src/plugin.ts",
            Self::Python => "src/plugin.py",
            Self::C => "src/plugin.c",
        }
    }

    /// The language of the plugin in this folder, by the file that its build starts from.
    ///
    /// # Errors
    /// No such file.
    pub fn of(dir: &Path) -> Result<Self, Failure> {
        let found = Self::ALL
            .into_iter()
            .find(|language| dir.join(language.entry()).is_file());
        found.ok_or_else(|| {
            let entries = Self::ALL.map(Self::entry).join(", ");
            let what = format!("{} holds nothing to build", dir.display());
            Failure::new(Exit::NotFound, what)
                .cause(format!("it has none of {entries}"))
                .next("a component of another language or build is published as it is: `steward plugin publish --component FILE`")
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = Failure;
    fn from_str(given: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|l| l.as_str() == given);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            Failure::new(
                Exit::Usage,
                format!("`{given}` is not a language of plugins: {all}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_entry() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Language::of(dir.path()).unwrap_err().exit, Exit::NotFound);
        std::fs::create_dir(dir.path().join("src")).unwrap();
        for language in Language::ALL.into_iter().rev() {
            // Rust comes first: its packages may hold a file of another language.
            std::fs::write(dir.path().join(language.entry()), "").unwrap();
            let found = Language::of(dir.path()).unwrap();
            std::fs::remove_file(dir.path().join(language.entry())).unwrap();
            assert_eq!(found, language);
            assert_eq!(language.as_str().parse::<Language>().unwrap(), language);
        }
        assert!("cobol".parse::<Language>().is_err());
    }
}

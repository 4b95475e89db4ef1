//! `plugin new`: a project that builds anywhere, written from what this binary carries.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use steward_registry::{Name, World};

use super::language::Language;
use super::sdk;
use crate::failure::{Exit, Failure};

/// Names that cargo or the compiler refuse for a package, and those of the packages the templates depend on.
const TAKEN: [&str; 65] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "http",
    "http-body-util",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "regex",
    "return",
    "self",
    "serde",
    "serde-json",
    "static",
    "std",
    "steward-sdk",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "wasip3",
    "where",
    "while",
    "wit-bindgen",
    "wstd",
    "yield",
];

/// What a new plugin starts from: one for each world, and one more for the newer HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    Cleaner,
    Anonymizer,
    Labeller,
    /// `wasi:http` 0.2
    Function,
    /// `wasi:http` 0.3
    Function03,
    Step,
}

impl Template {
    pub const ALL: [Self; 6] = [
        Self::Cleaner,
        Self::Anonymizer,
        Self::Labeller,
        Self::Function,
        Self::Function03,
        Self::Step,
    ];

    /// The folder under `sdk/rust/templates`, and the word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cleaner => "cleaner",
            Self::Anonymizer => "anonymizer",
            Self::Labeller => "labeller",
            Self::Function => "function",
            Self::Function03 => "function-0.3",
            Self::Step => "step",
        }
    }
}

impl From<World> for Template {
    fn from(world: World) -> Self {
        match world {
            World::Cleaner => Self::Cleaner,
            World::Anonymizer => Self::Anonymizer,
            World::Labeller => Self::Labeller,
            World::Function => Self::Function,
            World::Step => Self::Step,
        }
    }
}

impl std::str::FromStr for Template {
    type Err = Failure;
    fn from_str(s: &str) -> Result<Self, Failure> {
        Self::ALL
            .into_iter()
            .find(|template| template.as_str() == s)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::as_str).join(", ");
                Failure::new(
                    Exit::Usage,
                    format!("there is no template `{s}`; there are {all}"),
                )
            })
    }
}

/// Writes a new plugin into `dir`, which must be new or empty. The answer lists the files the
/// author will look at, relative to `dir`; the vendored SDK comes on top.
///
/// # Errors
/// A name that cannot be a Rust package, a language without such a template, a folder that holds something, or a file that
/// cannot be written.
pub fn create(
    dir: &Path,
    name: &Name,
    template: Template,
    language: Language,
) -> anyhow::Result<Vec<PathBuf>> {
    if language == Language::Rust && TAKEN.contains(&name.as_str()) {
        let what = format!("a Rust package cannot be called `{name}`");
        return Err(Failure::invalid(what)
            .next(format!("take another name, `my-{name}` for one"))
            .into());
    }
    // Also a plain file or a folder that cannot be read counts as in the way.
    let free = !dir.exists() || fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if !free {
        let what = format!(
            "{} exists already and is not an empty folder",
            dir.display()
        );
        return Err(Failure::new(Exit::Conflict, what)
            .next("name another folder with --path")
            .into());
    }
    let Some(files) = sdk::template(language, template.as_str()) else {
        let what = format!(
            "there is no template `{}` in the language {language}",
            template.as_str()
        );
        return Err(Failure::new(Exit::Usage, what)
            .next(format!(
                "start it in rust, or take one of: {}",
                offered(language)
            ))
            .into());
    };
    let mut written = Vec::new();
    for (path, contents) in files {
        // In the repository, `.tmpl` keeps cargo from taking a template for a package.
        let path = if path.extension().is_some_and(|e| e == "tmpl") {
            path.with_extension("")
        } else {
            path
        };
        let text = std::str::from_utf8(contents).context("a template is not UTF-8")?;
        write(
            &dir.join(&path),
            text.replace("{{name}}", name.as_str()).as_bytes(),
        )?;
        written.push(path);
    }
    written.sort();
    for (path, contents) in sdk::vendored(language) {
        write(&dir.join("vendor/steward-sdk").join(path), contents)?;
    }
    Ok(written)
}

/// The templates of a language, for people.
fn offered(language: Language) -> String {
    let there = |template: &Template| sdk::template(language, template.as_str()).is_some();
    let names: Vec<_> = Template::ALL
        .iter()
        .filter(|template| there(template))
        .map(|template| template.as_str())
        .collect();
    names.join(", ")
}

fn write(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|e| Failure::file("create", folder, &e))?;
    fs::write(path, contents).map_err(|e| Failure::file("write", path, &e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_registry::Manifest;

    #[test]
    fn every_template_is_a_whole_project() {
        let mut made = 0;
        for (language, template) in Language::ALL
            .into_iter()
            .flat_map(|language| Template::ALL.map(|template| (language, template)))
        {
            let dir = tempfile::tempdir().unwrap();
            let created = create(
                dir.path(),
                &"my-plugin".parse().unwrap(),
                template,
                language,
            );
            let both = matches!(template, Template::Cleaner | Template::Function);
            let Ok(written) = created else {
                let failure = Failure::explain(&created.unwrap_err());
                assert!(language != Language::Rust && !both, "{language} {failure}");
                assert!(failure.next.unwrap().contains("cleaner, function"));
                continue;
            };
            made += 1;
            for file in ["steward.toml", "README.md", ".gitignore", language.entry()] {
                assert!(
                    written.contains(&PathBuf::from(file)),
                    "{file} of {} in {language}",
                    template.as_str()
                );
            }
            for file in &written {
                let text = fs::read_to_string(dir.path().join(file)).unwrap();
                assert!(!text.contains("{{name}}"), "{}", file.display());
            }
            assert_eq!(Language::of(dir.path()).unwrap(), language);
            let manifest =
                Manifest::parse(&fs::read_to_string(dir.path().join("steward.toml")).unwrap())
                    .unwrap();
            assert_eq!(manifest.plugin.name.as_str(), "my-plugin");
            let world = Template::from(manifest.plugin.world);
            assert!(world == template || template == Template::Function03);
            for file in ["wit/worlds.wit", "wit/deps/types/types.wit"] {
                assert!(
                    dir.path().join("vendor/steward-sdk").join(file).is_file(),
                    "{file}"
                );
            }
        }
        assert_eq!(made, 6 + 4 * 2);
    }

    #[test]
    fn every_language_is_asked_the_same() {
        let cases = |language, template| {
            let files = sdk::template(language, template).unwrap();
            let wanted = Path::new("tests/cases.jsonl");
            files
                .into_iter()
                .find(|(path, _)| path == wanted)
                .unwrap()
                .1
        };
        for template in ["cleaner", "function"] {
            for language in Language::ALL {
                assert!(
                    cases(language, template) == cases(Language::Rust, template),
                    "{template} in {language}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "kept").unwrap();
        let name = "p".parse().unwrap();
        assert!(create(dir.path(), &name, Template::Cleaner, Language::Rust).is_err());
        assert!(
            create(
                &dir.path().join("mine"),
                &name,
                Template::Cleaner,
                Language::Rust
            )
            .is_err()
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(
            create(
                &dir.path().join("new"),
                &"self".parse().unwrap(),
                Template::Cleaner,
                Language::Rust
            )
            .is_err()
        );
    }
}

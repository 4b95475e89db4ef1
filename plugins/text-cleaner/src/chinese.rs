//! Conversion between the scripts of Chinese, with the dictionaries and the method of OpenCC.
//!
//! OpenCC cuts a text into phrases by maximum match and replaces the parts of each phrase in stages, so that a later
//! stage (`裏` to `裡` in Taiwan) does not reach across the border of two phrases. In a stage several dictionaries are
//! asked one after the other: the first that has a prefix of the rest decides, by its longest.

use crate::dictionary::{Dictionary, dictionary};
use crate::edits::Rewrite;

/// What is converted to what, by the name that OpenCC gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Conversion {
    S2t,
    S2tw,
    S2twp,
    S2hk,
    S2hkp,
    T2s,
    T2tw,
    T2hk,
    T2jp,
    Tw2s,
    Tw2sp,
    Tw2t,
    Hk2s,
    Hk2sp,
    Hk2t,
    Jp2t,
}

impl Conversion {
    /// All of them: `s` simplified, `t` traditional as OpenCC writes it, `tw` of Taiwan, `hk` of Hong Kong, `jp`
    /// Japanese, `p` with the words of the place (`软件` to `軟體`).
    pub const ALL: [(&'static str, Self); 16] = [
        ("s2t", Self::S2t),
        ("s2tw", Self::S2tw),
        ("s2twp", Self::S2twp),
        ("s2hk", Self::S2hk),
        ("s2hkp", Self::S2hkp),
        ("t2s", Self::T2s),
        ("t2tw", Self::T2tw),
        ("t2hk", Self::T2hk),
        ("t2jp", Self::T2jp),
        ("tw2s", Self::Tw2s),
        ("tw2sp", Self::Tw2sp),
        ("tw2t", Self::Tw2t),
        ("hk2s", Self::Hk2s),
        ("hk2sp", Self::Hk2sp),
        ("hk2t", Self::Hk2t),
        ("jp2t", Self::Jp2t),
    ];

    fn converter(self) -> Converter {
        let simplified = || vec![dictionary!("st_phrases"), dictionary!("st_characters")];
        let traditional = || vec![dictionary!("ts_phrases"), dictionary!("ts_characters")];
        let taiwan = || {
            vec![
                dictionary!("tw_variant_phrases"),
                dictionary!("tw_variants"),
            ]
        };
        let taiwan_back = || {
            let phrases = dictionary!("tw_variant_phrases_back");
            vec![phrases, dictionary!("tw_variants_back")]
        };
        let hong_kong = || {
            vec![
                dictionary!("hk_variant_phrases"),
                dictionary!("hk_variants"),
            ]
        };
        let hong_kong_back = || {
            let phrases = dictionary!("hk_variant_phrases_back");
            vec![phrases, dictionary!("hk_variants_back")]
        };
        let with = |words: &'static Dictionary, mut stage: Stage| {
            stage.insert(0, words);
            stage
        };
        let (cut, stages) = match self {
            Self::S2t => (Cut::No, vec![simplified()]),
            Self::S2tw => (Cut::ByStage(0), vec![simplified(), taiwan()]),
            Self::S2twp => {
                let taiwan = with(dictionary!("tw_phrases"), taiwan());
                (Cut::ByStage(0), vec![simplified(), taiwan])
            }
            Self::S2hk => (Cut::ByStage(0), vec![simplified(), hong_kong()]),
            Self::S2hkp => {
                let hong_kong = with(dictionary!("hk_phrases"), hong_kong());
                (Cut::ByStage(0), vec![simplified(), hong_kong])
            }
            Self::T2s => (Cut::No, vec![traditional()]),
            Self::T2tw => (Cut::No, vec![taiwan()]),
            Self::T2hk => (Cut::No, vec![hong_kong()]),
            Self::T2jp => (Cut::No, vec![vec![dictionary!("jp_characters_back")]]),
            Self::Tw2s => (Cut::ByStage(1), vec![taiwan_back(), traditional()]),
            Self::Tw2sp => {
                let back = with(dictionary!("tw_phrases_back"), taiwan_back());
                (Cut::ByStage(1), vec![back, traditional()])
            }
            Self::Tw2t => (Cut::No, vec![taiwan_back()]),
            Self::Hk2s => (Cut::ByStage(1), vec![hong_kong_back(), traditional()]),
            Self::Hk2sp => {
                let back = with(dictionary!("hk_phrases_back"), hong_kong_back());
                (Cut::ByStage(1), vec![back, traditional()])
            }
            Self::Hk2t => (Cut::No, vec![hong_kong_back()]),
            Self::Jp2t => {
                let japanese = vec![dictionary!("jp_phrases"), dictionary!("jp_characters")];
                (Cut::No, vec![japanese])
            }
        };
        Converter {
            compatibility: vec![dictionary!("compatibility")],
            cut,
            stages,
        }
    }
}

/// Dictionaries that are asked one after the other.
type Stage = Vec<&'static Dictionary>;

/// How a text is cut into phrases first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    /// By the phrases that are the first dictionary of this stage.
    ByStage(usize),
}

/// The dictionaries of one conversion.
#[derive(Debug)]
struct Converter {
    compatibility: Stage,
    cut: Cut,
    stages: Vec<Stage>,
}

/// Converts a text; each part that a dictionary replaced by another is one place.
pub fn convert(text: &str, conversion: Conversion) -> Option<Rewrite> {
    // Half of the texts of a mixed dataset have no character that any dictionary knows.
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let converter = conversion.converter();
    let mut places = 0;
    let mut plain = String::with_capacity(text.len());
    replace(&converter.compatibility, text, &mut plain, &mut places);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    match converter.cut {
        Cut::No => converter.run(&plain, &mut out, &mut places),
        Cut::ByStage(stage) => {
            let phrases = converter.stages[stage][0];
            let mut begun = 0;
            let mut at = 0;
            while let Some(&byte) = plain.as_bytes().get(at) {
                let found = phrases
                    .may_begin(byte)
                    .then(|| phrases.longest(&plain.as_bytes()[at..]));
                match found.flatten() {
                    Some(phrase) => {
                        converter.run(&plain[begun..at], &mut out, &mut places);
                        converter.run(&plain[at..at + phrase.bytes], &mut out, &mut places);
                        at += phrase.bytes;
                        begun = at;
                    }
                    None => at += length(byte),
                }
            }
            converter.run(&plain[begun..], &mut out, &mut places);
        }
    }
    (out != text).then_some(Rewrite {
        text: out,
        places: places.max(1),
    })
}

impl Converter {
    /// All stages on a text that no border divides.
    fn run(&self, text: &str, out: &mut String, places: &mut u32) {
        if text.is_empty() {
            return;
        }
        let Some((last, before)) = self.stages.split_last() else {
            return out.push_str(text);
        };
        let mut text = std::borrow::Cow::Borrowed(text);
        for stage in before {
            let mut next = String::with_capacity(text.len());
            replace(stage, &text, &mut next, places);
            text = next.into();
        }
        replace(last, &text, out, places);
    }
}

/// One stage.
fn replace(stage: &[&'static Dictionary], text: &str, out: &mut String, places: &mut u32) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let asked = stage.iter().filter(|dictionary| dictionary.may_begin(byte));
        let mut found =
            asked.filter_map(|dictionary| Some((dictionary, dictionary.longest(&bytes[at..])?)));
        let Some((dictionary, key)) = found.next() else {
            at += length(byte);
            continue;
        };
        let end = at + key.bytes;
        match dictionary.text(key.number) {
            Some(with) if with == &text[at..end] => {}
            Some(with) => {
                out.push_str(&text[copied..at]);
                out.push_str(with);
                copied = end;
                *places = places.saturating_add(1);
            }
            // A phrase that is there to be kept together: its characters are converted one by one.
            None => {
                out.push_str(&text[copied..at]);
                copied = end;
                if let Some(characters) = stage.last() {
                    by_character(characters, &text[at..end], out, places);
                }
            }
        }
        at = end;
    }
    out.push_str(&text[copied..]);
}

fn by_character(characters: &Dictionary, phrase: &str, out: &mut String, places: &mut u32) {
    for c in phrase.chars() {
        let mut buffer = [0; 4];
        let own: &str = c.encode_utf8(&mut buffer);
        let found = characters.longest(own.as_bytes());
        let with = found
            .and_then(|key| characters.text(key.number))
            .unwrap_or(own);
        *places = places.saturating_add(u32::from(with != own));
        out.push_str(with);
    }
}

/// How many bytes the character has that begins with this one.
fn length(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn converted(text: &str, conversion: Conversion) -> String {
        convert(text, conversion).map_or_else(|| text.to_owned(), |rewrite| rewrite.text)
    }

    #[test]
    fn phrases_decide_between_characters() {
        let text = "皇后在后面，头发发现了干燥的饼干";
        assert_eq!(
            converted(text, Conversion::S2t),
            "皇后在後面，頭髮發現了乾燥的餅乾"
        );
        assert_eq!(
            converted("皇后在後面，頭髮發現了乾燥的餅乾", Conversion::T2s),
            text
        );
    }

    #[test]
    fn places_have_their_own_words() {
        assert_eq!(converted("鼠标和软件", Conversion::S2twp), "滑鼠和軟體");
        assert_eq!(converted("滑鼠和軟體", Conversion::Tw2sp), "鼠标和软件");
        assert_eq!(converted("这里面", Conversion::S2tw), "這裡面");
        assert_eq!(converted("这里面", Conversion::S2hk), "這裏面");
        assert_eq!(converted("這裡面", Conversion::Tw2s), "这里面");
    }

    #[test]
    fn replaced_parts_are_counted() {
        let rewrite = convert("a 汉字 b 语", Conversion::S2t).unwrap();
        assert_eq!(
            rewrite,
            Rewrite {
                text: "a 漢字 b 語".into(),
                places: 2
            }
        );
        assert_eq!(convert("plain text", Conversion::S2t), None);
        assert_eq!(convert("", Conversion::S2twp), None);
    }

    #[test]
    fn every_conversion_opens_its_dictionaries() {
        for (name, conversion) in Conversion::ALL {
            assert!(convert("abc", conversion).is_none(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_not_chinese_stays(text in "[ -~\\n]{0,40}|[а-яé-ü😀-😏 ]{0,40}") {
            for (_, conversion) in Conversion::ALL {
                prop_assert_eq!(converted(&text, conversion), text.clone());
            }
        }

        #[test]
        fn any_text_is_converted(text in "[里面后发干台裏裡面後發乾臺画只a1，。]{0,30}|\\p{any}{0,30}") {
            for (_, conversion) in Conversion::ALL {
                let _ = convert(&text, conversion);
            }
        }
    }
}

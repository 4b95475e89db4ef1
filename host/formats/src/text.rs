//! Encodings of text files: which one it is, and lines decoded one by one.
//!
//! A line that is not of the encoding of its file is not guessed at: it is kept apart, with its bytes.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek as _};
use std::str::FromStr;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs as rs;

use crate::lines::{Lines, RawLine, RawLines, WideLines};
use crate::{Bounds, Fault, FormatError};

/// How much of a file is looked through for lines that are not ASCII, in bytes.
const LOOKED_THROUGH: u64 = 64 * 1024 * 1024;
/// How much of such lines is looked at, in bytes.
const SAMPLE: usize = 1024 * 1024;
/// How many bytes that are not ASCII are enough to say what they are.
const ENOUGH: usize = 12;

/// An encoding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static rs::Encoding);

/// A word that is no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an encoding that is read; there are utf-8, utf-16le, utf-16be, gb18030, gbk, big5, shift_jis and the others of https://encoding.spec.whatwg.org that end lines as ASCII does"
)]
pub struct UnknownEncoding(String);

impl Encoding {
    /// UTF-8, with or without a byte order mark.
    pub const UTF_8: Self = Self(rs::UTF_8);

    /// The name, as the Encoding Standard has it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    fn is_wide(self) -> bool {
        self.0 == rs::UTF_16LE || self.0 == rs::UTF_16BE
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        match rs::Encoding::for_label(label.as_bytes()) {
            // One keeps a state from line to line, the others are no encodings of text.
            Some(e) if e != rs::ISO_2022_JP && e != rs::REPLACEMENT && e != rs::X_USER_DEFINED => {
                Ok(Self(e))
            }
            _ => Err(UnknownEncoding(label.chars().take(40).collect())),
        }
    }
}

/// Lines of text in UTF-8, decoded from what the file has.
pub(crate) struct TextLines {
    raw: Box<dyn RawLines>,
    encoding: Encoding,
    max_bytes: usize,
}

impl TextLines {
    pub fn new(reader: impl BufRead + Send + 'static, encoding: Encoding, bounds: &Bounds) -> Self {
        let max_bytes = bounds.row_bytes;
        let raw: Box<dyn RawLines> = match encoding.is_wide() {
            true => {
                let big_endian = encoding.0 == rs::UTF_16BE;
                Box::new(WideLines::new(
                    reader,
                    big_endian,
                    max_bytes.saturating_mul(2),
                ))
            }
            false => Box::new(Lines::new(reader, max_bytes)),
        };
        Self {
            raw,
            encoding,
            max_bytes,
        }
    }

    /// The next line. Of a file in UTF-8 it is as it stands there, good or not.
    pub fn next(&mut self) -> std::io::Result<Option<RawLine>> {
        let Some(mut line) = self.raw.next_raw()? else {
            return Ok(None);
        };
        if self.encoding != Encoding::UTF_8 {
            self.decode(&mut line);
        }
        Ok(Some(line))
    }

    fn decode(&self, line: &mut RawLine) {
        let encoding = self.encoding.0;
        match encoding.decode_without_bom_handling_and_without_replacement(&line.bytes) {
            Some(text) => {
                let text = match line.number {
                    1 => text.trim_start_matches('\u{FEFF}'),
                    _ => &*text,
                };
                let bytes = text.as_bytes().to_vec();
                line.bytes = bytes;
                if line.fault.is_none() && line.bytes.len() > self.max_bytes {
                    line.bytes.truncate(crate::SHOWN_BYTES);
                    line.fault = Some(Fault::TooLong(self.max_bytes));
                }
            }
            None if line.fault.is_none() => line.fault = Some(Fault::NotDecodable(encoding.name())),
            None => {}
        }
    }

    pub fn read(&self) -> u64 {
        self.raw.read()
    }

    pub fn finish(self) -> ([u8; 32], u64) {
        self.raw.finish()
    }
}

/// The encoding that the first bytes of a file leave no doubt about.
fn by_marks(start: &[u8]) -> Option<Encoding> {
    if let Some((encoding, _)) = rs::Encoding::for_bom(start) {
        return Some(Encoding(encoding));
    }
    // Text in UTF-16 without a mark: what is ASCII in it has a zero beside it, and no other encoding has zeros.
    let pairs = start[..start.len().min(4096)].as_chunks::<2>().0;
    let zeros = |at: usize| {
        pairs
            .iter()
            .filter(|pair| pair[at] == 0 && pair[1 - at] != 0)
            .count()
    };
    let (first, second) = (zeros(0), zeros(1));
    // Some other characters have a zero as well, 一 (U+4E00) among them.
    match first.max(second) * 16 > pairs.len() {
        true if first > 4 * second => Some(Encoding(rs::UTF_16BE)),
        true if second > 4 * first => Some(Encoding(rs::UTF_16LE)),
        _ => None,
    }
}

/// The encoding of a file of which only the start is there.
pub(crate) fn of_start(start: &[u8]) -> Result<Encoding, FormatError> {
    if let Some(encoding) = by_marks(start) {
        return Ok(encoding);
    }
    // The last line may be cut inside of a character.
    let whole = start
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(start.len(), |at| at + 1);
    judge(Lines::new(&start[..whole], SAMPLE), u64::MAX)
}

/// The encoding of a file, which is looked through as far as that takes.
pub(crate) fn of_file(file: &mut File, start: &[u8]) -> Result<Encoding, FormatError> {
    if let Some(encoding) = by_marks(start) {
        return Ok(encoding);
    }
    file.rewind()?;
    let reader = BufReader::with_capacity(256 * 1024, &mut *file);
    let encoding = judge(Lines::new(reader, SAMPLE), LOOKED_THROUGH)?;
    file.rewind()?;
    Ok(encoding)
}

/// Looks at the lines that are not ASCII. UTF-8 cannot be mistaken: where one in twenty of them is UTF-8, the file is, and
/// the others are broken. Else it is the encoding of East Asia that they look like most; and where they look like none, or
/// are too few to look like anything, it is UTF-8 again, and they are rejected.
fn judge<R: BufRead>(mut lines: Lines<R>, most: u64) -> Result<Encoding, FormatError> {
    let (mut good, mut bad) = (0_usize, 0_usize);
    let mut sample = Vec::new();
    while let Some(line) = lines.next()? {
        if !line.bytes.is_ascii() {
            match std::str::from_utf8(&line.bytes) {
                Ok(_) => good += 1,
                Err(e) => {
                    // UTF-8 that was cut or damaged begins as UTF-8.
                    let begins = std::str::from_utf8(&line.bytes[..e.valid_up_to()]);
                    let wide = |text: &str| text.chars().filter(|c| !c.is_ascii()).count();
                    if wide(begins.unwrap_or_default()) >= 2 {
                        good += 1;
                    } else {
                        bad += 1;
                        sample.extend_from_slice(&line.bytes);
                        sample.push(b'\n');
                    }
                }
            }
        }
        if sample.len() > SAMPLE || lines.read() > most || (bad == 0 && good > 10_000) {
            break;
        }
    }
    let bytes = sample.iter().filter(|byte| !byte.is_ascii()).count();
    if bytes < ENOUGH || good * 19 >= bad {
        return Ok(Encoding::UTF_8);
    }
    Ok(asian(&sample).unwrap_or(Encoding::UTF_8))
}

/// The encoding of East Asia that lines look like most. The detector gives an encoding up at the first byte that it does not
/// have; a few broken lines shall not hide what all others are.
fn asian(sample: &[u8]) -> Option<Encoding> {
    let guess = |sample: &[u8]| {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(sample, true);
        detector.guess(None, Utf8Detection::Deny)
    };
    let first = guess(sample);
    let all = [rs::GBK, rs::BIG5, rs::SHIFT_JIS, rs::EUC_JP, rs::EUC_KR];
    if all.contains(&first) {
        return Some(Encoding(first));
    }
    let lines = sample
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty());
    let count = lines.clone().count();
    for encoding in all {
        let decodes = |line: &&[u8]| {
            encoding
                .decode_without_bom_handling_and_without_replacement(line)
                .is_some()
        };
        let good: Vec<&[u8]> = lines.clone().filter(decodes).collect();
        if good.len() * 20 >= count * 19 && guess(&good.join(&b'\n')) == encoding {
            return Some(Encoding(encoding));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHINESE: &str = "{\"id\":1,\"text\":\"客服态度非常好，物流也很快，下一次一定还会再来购买。\"}\n{\"id\":2,\"text\":\"质量太差了，用了两天就坏了，希望尽快退款。\"}\n";
    const TAIWAN: &str = "{\"text\":\"這個產品的品質非常好，下次還會再購買，謝謝客服人員的協助。\"}\n{\"text\":\"請問訂單什麼時候會出貨？\"}\n";
    const JAPANESE: &str = "{\"text\":\"お問い合わせありがとうございます。注文の状況を確認いたします。\"}\n{\"text\":\"パスワードを忘れてしまいました。\"}\n";

    fn encoded(label: &str, text: &str) -> Vec<u8> {
        let encoding: Encoding = label.parse().unwrap();
        encoding.0.encode(text).0.into_owned()
    }

    fn wide(text: &str, big: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        match big {
            true => units.flat_map(u16::to_be_bytes).collect(),
            false => units.flat_map(u16::to_le_bytes).collect(),
        }
    }

    fn decoded(data: Vec<u8>, encoding: Encoding) -> String {
        let mut lines = TextLines::new(std::io::Cursor::new(data), encoding, &Bounds::default());
        let mut text = String::new();
        while let Some(line) = lines.next().unwrap() {
            assert_eq!(line.fault, None);
            text.push_str(std::str::from_utf8(&line.bytes).unwrap());
            text.push('\n');
        }
        text
    }

    #[test]
    fn encodings_of_east_asia_are_recognized_and_decoded() {
        for (label, text) in [
            ("gbk", CHINESE),
            ("gb18030", CHINESE),
            ("big5", TAIWAN),
            ("shift_jis", JAPANESE),
            ("euc-jp", JAPANESE),
            ("utf-8", TAIWAN),
        ] {
            let data = encoded(label, text);
            let found = of_start(&data).unwrap();
            assert_eq!(decoded(data, found), text, "{label}, taken for {found}");
        }
        // Four bytes, which GBK does not have.
        let rare = "㐀𠀀€\n";
        assert_eq!(
            decoded(encoded("gb18030", rare), "gb18030".parse().unwrap()),
            rare
        );
    }

    #[test]
    fn utf_16_needs_no_mark() {
        for big in [true, false] {
            for text in [format!("\u{FEFF}{CHINESE}"), CHINESE.to_owned()] {
                let data = wide(&text, big);
                let found = of_start(&data).unwrap();
                assert_eq!(found.name(), if big { "UTF-16BE" } else { "UTF-16LE" });
                assert_eq!(decoded(data, found), CHINESE);
            }
        }
    }

    #[test]
    fn a_file_of_utf_8_with_some_other_lines_stays_one() {
        let mixed = [CHINESE.as_bytes(), &encoded("gbk", CHINESE)].concat();
        assert_eq!(of_start(&mixed).unwrap(), Encoding::UTF_8);
        // What is no encoding of East Asia, and what is too little to be one, is not guessed at.
        let french = encoded(
            "windows-1252",
            &"Café crème, déjà vu à la plage, été à Orléans\n".repeat(3),
        );
        assert_eq!(of_start(&french).unwrap(), Encoding::UTF_8);
        assert_eq!(
            of_start(&encoded("gbk", "你好\n")).unwrap(),
            Encoding::UTF_8
        );
        let cut = "物流也很快，下次还会再来".as_bytes();
        assert_eq!(of_start(&cut[..cut.len() - 1]).unwrap(), Encoding::UTF_8);
        for bad in ["", "iso-2022-jp", "utf-7", "klingon"] {
            assert!(bad.parse::<Encoding>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_decoded_keeps_its_bytes() {
        let gbk: Encoding = "gbk".parse().unwrap();
        let mut data = encoded("gbk", "你好\n");
        data.extend_from_slice(b"\xFF\xFF bad\n");
        data.extend_from_slice(&encoded("gbk", "再见\n"));
        let mut lines = TextLines::new(std::io::Cursor::new(data), gbk, &Bounds::default());
        assert_eq!(lines.next().unwrap().unwrap().bytes, "你好".as_bytes());
        let bad = lines.next().unwrap().unwrap();
        assert_eq!(
            (bad.number, bad.bytes.as_slice()),
            (2, &b"\xFF\xFF bad"[..])
        );
        assert_eq!(bad.fault.unwrap().code(), "not-decodable");
        assert_eq!(lines.next().unwrap().unwrap().bytes, "再见".as_bytes());
    }
}

//! Realistic surrogates: made-up data of the same kind and language, the same for equal findings.
//!
//! They come from ranges that are set aside for examples where there are such: addresses of hosts
//! (RFC 5737, RFC 3849, RFC 7042), domains (RFC 2606), North American numbers (555-01xx).

use super::calendar::{Fields, day_number, day_of, rewrite};
use super::keys::{MasterKey, hex};
use super::pseudonym;
use super::stream::Stream;
use super::words::{
    DE_GIVEN, DE_PLACES, DE_SURNAMES, EN_COMPANIES, EN_GIVEN, EN_PLACES, EN_STREETS, EN_SURNAMES,
    ZH_COMPANIES, ZH_GIVEN, ZH_PLACES, ZH_ROADS, ZH_SURNAMES,
};
use crate::entity::Entity;
use crate::lexicon::SURNAMES;
use crate::text::is_han;

/// The language of surrogates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Locale {
    /// That of the finding: Chinese where it has Chinese characters, else English.
    #[default]
    Auto,
    /// Chinese.
    Chinese,
    /// English.
    English,
    /// German.
    German,
}

impl Locale {
    /// The locale of a configuration value.
    ///
    /// # Errors
    /// Which there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "zh" => Ok(Self::Chinese),
            "en" => Ok(Self::English),
            "de" => Ok(Self::German),
            _ => Err("a locale is `auto`, `zh`, `en` or `de`".into()),
        }
    }

    fn of(self, found: &str) -> Self {
        match self {
            Self::Auto if found.chars().any(is_han) => Self::Chinese,
            Self::Auto => Self::English,
            other => other,
        }
    }
}

/// The surrogate of a finding.
pub fn of(key: &MasterKey, entity: Entity, name: &str, found: &str, locale: Locale) -> String {
    let locale = locale.of(found);
    let mut stream = Stream::new(key, name, found);
    let formatted = |name: &str| pseudonym::forward(key, entity, name, found);
    match entity {
        Entity::PERSON => person(&mut stream, found, locale),
        Entity::LOCATION => place(&mut stream, locale).into(),
        Entity::CN_ADDRESS => address(&mut stream, locale),
        Entity::ORGANIZATION => organization(&mut stream, locale),
        Entity::EMAIL_ADDRESS => email(&mut stream),
        Entity::URL => format!("https://example.com/{}", hex(&stream.next().to_be_bytes())),
        Entity::IP_ADDRESS => host(&mut stream, found),
        Entity::MAC_ADDRESS => {
            let separator = found
                .chars()
                .find(|c| !c.is_ascii_hexdigit())
                .unwrap_or(':');
            let last = hex(&[stream.next() as u8]);
            ["00", "00", "5e", "00", "53", &last].join(&separator.to_string())
        }
        Entity::DATE_TIME | Entity::DATE_OF_BIRTH => {
            shifted(key, found).unwrap_or_else(|| format!("<{name}>"))
        }
        Entity::AGE => age(&mut stream, found),
        Entity::PHONE_NUMBER => phone(&mut stream, found)
            .or_else(|| formatted("surrogate"))
            .unwrap_or_default(),
        _ => formatted(&format!("surrogate {name}"))
            .unwrap_or_else(|| format!("<{name}:{}>", hex(&stream.next().to_be_bytes()))),
    }
}

fn person(stream: &mut Stream<'_>, found: &str, locale: Locale) -> String {
    let names = |given: &[&'static str], surnames: &[&'static str], stream: &mut Stream<'_>| {
        let (given, surname) = (stream.word(given), stream.word(surnames));
        if found.split_whitespace().count() < 2 {
            given.to_owned()
        } else {
            format!("{given} {surname}")
        }
    };
    match locale {
        Locale::Chinese => {
            let chars: Vec<char> = found.chars().collect();
            let surname = if chars.len() > 2 && SURNAMES.contains(&chars[..2]) {
                2
            } else {
                1
            };
            let given = chars.len().saturating_sub(surname).min(2);
            let mut name = stream.word(&ZH_SURNAMES).to_owned();
            (0..given).for_each(|_| name.push_str(stream.word(&ZH_GIVEN)));
            name
        }
        Locale::German => names(&DE_GIVEN, &DE_SURNAMES, stream),
        _ => names(&EN_GIVEN, &EN_SURNAMES, stream),
    }
}

fn place(stream: &mut Stream<'_>, locale: Locale) -> &'static str {
    match locale {
        Locale::Chinese => stream.word(&ZH_PLACES),
        Locale::German => stream.word(&DE_PLACES),
        _ => stream.word(&EN_PLACES),
    }
}

fn address(stream: &mut Stream<'_>, locale: Locale) -> String {
    let (house, room) = (
        stream.below(300) + 1,
        stream.below(20) * 100 + stream.below(6) + 101,
    );
    match locale {
        Locale::Chinese => {
            format!(
                "{}{}{house}号{room}室",
                stream.word(&ZH_PLACES),
                stream.word(&ZH_ROADS)
            )
        }
        _ => format!(
            "{house} {}, {}",
            stream.word(&EN_STREETS),
            stream.word(&EN_PLACES)
        ),
    }
}

fn organization(stream: &mut Stream<'_>, locale: Locale) -> String {
    match locale {
        Locale::Chinese => format!("{}有限公司", stream.word(&ZH_COMPANIES)),
        Locale::German => format!("{} GmbH", stream.word(&DE_PLACES)),
        _ => format!("{} Ltd", stream.word(&EN_COMPANIES)),
    }
}

fn email(stream: &mut Stream<'_>) -> String {
    let (name, number) = (stream.word(&EN_GIVEN).to_lowercase(), stream.below(10_000));
    let domain = stream.word(&["example.com", "example.org", "example.net"]);
    format!("{name}{number:04}@{domain}")
}

fn host(stream: &mut Stream<'_>, found: &str) -> String {
    if found.contains(':') {
        let (a, b) = (stream.next(), stream.next());
        return format!("2001:db8::{:x}:{:x}:{:x}", a >> 16, a & 0xFFFF, b & 0xFFFF);
    }
    let network = stream.word(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", stream.below(254) + 1)
}

/// A North American number becomes one of the hundred that belong to nobody.
fn phone(stream: &mut Stream<'_>, found: &str) -> Option<String> {
    let mut chars: Vec<char> = found.chars().collect();
    let places: Vec<usize> = (0..chars.len())
        .filter(|at| chars[*at].is_ascii_digit())
        .collect();
    let national = match places.as_slice() {
        [first, rest @ ..]
            if rest.len() == 10 && chars[*first] == '1' && found.starts_with('+') =>
        {
            rest
        }
        all if all.len() == 10
            && !found.starts_with('+')
            && chars[all[0]] >= '2'
            && chars[all[3]] >= '2' =>
        {
            all
        }
        _ => return None,
    };
    let number = format!("55501{:02}", stream.below(100));
    for (at, digit) in national[3..].iter().zip(number.chars()) {
        chars[*at] = digit;
    }
    Some(chars.into_iter().collect())
}

/// The date some days earlier or later: by as many for all of a dataset, so that what lies between
/// two dates stays.
fn shifted(key: &MasterKey, found: &str) -> Option<String> {
    let chars: Vec<char> = found.chars().collect();
    let fields = Fields::read(&chars);
    let (year, month, day) = fields.date()?;
    let days = Stream::new(key, "DATE_TIME", "shift").below(364) as i64 - 182;
    let days = if days >= 0 { days + 1 } else { days };
    let (year, month, day) = day_of(day_number(year, month, day) + days);
    Some(rewrite(&chars, &fields, (year, month, day)))
}

/// An age up to two years off.
fn age(stream: &mut Stream<'_>, found: &str) -> String {
    let off = [-2, -1, 1, 2][stream.below(4) as usize];
    match found.parse::<i32>() {
        Ok(age) => (age + off).clamp(0, 120).to_string(),
        Err(_) => "<AGE>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> MasterKey {
        MasterKey::new("0123456789abcdef").unwrap()
    }

    fn surrogate(entity: Entity, found: &str) -> String {
        of(&key(), entity, "E", found, Locale::Auto)
    }

    #[test]
    fn names_keep_their_language_and_shape() {
        let name = surrogate(Entity::PERSON, "欧阳修文");
        assert_eq!(name.chars().count(), 3, "{name}");
        assert_eq!(surrogate(Entity::PERSON, "张").chars().count(), 1);
        assert_eq!(surrogate(Entity::PERSON, "Ann Lee").split(' ').count(), 2);
        assert_eq!(
            surrogate(Entity::PERSON, "Ann Lee"),
            surrogate(Entity::PERSON, "Ann Lee")
        );
        assert!(surrogate(Entity::CN_ADDRESS, "建国路88号").ends_with('室'));
    }

    #[test]
    fn hosts_and_numbers_belong_to_nobody() {
        assert!(surrogate(Entity::EMAIL_ADDRESS, "a@b.cn").contains("@example."));
        assert!(surrogate(Entity::IP_ADDRESS, "2001:db8::1").starts_with("2001:db8::"));
        assert!(surrogate(Entity::MAC_ADDRESS, "aa-bb-cc-dd-ee-01").starts_with("00-00-5e-00-53-"));
        let phone = surrogate(Entity::PHONE_NUMBER, "(415) 555-2671");
        assert!(phone.starts_with("(415) 555-01"), "{phone}");
    }

    #[test]
    fn dates_keep_their_distance() {
        let days = |text: &str| {
            let chars: Vec<char> = surrogate(Entity::DATE_TIME, text).chars().collect();
            let (year, month, day) = Fields::read(&chars).date().unwrap();
            day_number(year, month, day)
        };
        assert_eq!(days("2024-03-15") - days("2024-03-01"), 14);
        assert_ne!(days("2024-03-15"), day_number(2024, 3, 15));
        assert_eq!(surrogate(Entity::DATE_TIME, "下周一"), "<E>");
    }

    #[test]
    fn locales_are_named() {
        assert_eq!(Locale::parse("zh"), Ok(Locale::Chinese));
        assert!(Locale::parse("fr").is_err());
    }
}

//! Generalisation: dates to a year or a month, ages to a band, places to a city, addresses of hosts
//! to a network.

use super::calendar::Fields;
use crate::entity::Entity;
use crate::lexicon::SHORT_PLACES;
use crate::text::is_han;

/// How much stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generalization {
    /// Whether the month of a date stays beside the year.
    pub months: bool,
    /// How many years wide a band of ages is.
    pub years: u32,
}

impl Default for Generalization {
    fn default() -> Self {
        Self {
            months: false,
            years: 10,
        }
    }
}

/// From this age on all are one band: few people are so old (45 CFR 164.514).
const OLDEST: u32 = 90;

/// What stays of a finding; none where its kind cannot be generalised.
pub fn of(entity: Entity, found: &str, how: Generalization) -> Option<String> {
    match entity {
        Entity::DATE_TIME | Entity::DATE_OF_BIRTH => date(found, how.months),
        Entity::AGE => age(found, how.years),
        Entity::LOCATION | Entity::CN_ADDRESS => place(found),
        Entity::IP_ADDRESS => network(found),
        Entity::ZIP_CODE | Entity::DE_PLZ | Entity::UK_POSTCODE | Entity::CA_POSTAL_CODE => {
            Some(head(found, 3))
        }
        Entity::PHONE_NUMBER => Some(head(found, 3)),
        Entity::EMAIL_ADDRESS => found
            .rsplit_once('@')
            .map(|(_, domain)| format!("*@{domain}")),
        Entity::CREDIT_CARD | Entity::BANK_CARD => Some(head(found, 6)),
        Entity::URL => {
            let host = found.split_once("://").map_or(found, |(_, rest)| rest);
            host.split(['/', '?', '#']).next().map(str::to_owned)
        }
        _ => None,
    }
}

fn date(found: &str, months: bool) -> Option<String> {
    let chars: Vec<char> = found.chars().collect();
    let fields = Fields::read(&chars);
    let year = fields.year?;
    let chinese = chars.get(year.end) == Some(&'年');
    let month = fields
        .month
        .filter(|month| months && (1..=12).contains(&month.value));
    Some(match (month, chinese) {
        (Some(month), true) => format!("{}年{}月", year.value, month.value),
        (Some(month), false) => format!("{}-{:02}", year.value, month.value),
        (None, true) => format!("{}年", year.value),
        (None, false) => year.value.to_string(),
    })
}

fn age(found: &str, years: u32) -> Option<String> {
    let age: u32 = found.trim().parse().ok()?;
    if age >= OLDEST {
        return Some(format!("{OLDEST}+"));
    }
    let first = age / years * years;
    Some(format!("{first}-{}", (first + years - 1).min(OLDEST - 1)))
}

/// The city, else the province; of other addresses what stands last.
fn place(found: &str) -> Option<String> {
    let chars: Vec<char> = found.chars().collect();
    if chars.iter().any(|c| is_han(*c)) {
        let end = |ends: &str| {
            chars
                .iter()
                .skip(1)
                .position(|c| ends.contains(*c))
                .map(|at| at + 2)
        };
        let city = end("市州盟")
            .or_else(|| end("省区"))
            .filter(|end| *end < chars.len());
        let short = (2..=4).rev().find(|length| {
            chars
                .get(..*length)
                .is_some_and(|w| SHORT_PLACES.contains(w))
        });
        return city.or(short).map(|end| chars[..end].iter().collect());
    }
    let (_, last) = found.rsplit_once(',')?;
    let last: String = last.chars().filter(|c| !c.is_ascii_digit()).collect();
    Some(last.trim().to_owned()).filter(|last| !last.is_empty())
}

fn network(found: &str) -> Option<String> {
    let address = found.split(['/', '%']).next()?;
    if let Ok(address) = address.parse::<std::net::Ipv4Addr>() {
        let [a, b, ..] = address.octets();
        return Some(format!("{a}.{b}.0.0/16"));
    }
    let address: std::net::Ipv6Addr = address.parse().ok()?;
    let [a, b, c, ..] = address.segments();
    Some(format!(
        "{}/48",
        std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
    ))
}

/// The first digits and letters, the others masked.
fn head(found: &str, keep: usize) -> String {
    let mut seen = 0;
    let mask = |c: char| {
        if c.is_alphanumeric() {
            seen += 1;
        }
        if c.is_alphanumeric() && seen > keep {
            '*'
        } else {
            c
        }
    };
    found.chars().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn general(entity: Entity, found: &str) -> Option<String> {
        of(entity, found, Generalization::default())
    }

    #[test]
    fn dates_and_ages() {
        assert_eq!(
            general(Entity::DATE_TIME, "1990-05-12").as_deref(),
            Some("1990")
        );
        assert_eq!(
            general(Entity::DATE_OF_BIRTH, "1990年5月12日").as_deref(),
            Some("1990年")
        );
        assert_eq!(general(Entity::DATE_TIME, "下周一"), None);
        let months = Generalization {
            months: true,
            years: 5,
        };
        assert_eq!(
            of(Entity::DATE_TIME, "5/12/1990", months).as_deref(),
            Some("1990-05")
        );
        assert_eq!(of(Entity::AGE, "38", months).as_deref(), Some("35-39"));
        assert_eq!(general(Entity::AGE, "93").as_deref(), Some("90+"));
        assert_eq!(general(Entity::AGE, "三十"), None);
    }

    #[test]
    fn places_hosts_and_numbers() {
        assert_eq!(
            general(Entity::CN_ADDRESS, "广东省深圳市南山区科技路1号").as_deref(),
            Some("广东省深圳市")
        );
        assert_eq!(
            general(Entity::LOCATION, "12 Main St, Springfield, IL 62701").as_deref(),
            Some("IL")
        );
        assert_eq!(general(Entity::LOCATION, "Springfield"), None);
        assert_eq!(
            general(Entity::IP_ADDRESS, "10.1.2.3").as_deref(),
            Some("10.1.0.0/16")
        );
        assert_eq!(
            general(Entity::IP_ADDRESS, "2001:db8:1:2::3").as_deref(),
            Some("2001:db8:1::/48")
        );
        assert_eq!(
            general(Entity::ZIP_CODE, "94107-1234").as_deref(),
            Some("941**-****")
        );
        assert_eq!(
            general(Entity::EMAIL_ADDRESS, "a@b.cn").as_deref(),
            Some("*@b.cn")
        );
        assert_eq!(
            general(Entity::URL, "https://x.org/a?b").as_deref(),
            Some("x.org")
        );
        assert_eq!(general(Entity::US_SSN, "219-09-9998"), None);
    }
}

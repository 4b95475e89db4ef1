//! Format-preserving pseudonyms: a number of the same format with valid check digits, the same for
//! equal findings of a dataset, and back with the key.
//!
//! The digits and letters that may change are one number, which FF1 permutes. Check digits are
//! computed anew; where an identifier has a rule, the permutation is walked until the rule holds,
//! which is a permutation of what the rule allows.

use super::calendar::{day_number, day_of};
use super::format::{self, Slot};
use super::keys::MasterKey;
use super::permutation::Permutation;
use crate::checksum::{luhn, mod_11_2, mod_97};
use crate::entity::Entity;
use crate::rules;

/// The most steps until the rule of an identifier holds.
const MAX_STEPS: usize = 5000;

/// The days of the years 1900 to 2099, in which dates of birth lie.
const FIRST_DAY: i64 = -25_567;
const DAYS: u128 = 73_049;

/// The pseudonym of a finding; none where its kind has no format or too few values.
pub fn forward(key: &MasterKey, entity: Entity, name: &str, found: &str) -> Option<String> {
    map(key, entity, name, found, Permutation::forward)
}

/// What a pseudonym stands for.
pub fn back(key: &MasterKey, entity: Entity, name: &str, found: &str) -> Option<String> {
    map(key, entity, name, found, Permutation::back)
}

type Step = fn(&Permutation, &[u8], u128, u128) -> Option<u128>;

fn map(key: &MasterKey, entity: Entity, name: &str, found: &str, step: Step) -> Option<String> {
    let permutation = Permutation::new(&key.mac(&[b"steward anonymizer pseudonym"]))?;
    let mut chars: Vec<char> = found.chars().collect();
    match entity {
        // These have no digits that may be any digits.
        Entity::PERSON
        | Entity::LOCATION
        | Entity::ORGANIZATION
        | Entity::NRP
        | Entity::CN_ADDRESS
        | Entity::DATE_TIME
        | Entity::DATE_OF_BIRTH
        | Entity::AGE
        | Entity::URL
        | Entity::ENCRYPTED => return None,
        Entity::CN_RESIDENT_ID if resident_id(&permutation, &mut chars, step).is_some() => {}
        Entity::CREDIT_CARD | Entity::BANK_CARD => card(&permutation, name, &mut chars, step)?,
        Entity::IBAN_CODE => iban(&permutation, name, &mut chars, step)?,
        Entity::IP_ADDRESS => address(&permutation, name, &mut chars, step)?,
        Entity::MAC_ADDRESS => {
            let places = hexadecimal_places(&chars);
            hexadecimal(&permutation, name, &mut chars, &places, step)?;
        }
        Entity::UUID => {
            let mut places = hexadecimal_places(&chars);
            // Version and variant stay, so that it is still one.
            for stays in [16, 12] {
                (places.len() > stays).then(|| places.remove(stays))?;
            }
            hexadecimal(&permutation, name, &mut chars, &places, step)?;
        }
        _ => general(&permutation, entity, name, &mut chars, step)?,
    }
    Some(chars.into_iter().collect())
}

/// Permutes what stands in some slots, in parts where it is long.
fn permute(
    permutation: &Permutation,
    name: &str,
    chars: &mut [char],
    slots: &[Slot],
    step: Step,
) -> Option<()> {
    for (i, chunk) in format::chunks(slots).into_iter().enumerate() {
        let (value, size) = format::read(chars, chunk);
        let tweak = format!("{name}/{i}/{}", slots.len());
        format::write(
            chars,
            chunk,
            step(permutation, tweak.as_bytes(), value, size)?,
        );
    }
    Some(())
}

/// Any identifier: its rule, if it has one, holds of the pseudonym as it held of the finding.
fn general(
    permutation: &Permutation,
    entity: Entity,
    name: &str,
    chars: &mut [char],
    step: Step,
) -> Option<()> {
    let mut slots = format::slots(chars);
    match entity {
        // The area or the network stays, so that it is still a number of its country.
        Entity::PHONE_NUMBER
        | Entity::TR_PHONE_NUMBER
        | Entity::PH_MOBILE_NUMBER
        | Entity::ZA_MOBILE_NUMBER
        | Entity::ZA_TELEPHONE_NUMBER => {
            slots.drain(..slots.len().saturating_sub(8));
        }
        Entity::EMAIL_ADDRESS => {
            let at = chars.iter().rposition(|c| matches!(c, '@' | '＠'))?;
            slots.retain(|slot| slot.at < at);
        }
        Entity::CN_LICENSE_PLATE => {
            slots.retain(|slot| slot.at > 1);
        }
        _ => {}
    }
    let wanted = verdict(entity, chars);
    for _ in 0..MAX_STEPS {
        permute(permutation, name, chars, &slots, step)?;
        if verdict(entity, chars) == wanted {
            return Some(());
        }
    }
    None
}

fn verdict(entity: Entity, chars: &[char]) -> Option<rules::Verdict> {
    rules::judge(entity, &chars.iter().collect::<String>())
}

/// The issuer stays, and the Luhn digit is computed anew.
fn card(permutation: &Permutation, name: &str, chars: &mut [char], step: Step) -> Option<()> {
    let digits: Vec<Slot> = format::slots(chars)
        .into_iter()
        .filter(Slot::is_digit)
        .collect();
    let (last, body) = digits.split_last()?;
    permute(permutation, name, chars, body.get(6..)?, step)?;
    let values: Vec<u8> = digits
        .iter()
        .map(|slot| slot.value(chars[slot.at]) as u8)
        .collect();
    let check = (0..10u16).find(|check| {
        let mut values = values.clone();
        if let Some(place) = values.last_mut() {
            *place = *check as u8;
        }
        luhn(&values)
    })?;
    chars[last.at] = last.char(check);
    Some(())
}

/// The country stays, and the check digits are computed anew.
fn iban(permutation: &Permutation, name: &str, chars: &mut [char], step: Step) -> Option<()> {
    let slots = format::slots(chars);
    let (head, body) = slots.split_at_checked(4)?;
    permute(permutation, name, chars, body, step)?;
    let plain = |c: char| match c {
        '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    let country = [plain(chars[head[0].at]), plain(chars[head[1].at]), '0', '0'];
    let rest = mod_97(body.iter().map(|slot| plain(chars[slot.at])).chain(country));
    let check = (98 - rest) as u16;
    chars[head[2].at] = head[2].char(check / 10);
    chars[head[3].at] = head[3].char(check % 10);
    Some(())
}

/// The region stays; the date of birth becomes another date, and the check character is computed
/// anew.
fn resident_id(permutation: &Permutation, chars: &mut [char], step: Step) -> Option<()> {
    let places: Vec<usize> = (0..chars.len())
        .filter(|at| chars[*at].is_alphanumeric())
        .collect();
    if places.len() != 18 {
        return None;
    }
    let slots: Vec<Slot> = places[..17]
        .iter()
        .filter_map(|at| Slot::of(*at, chars[*at]))
        .collect();
    let [region @ .., _, _, _, _, _, _, _, _, _, _, _] = slots.as_slice() else {
        return None;
    };
    if region.len() != 6 || !slots.iter().all(Slot::is_digit) {
        return None;
    }
    let number = |slots: &[Slot]| format::read(chars, slots).0;
    let date = (
        number(&slots[6..10]),
        number(&slots[10..12]),
        number(&slots[12..14]),
    );
    let day = day_number(date.0 as i64, date.1 as u32, date.2 as u32) - FIRST_DAY;
    let day = u128::try_from(day).ok().filter(|day| *day < DAYS)?;
    let value = day * 1000 + number(&slots[14..17]);
    let value = step(permutation, b"CN_RESIDENT_ID", value, DAYS * 1000)?;
    let (year, month, day) = day_of((value / 1000) as i64 + FIRST_DAY);
    format::write(chars, &slots[6..10], year as u128);
    format::write(chars, &slots[10..12], u128::from(month));
    format::write(chars, &slots[12..14], u128::from(day));
    format::write(chars, &slots[14..17], value % 1000);
    let digits: Vec<u8> = slots
        .iter()
        .map(|slot| slot.value(chars[slot.at]) as u8)
        .collect();
    let wide = !chars[slots[0].at].is_ascii();
    chars[places[17]] = match mod_11_2(&digits) {
        'X' if wide => 'Ｘ',
        c if wide => char::from_u32(c as u32 + 0xFEE0).unwrap_or(c),
        c => c,
    };
    Some(())
}

/// Four octets, or hexadecimal digits; a prefix length and a zone stay.
fn address(permutation: &Permutation, name: &str, chars: &mut Vec<char>, step: Step) -> Option<()> {
    let end = chars
        .iter()
        .position(|c| matches!(c, '/' | '%'))
        .unwrap_or(chars.len());
    let text: String = chars[..end].iter().collect();
    let Ok(address) = text.parse::<std::net::Ipv4Addr>() else {
        let tail = chars.split_off(end);
        let places = hexadecimal_places(chars);
        hexadecimal(permutation, name, chars, &places, step)?;
        chars.extend(tail);
        return Some(());
    };
    let value = u128::from(u32::from(address));
    let value = step(permutation, name.as_bytes(), value, 1 << 32)?;
    let address = std::net::Ipv4Addr::from(value as u32).to_string();
    let tail = chars.split_off(end);
    *chars = address.chars().chain(tail).collect();
    Some(())
}

/// Hexadecimal digits in the case of the first letter among them.
fn hexadecimal_places(chars: &[char]) -> Vec<usize> {
    (0..chars.len())
        .filter(|at| chars[*at].is_ascii_hexdigit())
        .collect()
}

fn hexadecimal(
    permutation: &Permutation,
    name: &str,
    chars: &mut [char],
    places: &[usize],
    step: Step,
) -> Option<()> {
    let capital = places.iter().any(|at| chars[*at].is_ascii_uppercase());
    let digit = |at: &usize| u128::from(chars[*at].to_digit(16).unwrap_or(0));
    if places.len() > 27 {
        let (first, rest) = places.split_at(places.len() / 2);
        for half in [first, rest] {
            let value = half.iter().fold(0, |n, at| {
                n << 4 | u128::from(chars[*at].to_digit(16).unwrap_or(0))
            });
            write_hex(
                chars,
                half,
                step(permutation, name.as_bytes(), value, 1 << (half.len() * 4))?,
                capital,
            );
        }
        return Some(());
    }
    let value = places.iter().map(digit).fold(0, |n, d| n << 4 | d);
    let value = step(permutation, name.as_bytes(), value, 1 << (places.len() * 4))?;
    write_hex(chars, places, value, capital);
    Some(())
}

fn write_hex(chars: &mut [char], places: &[usize], mut value: u128, capital: bool) {
    for at in places.iter().rev() {
        let digit = char::from_digit((value & 15) as u32, 16).unwrap_or('0');
        chars[*at] = if capital {
            digit.to_ascii_uppercase()
        } else {
            digit
        };
        value >>= 4;
    }
}

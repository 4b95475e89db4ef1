//! The recognizers, one file each, and the table of them.
//!
//! They are hand-written scanners: every call of a plugin gets a fresh instance, and compiling
//! regular expressions would cost more than the scan. Each looks at a character a bounded number
//! of times, so the time is linear in the text.

mod age;
mod card;
mod chinese;
mod cn_resident_id;
mod crypto;
mod date;
mod digits;
mod email;
mod encrypted;
mod iban;
mod ip;
mod mac;
mod money;
mod phone;
mod url;

use crate::entity::Entity;
use crate::finding::{Candidate, Source};
use crate::text::{Signals, Text};

pub use cn_resident_id::is_region;

/// A scanner for one kind of thing.
pub struct Recognizer {
    /// Its name in findings.
    pub name: &'static str,
    /// What it can find.
    pub entities: &'static [Entity],
    /// Whether a text with these signals can hold anything for it.
    pub worth_a_look: fn(&Signals) -> bool,
    /// Tells the sink what it finds.
    pub scan: fn(&[char], &mut Sink<'_>),
}

/// Every recognizer.
pub static ALL: [Recognizer; 18] = [
    Recognizer {
        name: "email",
        entities: &[Entity::EMAIL_ADDRESS],
        worth_a_look: |s| s.at && s.dots > 0,
        scan: email::scan,
    },
    Recognizer {
        name: "phone",
        entities: &[Entity::PHONE_NUMBER],
        worth_a_look: |s| s.digits >= 7,
        scan: phone::scan,
    },
    Recognizer {
        name: "cn_resident_id",
        entities: &[Entity::CN_RESIDENT_ID],
        worth_a_look: |s| s.digits >= 17,
        scan: cn_resident_id::scan,
    },
    Recognizer {
        name: "card",
        entities: &[Entity::CREDIT_CARD, Entity::BANK_CARD],
        worth_a_look: |s| s.digits >= 12,
        scan: card::scan,
    },
    Recognizer {
        name: "iban",
        entities: &[Entity::IBAN_CODE],
        worth_a_look: |s| s.digits >= 4 && s.letters >= 2,
        scan: iban::scan,
    },
    Recognizer {
        name: "ip",
        entities: &[Entity::IP_ADDRESS],
        worth_a_look: |s| s.dots >= 3 && s.digits >= 4 || s.colons >= 2,
        scan: ip::scan,
    },
    Recognizer {
        name: "mac",
        entities: &[Entity::MAC_ADDRESS],
        worth_a_look: |s| s.colons >= 5 || s.hyphens >= 2 || s.dots >= 2,
        scan: mac::scan,
    },
    Recognizer {
        name: "url",
        entities: &[Entity::URL],
        worth_a_look: |s| s.dots > 0 || s.colons > 0,
        scan: url::scan,
    },
    Recognizer {
        name: "crypto",
        entities: &[Entity::CRYPTO],
        worth_a_look: |s| s.digits >= 2 && s.digits + s.letters >= 26,
        scan: crypto::scan,
    },
    Recognizer {
        name: "date",
        entities: &[Entity::DATE_TIME],
        worth_a_look: |s| s.digits > 0 || s.han > 1 || s.letters > 5,
        scan: date::scan,
    },
    Recognizer {
        name: "date",
        entities: &[Entity::DATE_OF_BIRTH],
        worth_a_look: |s| s.digits > 0 || s.han > 1 || s.letters > 5,
        scan: date::scan_births,
    },
    Recognizer {
        name: "age",
        entities: &[Entity::AGE],
        worth_a_look: |s| s.digits > 0 || s.han > 1,
        scan: age::scan,
    },
    Recognizer {
        name: "money",
        entities: &[Entity::MONEY],
        worth_a_look: |s| s.digits > 0 || s.han > 1,
        scan: money::scan,
    },
    Recognizer {
        name: "encrypted",
        entities: &[Entity::ENCRYPTED],
        worth_a_look: |s| s.colons > 0,
        scan: encrypted::scan,
    },
    Recognizer {
        name: "cn_license_plate",
        entities: &[Entity::CN_LICENSE_PLATE],
        worth_a_look: |s| s.han > 0 && s.digits > 0,
        scan: chinese::plate::scan,
    },
    Recognizer {
        name: "cn_messenger",
        entities: &[Entity::WECHAT_ID, Entity::QQ_NUMBER],
        worth_a_look: |s| s.digits + s.letters >= 5,
        scan: chinese::messenger::scan,
    },
    Recognizer {
        name: "cn_address",
        entities: &[Entity::CN_ADDRESS, Entity::LOCATION],
        worth_a_look: |s| s.han > 2,
        scan: chinese::address::scan,
    },
    Recognizer {
        name: "cn_name",
        entities: &[Entity::PERSON],
        worth_a_look: |s| s.han > 2,
        scan: chinese::name::scan,
    },
];

/// Whether `chars` has `word` at `at`.
fn is_at(chars: &[char], at: usize, word: &str) -> bool {
    let mut here = chars.get(at..).unwrap_or_default().iter();
    word.chars().all(|c| here.next() == Some(&c))
}

/// Takes what a recognizer finds.
pub struct Sink<'a> {
    recognizer: &'static str,
    candidates: &'a mut Vec<Candidate>,
}

impl Sink<'_> {
    /// Proposes `[start, end)` as an entity.
    pub fn found(&mut self, entity: Entity, start: usize, end: usize, score: f32) {
        self.found_divisible(entity, start, end, score, end);
    }

    /// Proposes `[start, end)` as an entity that may be cut short, but not before `least_end`.
    pub fn found_divisible(
        &mut self,
        entity: Entity,
        start: usize,
        end: usize,
        score: f32,
        least_end: usize,
    ) {
        self.candidates.push(Candidate {
            entity,
            start,
            end,
            least_end,
            score,
            source: Source::BuiltIn(self.recognizer),
        });
    }
}

impl Recognizer {
    /// Adds what it finds in a text.
    pub fn run(&self, text: &Text, candidates: &mut Vec<Candidate>) {
        if (self.worth_a_look)(&text.signals) {
            (self.scan)(
                text.chars(),
                &mut Sink {
                    recognizer: self.name,
                    candidates,
                },
            );
        }
    }
}

/// For the tests of recognizers: what `scan` finds in `text` at a score of at least `min_score`.
#[cfg(test)]
fn found(scan: fn(&[char], &mut Sink<'_>), text: &str, min_score: f32) -> Vec<(Entity, String)> {
    let folded = Text::new(text);
    let mut candidates = Vec::new();
    scan(
        folded.chars(),
        &mut Sink {
            recognizer: "test",
            candidates: &mut candidates,
        },
    );
    candidates.retain(|c| c.score >= min_score);
    let original: Vec<char> = text.chars().collect();
    crate::overlap::resolve(candidates)
        .kept
        .into_iter()
        .map(|c| {
            let span = folded.span(c.start, c.end);
            (
                c.entity,
                original[span.start as usize..span.end as usize]
                    .iter()
                    .collect(),
            )
        })
        .collect()
}

/// As [`found`], the texts alone.
#[cfg(test)]
fn texts(scan: fn(&[char], &mut Sink<'_>), text: &str) -> Vec<String> {
    found(scan, text, 0.5)
        .into_iter()
        .map(|(_, text)| text)
        .collect()
}

//! What only Chinese texts hold: plates, addresses, names and accounts of messengers.

pub mod address;
pub mod messenger;
pub mod name;
pub mod plate;

use super::is_at;

/// Past what stands between a label and what it announces: `：`, `号码是`, brackets, spaces.
fn past_label(chars: &[char], mut at: usize) -> usize {
    let most = at + 8;
    while at < most
        && chars.get(at).is_some_and(|c| {
            matches!(
                c,
                ':' | '：'
                    | ' '
                    | '='
                    | '号'
                    | '码'
                    | '為'
                    | '为'
                    | '是'
                    | '叫'
                    | '「'
                    | '"'
                    | '“'
                    | '【'
                    | '('
                    | '（'
                    | '\u{FE55}'
            )
        })
    {
        at += 1;
    }
    at
}

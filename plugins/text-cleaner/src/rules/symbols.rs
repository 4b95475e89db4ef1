//! `symbols`: the characters that the configuration names go, such as the bullets of copied lists.

use crate::edits::{Edits, Rewrite};

/// Each run of such characters is one place. `unwanted` is sorted.
pub fn apply(text: &str, unwanted: &[char]) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let mut run = None;
    for (position, c) in text.char_indices() {
        match (unwanted.binary_search(&c).is_ok(), run) {
            (true, None) => run = Some(position),
            (false, Some(start)) => {
                edits.remove(start, position);
                run = None;
            }
            _ => {}
        }
    }
    if let Some(start) = run {
        edits.remove(start, text.len());
    }
    edits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_go() {
        let rewrite = apply("◆●一■ ◆", &['■', '◆', '●']).unwrap();
        assert_eq!((rewrite.text.as_str(), rewrite.places), ("一 ", 3));
        assert_eq!(apply("一", &['■']), None);
        assert_eq!(apply("一", &[]), None);
    }
}

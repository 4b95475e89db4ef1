//! `name` or `name@selector` on the command line.

use std::str::FromStr;

use steward_registry::{InvalidId, Name, Selector};

/// A plugin or model, and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub name: Name,
    pub selector: Option<Selector>,
}

impl FromStr for Reference {
    type Err = InvalidId;

    fn from_str(given: &str) -> Result<Self, InvalidId> {
        match given.split_once('@') {
            None => Ok(Self {
                name: given.parse()?,
                selector: None,
            }),
            Some((name, selector)) => Ok(Self {
                name: name.parse()?,
                selector: Some(selector.parse()?),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_selectors_are_checked() {
        assert_eq!("a".parse::<Reference>().unwrap().selector, None);
        assert!(matches!(
            "a@1.0.0".parse::<Reference>().unwrap().selector,
            Some(Selector::Version(_))
        ));
        assert!(matches!(
            "a@stable".parse::<Reference>().unwrap().selector,
            Some(Selector::Alias(_))
        ));
        for bad in ["", "@1.0.0", "a@", "../a", "a@../b", "a@1@2"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}

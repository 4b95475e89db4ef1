//! Characters hidden from one end, as of ZIP codes and telephone numbers.

use super::ROOT;
use crate::spec::{MaskSpec, Side};
use crate::{AnonymityError, Limits};

pub(crate) struct Mask<'a> {
    spec: &'a MaskSpec,
    /// How many characters each level hides.
    hidden: Vec<usize>,
}

impl<'a> Mask<'a> {
    pub fn new<'v>(
        column: &str,
        spec: &'a MaskSpec,
        values: impl Iterator<Item = &'v String>,
        limits: &Limits,
    ) -> Result<Self, AnonymityError> {
        let longest = values.map(|value| value.chars().count()).max().unwrap_or(0);
        let hidden = match &spec.hidden {
            Some(hidden) => hidden.clone(),
            None => (1..longest).collect(),
        };
        if hidden.contains(&0) || !hidden.is_sorted_by(|fewer, more| fewer < more) {
            let reason = "`hidden` must grow from level to level, as in 1, 2, 3";
            return Err(AnonymityError::hierarchy(column, reason));
        }
        let levels = format!("levels of the hierarchy of `{column}`");
        AnonymityError::limit(
            levels,
            hidden.len() as u64 + 2,
            limits.hierarchy_levels as u64,
        )?;
        Ok(Self { spec, hidden })
    }

    pub fn row(&self, value: &str) -> Vec<String> {
        let length = value.chars().count();
        let mut row = vec![value.to_owned()];
        row.extend(self.hidden.iter().map(|&hidden| {
            let shown = length.saturating_sub(hidden);
            let mask = |(at, char)| {
                let hide = match self.spec.side {
                    Side::Right => at >= shown,
                    Side::Left => at < length - shown,
                };
                if hide { self.spec.mask } else { char }
            };
            value.chars().enumerate().map(mask).collect()
        }));
        row.push(ROOT.to_owned());
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(hidden: Option<Vec<usize>>, side: Side) -> MaskSpec {
        MaskSpec {
            hidden,
            side,
            mask: '*',
        }
    }

    #[test]
    fn characters_are_hidden_from_one_end() {
        let values = ["81667".to_owned(), "邮编".to_owned()];
        let spec = mask(None, Side::Right);
        let built = Mask::new("zip", &spec, values.iter(), &Limits::default()).unwrap();
        assert_eq!(
            built.row("81667"),
            ["81667", "8166*", "816**", "81***", "8****", "*"]
        );
        assert_eq!(built.row("邮编"), ["邮编", "邮*", "**", "**", "**", "*"]);
        let spec = mask(Some(vec![2, 4]), Side::Left);
        let built = Mask::new("zip", &spec, values.iter(), &Limits::default()).unwrap();
        assert_eq!(built.row("81667"), ["81667", "**667", "****7", "*"]);
    }

    #[test]
    fn levels_that_do_not_grow_are_refused() {
        for hidden in [vec![0], vec![2, 1], vec![3, 3]] {
            let spec = mask(Some(hidden), Side::Right);
            assert!(Mask::new("zip", &spec, [].iter(), &Limits::default()).is_err());
        }
        let long = ["x".repeat(1000)];
        assert!(
            Mask::new(
                "note",
                &mask(None, Side::Right),
                long.iter(),
                &Limits::default()
            )
            .is_err()
        );
    }
}

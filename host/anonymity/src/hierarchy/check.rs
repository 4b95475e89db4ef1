//! A hierarchy from its rows, if they are one.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Hierarchy, Level};
use crate::error::shown;
use crate::{AnonymityError, Limits};

/// Rows of `value, level 1, level 2, …` to a hierarchy.
///
/// # Errors
///
/// No rows, rows of different depth, a value twice, a label that is above itself, or a label under two others.
pub(crate) fn from_rows(
    column: &str,
    rows: Vec<Vec<String>>,
    limits: &Limits,
) -> Result<Hierarchy, AnonymityError> {
    let wrong = |reason: String| AnonymityError::hierarchy(column, reason);
    let depth = rows.first().map_or(0, Vec::len);
    if depth == 0 {
        return Err(wrong("it is empty; give one row for each value".into()));
    }
    let what = |what: &str| format!("{what} of the hierarchy of `{column}`");
    AnonymityError::limit(
        what("values"),
        rows.len() as u64,
        limits.hierarchy_values as u64,
    )?;
    AnonymityError::limit(what("levels"), depth as u64, limits.hierarchy_levels as u64)?;
    for row in &rows {
        if row.len() != depth {
            let value = row.first().map_or("", String::as_str);
            return Err(wrong(format!(
                "`{}` has {} levels where the first row has {depth}; every value needs the same number of levels",
                shown(value),
                row.len()
            )));
        }
    }
    no_cycle(&rows).map_err(wrong)?;

    let mut levels = Vec::with_capacity(depth);
    for level in 0..depth {
        let mut numbers: FxHashMap<&str, u32> = FxHashMap::default();
        let mut built = Level {
            labels: Vec::new(),
            of: Vec::with_capacity(rows.len()),
            sizes: Vec::new(),
            up: Vec::new(),
        };
        for row in &rows {
            let label = row[level].as_str();
            let code = *numbers.entry(label).or_insert(built.labels.len() as u32);
            if code as usize == built.labels.len() {
                built.labels.push(label.to_owned());
                built.sizes.push(0);
            } else if level == 0 {
                return Err(wrong(format!(
                    "the value `{}` has two rows; keep one",
                    shown(label)
                )));
            }
            built.sizes[code as usize] += 1;
            built.of.push(code);
        }
        levels.push(built);
    }
    for level in 1..depth {
        let (below, above) = levels.split_at_mut(level);
        let (below, above) = (&mut below[level - 1], &above[0]);
        const UNKNOWN: u32 = u32::MAX;
        below.up = vec![UNKNOWN; below.labels.len()];
        for (&label, &parent) in below.of.iter().zip(&above.of) {
            let up = &mut below.up[label as usize];
            if *up != UNKNOWN && *up != parent {
                return Err(wrong(format!(
                    "on level {} `{}` lies under both `{}` and `{}` of level {level}; a label can have one parent only",
                    level - 1,
                    shown(&below.labels[label as usize]),
                    shown(&above.labels[*up as usize]),
                    shown(&above.labels[parent as usize]),
                )));
            }
            *up = parent;
        }
    }
    let numbers = levels[0].labels.iter().cloned().zip(0..).collect();
    Ok(Hierarchy { numbers, levels })
}

/// Walks from label to parent; a label that comes again on the way up is above itself.
fn no_cycle(rows: &[Vec<String>]) -> Result<(), String> {
    let mut parents: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    let mut seen = FxHashSet::default();
    for row in rows {
        for (label, parent) in row.iter().zip(row.iter().skip(1)) {
            // A label that stays the same for some levels is no cycle: an empty cell, `*`, `Other`.
            if label != parent && seen.insert((label, parent)) {
                parents.entry(label).or_default().push(parent);
            }
        }
    }
    let mut done: FxHashMap<&str, bool> = FxHashMap::default();
    for row in rows {
        // The way up, each label with the number of its parents that were followed.
        let mut way: Vec<(&str, usize)> = vec![(&row[0], 0)];
        while let Some((label, followed)) = way.last_mut() {
            let label = *label;
            if *followed == 0 {
                match done.get(label) {
                    Some(true) => {
                        way.pop();
                        continue;
                    }
                    Some(false) => {
                        let from = way.iter().position(|(seen, _)| *seen == label).unwrap_or(0);
                        let ring: Vec<String> =
                            way[from..].iter().map(|(seen, _)| shown(seen)).collect();
                        return Err(format!(
                            "it has a cycle: `{}`; a label must not lie above itself",
                            ring.join("` → `")
                        ));
                    }
                    None => {
                        done.insert(label, false);
                    }
                }
            }
            match parents
                .get(label)
                .and_then(|parents| parents.get(*followed))
            {
                Some(parent) => {
                    *followed += 1;
                    way.push((parent, 0));
                }
                None => {
                    done.insert(label, true);
                    way.pop();
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let row = |line: &str| line.split(';').map(str::to_owned).collect();
        text.lines().map(row).collect()
    }

    fn refused(text: &str) -> String {
        let limits = Limits::default();
        from_rows("job", rows(text), &limits)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn levels_count_the_values_below() {
        let built = from_rows(
            "city",
            rows("北京;华北;*\n天津;华北;*\n上海;华东;*"),
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(built.height(), 2);
        assert_eq!(built.levels[1].labels, ["华北", "华东"]);
        assert_eq!(built.levels[1].sizes, [2, 1]);
        assert_eq!(built.levels[1].of, [0, 0, 1]);
        assert_eq!(built.levels[0].up, [0, 0, 1]);
        assert_eq!(built.levels[1].up, [0, 0]);
    }

    #[test]
    fn what_is_no_hierarchy_is_refused_by_name() {
        assert!(
            refused("a;b;a").contains("cycle: `a` → `b` → `a`"),
            "{}",
            refused("a;b;a")
        );
        assert!(refused("a;b;*\nb;a;*").contains("cycle"));
        assert!(refused("a;x;*\nb;*").contains("`b` has 2 levels where the first row has 3"));
        assert!(refused("a;x\na;x").contains("`a` has two rows"));
        assert!(refused("a;x;p\nb;x;q").contains("`x` lies under both `p` and `q`"));
        assert!(refused("").contains("empty"));
    }

    #[test]
    fn a_label_that_stays_for_some_levels_is_no_cycle() {
        assert!(
            from_rows(
                "job",
                rows(";;*\nnurse;health;*\n*;*;*"),
                &Limits::default()
            )
            .is_ok()
        );
    }
}

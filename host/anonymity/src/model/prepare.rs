//! From models as the job names them to models that know the table.

use rustc_hash::FxHashMap;

use super::{Check, Grassberger, Kind, Tree};
use crate::error::shown;
use crate::hierarchy::{self, Found};
use crate::spec::{Distance, Estimator, Model};
use crate::table::{Column, Table};
use crate::{AnonymityError, Limits};

/// The sensitive columns that models look at, in the order of their histograms.
pub(crate) struct Sensitive<'t>(pub Vec<&'t Column>);

impl<'t> Sensitive<'t> {
    /// How many values each has.
    pub fn values(&self) -> Vec<usize> {
        self.0.iter().map(|column| column.values.len()).collect()
    }

    /// The values of each row of each, with how many there are.
    pub fn codes(&self) -> Vec<(&'t [u32], usize)> {
        self.0
            .iter()
            .map(|column| (column.codes.as_slice(), column.values.len()))
            .collect()
    }

    fn place(&mut self, column: &'t Column) -> usize {
        let known = self.0.iter().position(|known| known.name == column.name);
        known.unwrap_or_else(|| {
            self.0.push(column);
            self.0.len() - 1
        })
    }
}

/// Checks what the models ask for against the table, and counts what they compare with.
///
/// # Errors
///
/// More rows, people or values are asked for than there are, or a value has no place in an order or a hierarchy.
pub(crate) fn prepare<'t>(
    models: &[Model],
    table: &'t Table,
    population: Option<usize>,
    files: &mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
    limits: &Limits,
) -> Result<(Vec<Check>, Sensitive<'t>), AnonymityError> {
    let mut sensitive = Sensitive(Vec::new());
    let mut checks = Vec::new();
    for model in models {
        enough(model, table, population)?;
        let mut check = Check {
            model: model.clone(),
            histogram: 0,
            shares: Vec::new(),
            totals: Vec::new(),
            kind: Kind::Plain,
        };
        if let Some(column) = model.column().and_then(|name| table.column(name)) {
            check.histogram = sensitive.place(column);
            check.totals = vec![0; column.values.len()];
            for &code in &column.codes {
                check.totals[code as usize] += 1;
            }
            let share = |&total: &u64| total as f64 / table.rows as f64;
            check.shares = check.totals.iter().map(share).collect();
            check.kind = kind(model, column, files, limits)?;
        }
        checks.push(check);
    }
    Ok((checks, sensitive))
}

fn enough(model: &Model, table: &Table, population: Option<usize>) -> Result<(), AnonymityError> {
    let wrong = |reason: String| {
        Err(AnonymityError::Spec(format!(
            "the model {}: {reason}",
            model.name()
        )))
    };
    if model.needs_population() && population.is_none() {
        return wrong("it compares with a population; give the table of the population".into());
    }
    match model {
        Model::KAnonymity { k } if *k as usize > table.rows => {
            return wrong(format!("`k` is {k}, but the table has {} rows", table.rows));
        }
        Model::KMap { k } if population.is_some_and(|people| *k as usize > people) => {
            return wrong(format!(
                "`k` is {k}, but the population has {} rows",
                population.unwrap_or(0)
            ));
        }
        _ => {}
    }
    let l = match model {
        Model::DistinctLDiversity { l, .. } | Model::RecursiveClDiversity { l, .. } => {
            f64::from(*l)
        }
        Model::EntropyLDiversity { l, .. } => *l,
        _ => return Ok(()),
    };
    if let Some(column) = model.column().and_then(|name| table.column(name))
        && l > column.values.len() as f64
    {
        return wrong(format!(
            "`l` is {l}, but `{}` has {} different values",
            shown(&column.name),
            column.values.len()
        ));
    }
    Ok(())
}

fn kind(
    model: &Model,
    column: &Column,
    files: &mut dyn FnMut(&str) -> std::io::Result<Vec<u8>>,
    limits: &Limits,
) -> Result<Kind, AnonymityError> {
    match model {
        Model::EntropyLDiversity {
            estimator: Estimator::Grassberger,
            ..
        } => Ok(Kind::Grassberger(Grassberger::new(column.codes.len()))),
        Model::TCloseness {
            distance: Distance::Ordered { order },
            ..
        } => places(column, order.as_deref()).map(Kind::Ordered),
        Model::TCloseness {
            distance: Distance::Hierarchical { hierarchy },
            ..
        } => {
            let found = [Found {
                file: "table",
                column,
            }];
            let built = hierarchy::build(&column.name, Some(hierarchy), &found, files, limits)?;
            let codes = built.codes(&found[0])?;
            Ok(Kind::Hierarchical(Tree::new(&built, &codes)))
        }
        _ => Ok(Kind::Plain),
    }
}

/// The place of each value on the line.
fn places(column: &Column, order: Option<&[String]>) -> Result<Vec<u32>, AnonymityError> {
    if let Some(order) = order {
        return given(column, order);
    }
    let mut sorted: Vec<usize> = (0..column.values.len()).collect();
    let numbers: Option<Vec<f64>> = column
        .values
        .iter()
        .map(|value| {
            value
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
        })
        .collect();
    match numbers {
        Some(numbers) => sorted.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
        None => sorted.sort_by(|&a, &b| column.values[a].cmp(&column.values[b])),
    }
    let mut places = vec![0; sorted.len()];
    for (place, value) in (0..).zip(sorted) {
        places[value] = place;
    }
    Ok(places)
}

/// The places that the job says. Values that the data lacks keep theirs, so that those around them stay as far apart as
/// they were drawn.
fn given(column: &Column, order: &[String]) -> Result<Vec<u32>, AnonymityError> {
    let wrong = |reason: &str, value: &str| {
        let name = shown(&column.name);
        AnonymityError::Spec(format!(
            "the order of `{name}` {reason} the value `{}`",
            shown(value)
        ))
    };
    let mut known: FxHashMap<&str, u32> = FxHashMap::default();
    for (place, value) in (0..).zip(order) {
        if known.insert(value, place).is_some() {
            return Err(wrong("has twice", value));
        }
    }
    let place = |value: &String| {
        known
            .get(value.as_str())
            .copied()
            .ok_or_else(|| wrong("lacks", value))
    };
    column.values.iter().map(place).collect()
}

//! Who did what, as a sparse table of users and items.

use std::collections::BTreeMap;

use crate::FeedbackError;
use crate::error::{at_most, shown};

/// The most interactions.
const MAX_INTERACTIONS: usize = 20_000_000;

/// A sparse table. Users and items are numbered in the order in which they first come.
#[derive(Debug, Clone, Default)]
pub struct Interactions {
    users: Vec<String>,
    items: Vec<String>,
    user_places: BTreeMap<String, usize>,
    item_places: BTreeMap<String, usize>,
    by_user: Vec<Vec<(usize, f64)>>,
    by_item: Vec<Vec<(usize, f64)>>,
}

fn place(places: &mut BTreeMap<String, usize>, names: &mut Vec<String>, name: &str) -> usize {
    if let Some(place) = places.get(name) {
        return *place;
    }
    places.insert(name.to_owned(), names.len());
    names.push(name.to_owned());
    names.len() - 1
}

impl Interactions {
    /// Of triples of a user, an item and how much it says. What one user did with one item more than once adds up.
    ///
    /// # Errors
    /// A value that is not above 0, or over twenty million interactions.
    pub fn new<'a>(
        triples: impl IntoIterator<Item = (&'a str, &'a str, f64)>,
    ) -> Result<Self, FeedbackError> {
        let mut table = Self::default();
        let mut cells: Vec<BTreeMap<usize, f64>> = Vec::new();
        for (count, (user, item, value)) in triples.into_iter().enumerate() {
            at_most("interactions", count + 1, MAX_INTERACTIONS)?;
            if !(value > 0.0 && value.is_finite()) {
                return Err(FeedbackError::Invalid(format!(
                    "what `{}` did with `{}` has the value {value}; it is above 0, and what did not happen is left out",
                    shown(user),
                    shown(item)
                )));
            }
            let user = place(&mut table.user_places, &mut table.users, user);
            let item = place(&mut table.item_places, &mut table.items, item);
            if cells.len() <= user {
                cells.resize_with(user + 1, BTreeMap::new);
            }
            if let Some(row) = cells.get_mut(user) {
                *row.entry(item).or_default() += value;
            }
        }
        table.by_item = vec![Vec::new(); table.items.len()];
        for (user, row) in cells.into_iter().enumerate() {
            for (item, value) in &row {
                if let Some(column) = table.by_item.get_mut(*item) {
                    column.push((user, *value));
                }
            }
            table.by_user.push(row.into_iter().collect());
        }
        Ok(table)
    }

    /// The names of the users, by place.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// The names of the items, by place.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// The place of a user.
    pub fn user(&self, name: &str) -> Option<usize> {
        self.user_places.get(name).copied()
    }

    /// The place of an item.
    pub fn item(&self, name: &str) -> Option<usize> {
        self.item_places.get(name).copied()
    }

    /// The items of a user, in the order of their places; none for a user who is not there.
    pub fn of_user(&self, user: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.by_user.get(user).into_iter().flatten().copied()
    }

    /// The items of each user.
    pub(super) fn by_user(&self) -> &[Vec<(usize, f64)>] {
        &self.by_user
    }

    /// The users of each item.
    pub(super) fn by_item(&self) -> &[Vec<(usize, f64)>] {
        &self.by_item
    }

    /// How many users have each item.
    pub(super) fn popularity(&self) -> Vec<f64> {
        self.by_item
            .iter()
            .map(|users| users.len() as f64)
            .collect()
    }
}

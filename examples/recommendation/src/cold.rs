//! Answers where nothing is known of a customer.

use crate::shop::History;

/// How far an answer is from what is known of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Popular {
    /// In the segment.
    Segment,
    /// With everybody, since nobody is known of the segment.
    Everybody,
}

/// The items that most customers of a segment had to do with, most first, with how many. Items that nobody had to do with
/// are left out. `apart` leaves a customer out of the count, so that a measure does not know what it asks for.
pub fn popular(
    history: &History<'_>,
    segment: &str,
    apart: Option<usize>,
    most: usize,
) -> (Popular, Vec<(usize, u32)>) {
    let counted = |customer: usize| Some(customer) != apart;
    let of_segment = |customer: usize| {
        counted(customer) && !segment.is_empty() && history.shop().segment(customer) == segment
    };
    let found = first(&history.count(of_segment), most);
    match found.is_empty() {
        false => (Popular::Segment, found),
        true => (Popular::Everybody, first(&history.count(counted), most)),
    }
}

fn first(counts: &[u32], most: usize) -> Vec<(usize, u32)> {
    let counted = counts.iter().copied().enumerate();
    let mut found: Vec<(usize, u32)> = counted.filter(|(_, count)| *count > 0).collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Shop;

    #[test]
    fn a_segment_has_its_own_favourites_and_an_unknown_one_those_of_all() {
        let mut shop = Shop::default();
        for id in ["a", "b", "c"] {
            let text = serde_json::json!({ "en": id, "zh": id });
            let item =
                serde_json::json!({ "id": id, "category": "", "title": text, "about": text });
            shop.take("x.listed", id, 0, item.to_string().as_bytes());
        }
        for (customer, segment, item) in [
            ("1", "cn", "a"),
            ("2", "eu", "b"),
            ("3", "eu", "b"),
            ("3", "eu", "a"),
            ("1", "cn", "a"),
        ] {
            let data = serde_json::json!({ "customer": customer, "segment": segment }).to_string();
            shop.take("x.viewed", item, 0, data.as_bytes());
        }
        let shop = shop.settled();
        let history = shop.history();
        // Each customer counts once, however often.
        assert_eq!(
            popular(&history, "cn", None, 9),
            (Popular::Segment, vec![(0, 1)])
        );
        assert_eq!(
            popular(&history, "eu", None, 1),
            (Popular::Segment, vec![(1, 2)])
        );
        assert_eq!(
            popular(&history, "", None, 9),
            (Popular::Everybody, vec![(0, 2), (1, 2)])
        );
        assert_eq!(popular(&history, "火星", None, 9).0, Popular::Everybody);
        let three = shop.customer("3");
        assert_eq!(popular(&history, "eu", three, 9).1, [(1, 1)]);
    }
}

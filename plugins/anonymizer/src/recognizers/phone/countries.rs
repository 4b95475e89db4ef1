//! Country calling codes (ITU-T E.164) and how long the numbers behind them are.

/// Code, fewest and most digits of the national number, without a trunk `0`.
const LENGTHS: &[(u32, usize, usize)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 7, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 10),
    (47, 8, 8),
    (48, 9, 9),
    (49, 7, 12),
    (51, 8, 9),
    (52, 10, 11),
    (53, 8, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 10, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 9, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 11),
    (84, 9, 10),
    (86, 10, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 8, 10),
    (98, 10, 10),
    (211, 9, 9),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 9, 9),
    (234, 8, 10),
    (254, 9, 10),
    (351, 9, 9),
    (352, 6, 9),
    (353, 7, 9),
    (354, 7, 9),
    (357, 8, 8),
    (358, 6, 11),
    (359, 8, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (380, 9, 9),
    (381, 8, 9),
    (385, 8, 9),
    (386, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (852, 8, 8),
    (853, 8, 8),
    (880, 8, 10),
    (886, 8, 9),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 8, 8),
    (966, 9, 9),
    (968, 8, 8),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 8, 8),
    (977, 8, 10),
    (994, 9, 9),
    (995, 9, 9),
    (998, 9, 9),
];

/// The other codes of three digits that are assigned, as ranges.
const ASSIGNED: &[(u32, u32)] = &[
    (220, 269),
    (290, 291),
    (297, 299),
    (350, 359),
    (370, 383),
    (385, 387),
    (389, 389),
    (420, 423),
    (500, 509),
    (590, 599),
    (670, 692),
    (800, 800),
    (808, 808),
    (850, 856),
    (870, 870),
    (878, 888),
    (960, 968),
    (970, 979),
    (992, 998),
];

/// The calling code at the beginning of `digits`, if the rest has a length of its country: the
/// code and the national number.
pub fn split(digits: &[u8]) -> Option<(u32, &[u8])> {
    (1..=3.min(digits.len())).find_map(|size| {
        let (code, mut national) = digits.split_at(size);
        let code = code.iter().fold(0, |n, d| n * 10 + u32::from(*d));
        // Italy dials its zero from abroad; elsewhere people write it by mistake.
        if code != 39 && national.first() == Some(&0) {
            national = &national[1..];
        }
        let known = LENGTHS.iter().find(|(c, ..)| *c == code);
        let (least, most) = match known {
            Some(&(_, least, most)) => (least, most),
            None if ASSIGNED.iter().any(|(a, b)| (*a..=*b).contains(&code)) => (6, 11),
            None => return None,
        };
        (least..=most)
            .contains(&national.len())
            .then_some((code, national))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_lengths() {
        let split = |s: &str| {
            let digits: Vec<u8> = s.bytes().map(|b| b - b'0').collect();
            split(&digits).map(|(code, national)| (code, national.len()))
        };
        assert_eq!(split("8613812345678"), Some((86, 11)));
        assert_eq!(split("4402071234567"), Some((44, 10)));
        assert_eq!(split("14155550132"), Some((1, 10)));
        assert_eq!(split("85291234567"), Some((852, 8)));
        assert_eq!(split("390667843430"), Some((39, 10)));
        assert_eq!(split("1415555013"), None);
        assert_eq!(split("999123456789"), None);
        assert_eq!(split("8"), None);
        assert_eq!(split(""), None);
    }
}

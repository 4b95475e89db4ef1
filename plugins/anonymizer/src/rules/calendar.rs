//! Dates inside identifiers.

/// Whether it is a day of the Gregorian calendar. The plugin has no clock to ask what is the future.
pub fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Whether two digits of a year, a month and a day name a day of any century.
pub fn is_short_date(year: u32, month: u32, day: u32) -> bool {
    // 2000 was a leap year, 1900 was none: what one of them allows is possible.
    is_day(2000 + year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_kept() {
        assert!(is_day(2000, 2, 29) && is_day(1996, 2, 29) && is_day(1999, 12, 31));
        assert!(!is_day(1900, 2, 29) && !is_day(1999, 6, 31) && !is_day(1999, 1, 0));
        assert!(is_short_date(0, 2, 29) && !is_short_date(1, 2, 29) && !is_short_date(1, 13, 1));
    }
}

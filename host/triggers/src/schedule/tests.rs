use proptest::prelude::*;

use super::*;

/// The next times, as the clock on the wall shows them with its offset.
fn next(schedule: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let schedule: Schedule = schedule.parse().unwrap();
    let zone = zone(zone_name).unwrap();
    let mut at: Timestamp = after.parse().unwrap();
    (0..count)
        .map(|_| {
            at = schedule.next(at, &zone).unwrap();
            let wall = at.to_zoned_datetime(zone.clone());
            wall.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
        })
        .collect()
}

#[test]
fn fields_mean_what_cron_says() {
    for (schedule, after, wanted) in [
        (
            "*/15 * * * *",
            "2025-01-01T00:00:00Z",
            vec!["2025-01-01 00:15:00 +00:00", "2025-01-01 00:30:00 +00:00"],
        ),
        (
            "0 9-17/4 * * MON-FRI",
            "2025-01-03T17:00:00Z",
            vec![
                "2025-01-06 09:00:00 +00:00",
                "2025-01-06 13:00:00 +00:00",
                "2025-01-06 17:00:00 +00:00",
            ],
        ),
        (
            "30 20 10 1 2 *",
            "2025-01-01T00:00:00Z",
            vec!["2025-02-01 10:20:30 +00:00", "2026-02-01 10:20:30 +00:00"],
        ),
        (
            "0 0 29 2 *",
            "2025-01-01T00:00:00Z",
            vec!["2028-02-29 00:00:00 +00:00", "2032-02-29 00:00:00 +00:00"],
        ),
        (
            "0 0 29 2 *",
            "2096-03-01T00:00:00Z",
            vec!["2104-02-29 00:00:00 +00:00"],
        ),
        (
            "0 12 L * *",
            "2025-01-31T12:00:00Z",
            vec!["2025-02-28 12:00:00 +00:00", "2025-03-31 12:00:00 +00:00"],
        ),
        // Both days restricted: either.
        (
            "0 0 13 * 5",
            "2025-06-01T00:00:00Z",
            vec![
                "2025-06-06 00:00:00 +00:00",
                "2025-06-13 00:00:00 +00:00",
                "2025-06-20 00:00:00 +00:00",
            ],
        ),
        (
            "0 0 * * 7",
            "2025-01-01T00:00:00Z",
            vec!["2025-01-05 00:00:00 +00:00"],
        ),
        (
            "5/20 * * * *",
            "2025-01-01T00:00:00Z",
            vec![
                "2025-01-01 00:05:00 +00:00",
                "2025-01-01 00:25:00 +00:00",
                "2025-01-01 00:45:00 +00:00",
                "2025-01-01 01:05:00 +00:00",
            ],
        ),
        (
            "@weekly",
            "2025-01-01T00:00:00Z",
            vec!["2025-01-05 00:00:00 +00:00"],
        ),
        (
            "59 59 23 31 12 *",
            "2025-01-01T00:00:00Z",
            vec!["2025-12-31 23:59:59 +00:00"],
        ),
    ] {
        assert_eq!(
            next(schedule, "UTC", after, wanted.len()),
            wanted,
            "{schedule}"
        );
    }
}

#[test]
fn fixed_hours_run_once_when_clocks_are_changed() {
    // Germany, 30 March 2025: 02:00 is 03:00 at once; 26 October 2025: 03:00 is 02:00 again.
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z", 3),
        [
            "2025-03-30 03:00:00 +02:00",
            "2025-03-31 02:30:00 +02:00",
            "2025-04-01 02:30:00 +02:00"
        ]
    );
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", 2),
        ["2025-10-26 02:30:00 +02:00", "2025-10-27 02:30:00 +01:00"]
    );
    // Several times within what is left out are one run.
    assert_eq!(
        next("0,30 2,3 * * *", "Europe/Berlin", "2025-03-30T00:00:00Z", 3),
        [
            "2025-03-30 03:00:00 +02:00",
            "2025-03-30 03:30:00 +02:00",
            "2025-03-31 02:00:00 +02:00"
        ]
    );
    // New York, 9 March and 2 November 2025.
    assert_eq!(
        next("15 2 * * *", "America/New_York", "2025-03-08T12:00:00Z", 2),
        ["2025-03-09 03:00:00 -04:00", "2025-03-10 02:15:00 -04:00"]
    );
    assert_eq!(
        next("15 1 * * *", "America/New_York", "2025-11-01T12:00:00Z", 2),
        ["2025-11-02 01:15:00 -04:00", "2025-11-03 01:15:00 -05:00"]
    );
    // Lord Howe Island moves by half an hour.
    assert_eq!(
        next(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2025-10-04T00:00:00Z",
            2
        ),
        ["2025-10-05 02:30:00 +11:00", "2025-10-06 02:15:00 +11:00"]
    );
    // Samoa left out 30 December 2011.
    assert_eq!(
        next("0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", 2),
        ["2011-12-31 00:00:00 +14:00", "2011-12-31 12:00:00 +14:00"]
    );
}

#[test]
fn every_hour_follows_the_clock_on_the_wall() {
    assert_eq!(
        next("30 * * * *", "Europe/Berlin", "2025-03-30T00:00:00Z", 3),
        [
            "2025-03-30 01:30:00 +01:00",
            "2025-03-30 03:30:00 +02:00",
            "2025-03-30 04:30:00 +02:00"
        ]
    );
    assert_eq!(
        next("30 * * * *", "Europe/Berlin", "2025-10-25T23:45:00Z", 4),
        [
            "2025-10-26 02:30:00 +02:00",
            "2025-10-26 02:30:00 +01:00",
            "2025-10-26 03:30:00 +01:00",
            "2025-10-26 04:30:00 +01:00"
        ]
    );
}

#[test]
fn the_last_missed_time_is_found() {
    let utc = TimeZone::UTC;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let last = |schedule: &str, after: &str, now: &str| {
        schedule
            .parse::<Schedule>()
            .unwrap()
            .last(at(after), at(now), &utc)
    };
    assert_eq!(
        last("0 3 * * *", "2020-01-01T00:00:00Z", "2025-06-01T02:00:00Z"),
        Some(at("2025-05-31T03:00:00Z"))
    );
    assert_eq!(
        last(
            "* * * * * *",
            "2020-01-01T00:00:00Z",
            "2025-06-01T02:00:00Z"
        ),
        Some(at("2025-06-01T02:00:00Z"))
    );
    assert_eq!(
        last("0 3 * * *", "2025-06-01T03:00:00Z", "2025-06-02T02:59:59Z"),
        None
    );
}

#[test]
fn what_is_no_schedule_is_refused() {
    for bad in [
        "",
        "*",
        "* * * *",
        "* * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * 31 2 *",
        "*/0 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        "-1 * * * *",
        "a * * * *",
        "* * * foo *",
        "@never",
        "1/ * * * *",
        "1-2-3 * * * *",
        "+1 * * * *",
        "１ * * * *",
        "* * 30 feb *",
    ] {
        assert!(bad.parse::<Schedule>().is_err(), "{bad}");
    }
    assert!(zone("Mars/Phobos").is_err());
    assert!(zone("../../etc/passwd").is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[0-9*/,L a-z@-]{0,40}") {
        if let Ok(schedule) = text.parse::<Schedule>() {
            prop_assert!(schedule.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_some());
        }
    }

    #[test]
    fn the_next_time_is_later_and_fits(
        minute in 0u8..60, hour in 0u8..24, second in 0i64..4_000_000_000,
        place in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"]),
        wild: bool,
    ) {
        let text = if wild { format!("{minute} * * * *") } else { format!("{minute} {hour} * * *") };
        let schedule: Schedule = text.parse().unwrap();
        let zone = zone(place).unwrap();
        let after = Timestamp::from_second(second).unwrap();
        let next = schedule.next(after, &zone).unwrap();
        prop_assert!(next > after);
        // Nothing lies between: asked from any moment before, the answer is the same.
        let between = Timestamp::from_second((after.as_second() + next.as_second()) / 2).unwrap();
        if between >= after && between < next {
            prop_assert_eq!(schedule.next(between, &zone).unwrap(), next);
        }
        let wall = zone.to_datetime(next);
        prop_assert!(wall.minute() == minute as i8 || wall.minute() == 0 || wall.minute() == 30);
        if wild { prop_assert_eq!(wall.minute(), minute as i8); }
    }
}

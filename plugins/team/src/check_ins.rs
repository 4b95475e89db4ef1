//! Check-ins: which were due, and who missed them.

use std::collections::BTreeMap;

use steward_sdk::team::{Attendance, CheckIn, Error, Schedule};

use crate::notes::at_most;

const MAX_PEOPLE: usize = 5000;
const MAX_DONE: usize = 100_000;
const MAX_DATES: i128 = 10_000;
/// The most missed dates of all people together.
const MAX_MISSED: usize = 1_000_000;
/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// One attendance for each person, in order.
///
/// # Errors
/// `invalid-input` for a schedule without sense, or over 10,000 dates.
pub fn attendance(
    schedule: Schedule,
    people: &[String],
    done: &[CheckIn],
    now: i64,
) -> Result<Vec<Attendance>, Error> {
    at_most("people", people.len(), MAX_PEOPLE)?;
    at_most("check-ins", done.len(), MAX_DONE)?;
    let Schedule {
        begin,
        every_days,
        grace_days,
    } = schedule;
    if every_days == 0 || grace_days >= every_days {
        return Err(Error::InvalidInput(format!(
            "check-ins are due every {every_days} days with a grace of {grace_days}: they are due every day or more rarely, and the grace is shorter"
        )));
    }
    let (begin, now) = (i128::from(begin), i128::from(now));
    let (every, grace) = (i128::from(every_days) * DAY, i128::from(grace_days) * DAY);
    // The number of dates whose grace is over: those k with begin + k * every + grace < now.
    let over = ((now - begin - grace + every - 1).div_euclid(every)).max(0);
    if over > MAX_DATES {
        return Err(Error::InvalidInput(format!(
            "{over} check-ins were due since the schedule began; at most {MAX_DATES} are counted: let it begin later"
        )));
    }
    at_most(
        "dates of all people",
        usize::try_from(over)
            .unwrap_or(usize::MAX)
            .saturating_mul(people.len()),
        MAX_MISSED,
    )?;
    let mut by_person: BTreeMap<&str, Vec<i128>> = BTreeMap::new();
    for check_in in done {
        let at = i128::from(check_in.at);
        if at <= now {
            // The first date whose grace is not over yet; one below 0 is over before the schedule begins.
            let date = (at - begin - grace + every - 1).div_euclid(every);
            by_person.entry(&check_in.person).or_default().push(date);
        }
    }
    by_person
        .values_mut()
        .for_each(|dates| dates.sort_unstable());
    let due = |date: i128| i64::try_from(begin + date * every).unwrap_or(i64::MAX);
    let of = |person: &String| {
        let dates = by_person
            .get(person.as_str())
            .map_or(&[][..], Vec::as_slice);
        let came = |date: i128| dates.binary_search(&date).is_ok();
        let next = if came(over) { over + 1 } else { over };
        Attendance {
            person: person.clone(),
            due: u32::try_from(over).unwrap_or(u32::MAX),
            missed: (0..over).filter(|date| !came(*date)).map(due).collect(),
            next: due(next),
            open: begin + next * every <= now,
        }
    };
    Ok(people.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MICROS: i64 = 86_400_000_000;

    fn ask(done: &[i64], now: i64) -> Attendance {
        let schedule = Schedule {
            begin: 0,
            every_days: 7,
            grace_days: 2,
        };
        let done: Vec<CheckIn> = done
            .iter()
            .map(|at| CheckIn {
                person: "ann".into(),
                at: at * DAY_MICROS,
            })
            .collect();
        attendance(schedule, &["ann".into()], &done, now * DAY_MICROS)
            .unwrap()
            .remove(0)
    }

    #[test]
    fn a_check_in_counts_within_the_grace_and_no_later() {
        let found = ask(&[2], 3);
        assert_eq!((found.due, found.missed.len()), (1, 0));
        let found = ask(&[3], 4);
        assert_eq!(found.missed, [0], "a day behind the grace is for the next");
        assert_eq!((found.next, found.open), (14 * DAY_MICROS, false));
        let found = ask(&[], 23);
        assert_eq!(found.missed.len(), 3);
        assert_eq!((found.next, found.open), (21 * DAY_MICROS, true));
        assert_eq!(ask(&[], -30).due, 0);
        assert_eq!(ask(&[40], 3).missed, [0], "what is to come does not count");
        assert_eq!(ask(&[-4], 3).missed.len(), 0, "it may come before the date");
        assert_eq!(ask(&[-5], 3).missed, [0], "of a date before the first");
    }

    #[test]
    fn a_schedule_without_sense_is_refused() {
        for (every_days, grace_days, now) in [(0, 0, 0), (7, 7, 0), (1, 0, i64::MAX)] {
            let schedule = Schedule {
                begin: i64::MIN,
                every_days,
                grace_days,
            };
            assert!(attendance(schedule, &[], &[], now).is_err());
        }
    }
}

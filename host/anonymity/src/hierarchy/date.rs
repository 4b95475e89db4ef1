//! Dates to months, quarters, years and decades.

use jiff::civil::Date;

use super::ROOT;
use crate::AnonymityError;
use crate::spec::DateUnit;

/// Units must become coarser, or one month would lie in several of the next.
pub(crate) fn check(column: &str, units: &[DateUnit]) -> Result<(), AnonymityError> {
    if units.is_empty() || !units.is_sorted_by(|finer, coarser| finer < coarser) {
        let reason =
            "`units` must name one or more of month, quarter, year and decade, in this order";
        return Err(AnonymityError::hierarchy(column, reason));
    }
    Ok(())
}

pub(crate) fn row(value: &str, units: &[DateUnit]) -> Result<Vec<String>, String> {
    let date = date(value)
        .ok_or("it is no date such as 2024-02-29, 2024/2/29, 20240229 or 2024年2月29日")?;
    let (year, month) = (date.year(), date.month());
    let label = |unit: &DateUnit| match unit {
        DateUnit::Month => format!("{year:04}-{month:02}"),
        DateUnit::Quarter => format!("{year:04}-Q{}", (month + 2) / 3),
        DateUnit::Year => format!("{year:04}"),
        DateUnit::Decade => format!("{:04}s", year.div_euclid(10) * 10),
    };
    let mut row = vec![value.to_owned()];
    row.extend(units.iter().map(label));
    row.push(ROOT.to_owned());
    Ok(row)
}

/// Year, month, day; what follows a `T` or a space is a time of day, which every level drops.
fn date(value: &str) -> Option<Date> {
    let day = value.trim().split(['T', ' ']).next()?;
    let parts: Vec<&str> = if day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()) {
        vec![&day[..4], &day[4..6], &day[6..]]
    } else if let Some(chinese) = day.strip_suffix(['日', '号', '號']) {
        chinese.split(['年', '月']).collect()
    } else {
        let separator = ['-', '/', '.']
            .into_iter()
            .find(|separator| day.contains(*separator))?;
        day.split(separator).collect()
    };
    let &[year, month, day] = parts.as_slice() else {
        return None;
    };
    // Four digits of the year: 01/02/03 is three different dates in three countries.
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_languages_become_coarser() {
        let units = [
            DateUnit::Month,
            DateUnit::Quarter,
            DateUnit::Year,
            DateUnit::Decade,
        ];
        for value in [
            "2024-02-29",
            "2024/2/29",
            "20240229",
            "2024年2月29日",
            "2024.02.29",
            "2024-02-29T23:59",
        ] {
            let row = row(value, &units).unwrap();
            assert_eq!(row, [value, "2024-02", "2024-Q1", "2024", "2020s", "*"]);
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for value in [
            "2023-02-29",
            "29.02.2024",
            "01/02/03",
            "2024-13-01",
            "2024-02",
            "soon",
            "二〇二四年",
        ] {
            assert!(row(value, &[DateUnit::Year]).is_err(), "{value}");
        }
        assert!(check("born", &[DateUnit::Year, DateUnit::Month]).is_err());
        assert!(check("born", &[]).is_err());
    }
}

//! An alert in words: what came, what was expected, what would have been ordinary, which headlines drive it.

use crate::companies::{Company, Name};
use crate::detect::{Direction, Finding, Kind};
use crate::hours::Hour;
use crate::watch::Driver;

/// In English and in Chinese.
pub fn text(company: &Company, hour: Hour, finding: &Finding, drivers: &[Driver]) -> Name {
    let first = hour.plus(1 - finding.hours as i64).short();
    let end = &hour.plus(1).short()[11..];
    let ticker = company.tickers.first().map_or("", String::as_str);
    let Finding {
        hours,
        headlines,
        robust_z,
        seasonal_z,
        ..
    } = finding;
    let numbers = |value: f64| match finding.kind {
        Kind::Volume => format!("{value:.1}"),
        Kind::Tone => format!("{value:+.2}"),
    };
    let observed = match finding.kind {
        Kind::Volume => headlines.to_string(),
        Kind::Tone => numbers(finding.observed),
    };
    let (expected, low, high) = (
        numbers(finding.expected),
        numbers(finding.low),
        numbers(finding.high),
    );
    let (what_en, what_zh) = match (finding.kind, finding.direction) {
        (Kind::Volume, _) => ("unusually many headlines", "报道量异常"),
        (Kind::Tone, Direction::Up) => ("unusually positive headlines", "报道语气异常正面"),
        (Kind::Tone, Direction::Down) => ("unusually negative headlines", "报道语气异常负面"),
    };
    let (came_en, came_zh) = match finding.kind {
        Kind::Volume => (
            format!("{observed} headlines came"),
            format!("共 {observed} 条"),
        ),
        Kind::Tone => (
            format!("the mean tone of {headlines} headlines was {observed}"),
            format!("{headlines} 条报道的平均语气为 {observed}"),
        ),
    };
    let plural = if *hours == 1 { "hour" } else { "hours" };
    let mut en = format!(
        "{} ({ticker}): {what_en}. From {first} to {end} UTC ({hours} {plural}) {came_en}; {expected} was expected, \
         {low} to {high} would be usual. Robust z {robust_z:+.1}, Holt–Winters {seasonal_z:+.1}.",
        company.name.en
    );
    let mut zh = format!(
        "{}（{ticker}）：{what_zh}。{first} 至 {end}（UTC，{hours} 小时）{came_zh}；预期 {expected}，正常范围 {low} 至 {high}。\
         稳健 z 值 {robust_z:+.1}，Holt–Winters {seasonal_z:+.1}。",
        company.name.zh
    );
    for driver in drivers {
        let line = format!(
            "\n• {} ({:+.2})",
            driver.text.replace(['\n', '\r'], " "),
            driver.tone
        );
        en.push_str(&line);
        zh.push_str(&line);
    }
    Name { en, zh }
}

/// For Slack: `<`, `>` and `&` mean something there, and a headline must not call everybody.
pub fn for_slack(text: &Name) -> String {
    // The headlines are the same in both: told once.
    let zh = text.zh.lines().next().unwrap_or_default();
    format!("{zh}\n{}", text.en)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

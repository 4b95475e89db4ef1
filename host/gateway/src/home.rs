//! The front page: one file, no assets from elsewhere, English or Chinese.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// The languages of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Tag of BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

/// The language that the client prefers of those there are; English where it names neither.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let wanted = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let mut best = (Language::English, 0.0);
    for range in wanted.split(',').take(32) {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = match parameters.trim().strip_prefix("q=") {
            Some(q) => q.trim().parse().unwrap_or(0.0),
            None => 1.0,
        };
        let tag = tag.trim();
        let primary = tag.split('-').next().unwrap_or(tag);
        let language = if primary.eq_ignore_ascii_case("zh") {
            Language::Chinese
        } else if primary.eq_ignore_ascii_case("en") {
            Language::English
        } else {
            continue;
        };
        // The first of equals wins, as people write them in order.
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// The page in a language.
pub(crate) fn page(language: Language) -> String {
    let page = match language {
        Language::English => include_str!("home/en.html"),
        Language::Chinese => include_str!("home/zh.html"),
    };
    page.replace("{style}", include_str!("home/style.css"))
        .replace("{version}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_best_weight_wins() {
        for (header, expected) in [
            ("", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en,zh", Language::English),
            ("en;q=0.3, ZH-Hant;q=0.7", Language::Chinese),
            ("fr,de;q=0.5", Language::English),
            ("fr, zh;q=0.1", Language::Chinese),
            ("zh;q=0", Language::English),
            ("zh;q=much", Language::English),
            (",,;;=", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(header));
            assert_eq!(language(&headers), expected, "{header}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for language in [Language::English, Language::Chinese] {
            let page = page(language);
            for outside in ["src=", "http://", "https://", "@import", "url("] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert!(page.contains(env!("CARGO_PKG_VERSION")) && !page.contains("{style}"));
        }
    }
}

use proptest::prelude::*;

use super::*;

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

#[test]
fn an_origin_covers_itself_and_a_wildcard_what_is_below_it() {
    for (given, wanted, covered) in [
        ("https://api.example.com", "https://API.example.com", true),
        (
            "https://api.example.com",
            "https://api.example.com:443",
            true,
        ),
        ("https://api.example.com", "http://api.example.com", false),
        (
            "https://api.example.com",
            "https://api.example.com:8443",
            false,
        ),
        ("https://*.example.com", "https://a.example.com", true),
        ("https://*.example.com", "https://a.b.example.com", true),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "https://evilexample.com", false),
        ("https://*.example.com", "https://*.example.com", true),
        ("https://*.example.com", "https://*.b.example.com", true),
        ("https://*.b.example.com", "https://*.example.com", false),
        ("https://a.example.com", "https://*.example.com", false),
        ("http://[::1]:80", "http://[0:0:0:0:0:0:0:1]", true),
    ] {
        assert_eq!(
            origin(given).covers(&origin(wanted)),
            covered,
            "{given} {wanted}"
        );
    }
}

#[test]
fn what_is_no_origin_is_refused() {
    for bad in [
        "",
        "api.example.com",
        "ftp://example.com",
        "https://",
        "https://example.com/",
        "https://user@example.com",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:+80",
        "https://*.com",
        "https://*",
        "https://a.*.com",
        "https://exa mple.com",
        "https://例子.cn",
        "https://2130706433",
        "https://0x7f.1",
        "https://127.1",
        "https://*.0.0.1",
        "https://[::1",
        "https://example.com.",
    ] {
        assert!(bad.parse::<Origin>().is_err(), "{bad}");
    }
}

#[test]
fn patterns_of_events_cover_what_they_match() {
    for (given, wanted, covered) in [
        ("*", "a", true),
        ("*", "a.*", true),
        ("a.*", "a", false),
        ("a.*", "a.b", true),
        ("a.*", "a.b.c", true),
        ("a.*", "ab", false),
        ("a.*", "a.b.*", true),
        ("a.b", "a.*", false),
        ("a.b", "a.b", true),
    ] {
        let [given, wanted] = [given, wanted].map(|t| t.parse::<EventPattern>().unwrap());
        assert_eq!(given.covers(&wanted), covered, "{given} {wanted}");
    }
    for bad in ["", ".", "a.", ".a", "a..b", "a*", "*.a", "a b", "a.*.b"] {
        assert!(bad.parse::<EventPattern>().is_err(), "{bad}");
    }
}

#[test]
fn a_permission_reads_as_it_displays() {
    for text in [
        "inference=minilm@1.0.0",
        "privacy=orders",
        "http=https://*.example.com:8443",
        "secrets=api-token",
        "keyvalue=sessions",
        "blobstore=uploads",
        "append_events=com.example.*",
        "read_events=*",
    ] {
        let permission: Permission = text.parse().unwrap();
        assert_eq!(permission.to_string(), text);
        let all: Permissions = [permission.clone()].into_iter().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), [permission]);
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), all);
    }
    for bad in ["", "http", "network=x", "http=example.com", "secrets=A"] {
        assert!(bad.parse::<Permission>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        if let Ok(origin) = text.parse::<Origin>() {
            prop_assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
        }
        let _ = text.parse::<EventPattern>();
    }
}

//! What is known of HTML's elements and attributes.

/// What is left of a tag when it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nothing: the element is part of a line.
    None,
    /// The element begins or ends a line of its own.
    Line,
    /// `<br>`: a line ends here whatever came before.
    Break,
    /// The element is a cell of a row.
    Cell,
}

/// Sorted by name.
#[rustfmt::skip]
const ELEMENTS: [(&str, Gap); 131] = {
    use Gap::{Break, Cell, Line, None};
    [
        ("a", None), ("abbr", None), ("acronym", None), ("address", Line), ("applet", None), ("area", None),
        ("article", Line), ("aside", Line), ("audio", None), ("b", None), ("base", None), ("bdi", None),
        ("bdo", None), ("big", None), ("blockquote", Line), ("body", Line), ("br", Break), ("button", None),
        ("canvas", None), ("caption", Line), ("center", Line), ("cite", None), ("code", None), ("col", None),
        ("colgroup", None), ("data", None), ("datalist", None), ("dd", Line), ("del", None), ("details", Line),
        ("dfn", None), ("dialog", Line), ("dir", Line), ("div", Line), ("dl", Line), ("dt", Line), ("em", None),
        ("embed", None), ("fieldset", Line), ("figcaption", Line), ("figure", Line), ("font", None),
        ("footer", Line), ("form", Line), ("frame", None), ("frameset", Line), ("h1", Line), ("h2", Line),
        ("h3", Line), ("h4", Line), ("h5", Line), ("h6", Line), ("head", Line), ("header", Line), ("hgroup", Line),
        ("hr", Line), ("html", Line), ("i", None), ("iframe", None), ("image", None), ("img", None),
        ("input", None), ("ins", None), ("kbd", None), ("label", None), ("legend", Line), ("li", Line),
        ("link", None), ("main", Line), ("map", None), ("mark", None), ("marquee", Line), ("math", None),
        ("menu", Line), ("meta", None), ("meter", None), ("nav", Line), ("nobr", None), ("noframes", Line),
        ("noscript", None), ("object", None), ("ol", Line), ("optgroup", None), ("option", Line), ("output", None),
        ("p", Line), ("param", None), ("path", None), ("picture", None), ("pre", Line), ("progress", None),
        ("q", None), ("rp", None), ("rt", None), ("ruby", None), ("s", None), ("samp", None), ("script", None),
        ("search", Line), ("section", Line), ("select", None), ("slot", None), ("small", None), ("source", None),
        ("span", None), ("strike", None), ("strong", None), ("style", None), ("sub", None), ("summary", Line),
        ("sup", None), ("svg", None), ("table", Line), ("tbody", Line), ("td", Cell), ("template", None),
        ("textarea", None), ("tfoot", Line), ("th", Cell), ("thead", Line), ("time", None), ("title", Line),
        ("tr", Line), ("track", None), ("tt", None), ("u", None), ("ul", Line), ("var", None), ("video", None),
        ("wbr", None), ("xmp", Line),
    ]
};

/// Attributes that may stand without a value. Sorted.
#[rustfmt::skip]
const BARE_ATTRIBUTES: [&str; 39] = [
    "allowfullscreen", "alt", "async", "autofocus", "autoplay", "checked", "class", "compact", "controls",
    "crossorigin", "default", "defer", "disabled", "download", "formnovalidate", "hidden", "href", "id", "inert",
    "ismap", "itemscope", "loop", "multiple", "muted", "nomodule", "noresize", "noshade", "novalidate", "nowrap",
    "open", "playsinline", "readonly", "required", "reversed", "seamless", "selected", "src", "style", "title",
];

const LONGEST_NAME: usize = 15;

/// Runs `look` on the name in lower case, unless it is longer than every name of the tables.
fn lower<T>(name: &str, look: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut buffer = [0; LONGEST_NAME];
    let copy = buffer.get_mut(..name.len())?;
    copy.copy_from_slice(name.as_bytes());
    copy.make_ascii_lowercase();
    look(std::str::from_utf8(copy).ok()?)
}

/// What the element of this name leaves behind, or none where HTML has no such element.
pub fn gap(name: &str) -> Option<Gap> {
    lower(name, |name| {
        ELEMENTS
            .binary_search_by_key(&name, |&(known, _)| known)
            .ok()
            .map(|at| ELEMENTS[at].1)
    })
}

/// Whether an attribute of this name may stand without a value.
pub fn may_be_bare(name: &str) -> bool {
    name.starts_with("data-")
        || name.starts_with("aria-")
        || lower(name, |name| BARE_ATTRIBUTES.binary_search(&name).ok()).is_some()
}

/// Whether the content of the element is for machines.
pub fn has_no_text(name: &str) -> bool {
    name.eq_ignore_ascii_case("script") || name.eq_ignore_ascii_case("style")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_short() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(BARE_ATTRIBUTES.is_sorted_by(|a, b| a < b));
        let names = ELEMENTS
            .iter()
            .map(|(name, _)| name)
            .chain(&BARE_ATTRIBUTES);
        assert_eq!(names.map(|name| name.len()).max(), Some(LONGEST_NAME));
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(gap("DIV"), Some(Gap::Line));
        assert_eq!(gap("br"), Some(Gap::Break));
        assert_eq!(gap("a1bcd"), None);
        assert_eq!(gap("a-name-longer-than-any-element"), None);
        assert!(may_be_bare("Disabled") && !may_be_bare("and"));
    }
}

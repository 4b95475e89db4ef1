//! URI templates (RFC 6570), all operators without modifiers, filled from a JSON object.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// All but what RFC 3986 calls unreserved.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Nor what it calls reserved.
const RESERVED: AsciiSet = UNRESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'#')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A text as it can stand in a URI; reserved characters as they are where that is asked for.
pub(crate) fn escaped(text: &str, reserved: bool) -> String {
    utf8_percent_encode(text, if reserved { &RESERVED } else { &UNRESERVED }).to_string()
}

/// An operator: what stands before all, between two, whether names are written, what stands for an empty value, whether
/// reserved characters stay.
struct Operator {
    first: &'static str,
    separator: &'static str,
    named: bool,
    empty: &'static str,
    reserved: bool,
}

fn operator(sign: Option<char>) -> Option<Operator> {
    let (first, separator, named, empty, reserved) = match sign {
        None => ("", ",", false, "", false),
        Some('+') => ("", ",", false, "", true),
        Some('#') => ("#", ",", false, "", true),
        Some('.') => (".", ".", false, "", false),
        Some('/') => ("/", "/", false, "", false),
        Some(';') => (";", ";", true, "", false),
        Some('?') => ("?", "&", true, "=", false),
        Some('&') => ("&", "&", true, "=", false),
        Some(_) => return None,
    };
    Some(Operator {
        first,
        separator,
        named,
        empty,
        reserved,
    })
}

/// The names that a template asks for, in its order.
///
/// # Errors
/// What is no template.
pub(crate) fn names(template: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    expand_with(template, |name| {
        names.push(name.to_owned());
        Ok(String::new())
    })?;
    Ok(names)
}

/// The template with the values of an object. A name that the object lacks is an error, since a URI that lacks a part is
/// another URI; a `null` is left out, as the RFC says of what is undefined.
///
/// # Errors
/// What is no template, what is missing, and what is no text, number or boolean, as a text.
pub(crate) fn expand(template: &str, values: &Value) -> Result<String, String> {
    expand_with(template, |name| match values.get(name) {
        Some(Value::String(s)) => Ok(s.clone()),
        Some(Value::Number(n)) => Ok(n.to_string()),
        Some(Value::Bool(b)) => Ok(b.to_string()),
        Some(Value::Null) => Err(None),
        Some(_) => Err(Some(format!("`{name}` is neither a text nor a number: a URI cannot hold it"))),
        None => Err(Some(format!("the URI asks for `{name}`, which the input of the task does not have"))),
    })
}

/// What a name stands for: `Err(None)` where it is undefined.
fn expand_with(template: &str, mut value: impl FnMut(&str) -> Result<String, Option<String>>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((inner, after)) = after.split_once('}') else {
            return Err("a `{` of the URI has no `}`".to_owned());
        };
        rest = after;
        let sign = inner.chars().next().filter(|c| !c.is_alphanumeric() && *c != '_' && *c != '%');
        let Some(operator) = operator(sign) else {
            return Err(format!("`{{{}}}` is no part of a URI template", crate::problem::shown(inner)));
        };
        let list = inner.get(sign.map_or(0, char::len_utf8)..).unwrap_or_default();
        let mut first = true;
        for name in list.split(',') {
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "_-.%".contains(c)) {
                return Err(format!("`{{{}}}` is no part of a URI template", crate::problem::shown(inner)));
            }
            let value = match value(name) {
                Ok(value) => value,
                Err(None) => continue,
                Err(Some(reason)) => return Err(reason),
            };
            out.push_str(if first { operator.first } else { operator.separator });
            first = false;
            if operator.named {
                out.push_str(name);
                out.push_str(if value.is_empty() { operator.empty } else { "=" });
            }
            out.push_str(&escaped(&value, operator.reserved));
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        // RFC 6570, section 1.2, levels 1 to 3.
        let values = json!({"var": "value", "hello": "Hello World!", "path": "/foo/bar", "empty": "", "x": "1024", "y": 768});
        for (template, expected) in [
            ("{var}", "value"),
            ("{hello}", "Hello%20World%21"),
            ("{+var}", "value"),
            ("{+hello}", "Hello%20World!"),
            ("{+path}/here", "/foo/bar/here"),
            ("X{#var}", "X#value"),
            ("map?{x,y}", "map?1024,768"),
            ("{+x,hello,y}", "1024,Hello%20World!,768"),
            ("{#path,x}/here", "#/foo/bar,1024/here"),
            ("X{.x,y}", "X.1024.768"),
            ("{/var,x}/here", "/value/1024/here"),
            ("{;x,y,empty}", ";x=1024;y=768;empty"),
            ("{?x,y,empty}", "?x=1024&y=768&empty="),
            ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
        ] {
            assert_eq!(expand(template, &values).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_filled_says_why() {
        let values = json!({"list": [1], "none": null});
        assert!(expand("/{missing}", &values).unwrap_err().contains("`missing`"));
        assert!(expand("/{list}", &values).unwrap_err().contains("`list`"));
        assert!(expand("/{open", &values).unwrap_err().contains("no `}`"));
        assert!(expand("/{|x}", &values).unwrap_err().contains("no part"));
        assert_eq!(expand("/{none}", &values).as_deref(), Ok("/"));
    }
}

//! Which trace a request belongs to: [W3C Trace Context](https://www.w3.org/TR/trace-context/).

use std::fmt;

/// The shortest header that is one, in bytes, and the longest of the first version of the standard.
pub(crate) const LENGTH: usize = 55;

/// A trace and the span in it that is being worked on.
///
/// ```
/// use steward_telemetry::TraceContext;
/// let caller = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
/// let ours = caller.child();
/// assert!(ours.to_string().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
/// assert_ne!(ours, caller);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
    pub(crate) sampled: bool,
}

impl TraceContext {
    /// The name of the header that carries it.
    pub const HEADER: &str = "traceparent";

    /// Reads the header; none where it breaks a rule, as the standard has it: the request then begins a trace.
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        if header.len() < LENGTH || !header.is_ascii() {
            return None;
        }
        let mut parts = header.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may have more behind the flags, the first may not.
        let known =
            lower_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !known || !lower_hex(trace, 32) || !lower_hex(span, 16) || !lower_hex(flags, 2) {
            return None;
        }
        let mut context = Self {
            trace: [0; 16],
            span: [0; 8],
            sampled: false,
        };
        hex::decode_to_slice(trace, &mut context.trace).ok()?;
        hex::decode_to_slice(span, &mut context.span).ok()?;
        context.sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (context.trace != [0; 16] && context.span != [0; 8]).then_some(context)
    }

    /// A span of these ids; none where one of them is all zeros, which means that there is none.
    pub fn of(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        let some = trace != [0; 16] && span != [0; 8];
        some.then_some(Self {
            trace,
            span,
            sampled,
        })
    }

    /// The span of this id in the same trace; none where it is all zeros.
    pub fn with_span(&self, span: [u8; 8]) -> Option<Self> {
        Self::of(self.trace, span, self.sampled)
    }

    /// A new trace.
    pub fn begin(sampled: bool) -> Self {
        Self {
            trace: some(),
            span: some(),
            sampled,
        }
    }

    /// A span below this one.
    pub fn child(&self) -> Self {
        Self {
            span: some(),
            ..*self
        }
    }

    /// The name of the trace alone: 32 hexadecimal digits, as collectors show it.
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }

    /// Whether it is to be told about.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }
}

fn lower_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Random bytes that are not all zero, which would mean none.
fn some<const N: usize>() -> [u8; N] {
    loop {
        let mut bytes = [0u8; N];
        rand::fill(&mut bytes);
        if bytes != [0; N] {
            return bytes;
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            hex::encode(self.trace),
            hex::encode(self.span),
            u8::from(self.sampled)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_zeros_are_none() {
        let made = TraceContext::of([1; 16], [2; 8], true).unwrap();
        assert_eq!(TraceContext::parse(&made.to_string()), Some(made));
        assert_eq!(TraceContext::of([0; 16], [2; 8], true), None);
        assert_eq!(TraceContext::of([1; 16], [0; 8], true), None);
    }

    #[test]
    fn the_examples_of_the_standard_are_read_and_others_refused() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).unwrap().to_string(), good);
        assert_eq!(
            TraceContext::parse(good).unwrap().trace_id(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        let unsampled =
            TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap();
        assert!(!unsampled.is_sampled() && !unsampled.child().is_sampled());
        // A version of the future, with more behind.
        assert!(TraceContext::parse(&format!("01{}-more", &good[2..])).is_some());
        for wrong in [
            "",
            "00",
            &good[1..],
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            &good.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        ] {
            assert_eq!(TraceContext::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(sampled in any::<bool>(), noise in "\\PC{0,80}") {
            let begun = TraceContext::begin(sampled);
            prop_assert_eq!(TraceContext::parse(&begun.to_string()), Some(begun));
            let _ = TraceContext::parse(&noise);
        }
    }
}

//! Which addresses may be connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR notation: `10.1.0.0/16`, `fd12::/64`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    address: IpAddr,
    /// Leading bits that count.
    bits: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is no range of addresses: write it as `10.1.0.0/16`, `fd12::/64` or one address{why}"
)]
pub struct InvalidRange {
    given: String,
    why: &'static str,
}

impl Range {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            bits,
        }
    }

    const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Self {
        Self {
            address: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
            bits,
        }
    }

    /// Whether the address lies in the range. An IPv4 range holds no IPv6 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits.min(32));
                // A shift by the whole width is no shift in Rust: the empty prefix holds everything.
                shift == 32 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits.min(128));
                shift == 128 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            _ => false,
        }
    }

    /// Whether it is one address.
    fn is_single(&self) -> bool {
        self.bits == width(self.address)
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Range {
    type Err = InvalidRange;
    fn from_str(given: &str) -> Result<Self, InvalidRange> {
        let wrong = |why| InvalidRange {
            given: given.chars().take(64).collect(),
            why,
        };
        let (address, bits) = match given.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (given, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong(""))?;
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width(address))
                .ok_or_else(|| wrong(""))?,
            Some(_) => return Err(wrong("")),
            None => width(address),
        };
        let range = Self { address, bits };
        // `10.1.2.3/8` is a slip of the pen more often than a wish.
        let first = match address {
            IpAddr::V4(v4) if bits < 32 => v4.to_bits() << bits == 0,
            IpAddr::V6(v6) if bits < 128 => v6.to_bits() << bits == 0,
            _ => true,
        };
        if !first {
            return Err(wrong("; bits behind the prefix are set"));
        }
        if let IpAddr::V6(v6) = address
            && v6.to_ipv4_mapped().is_some()
        {
            return Err(wrong("; write the IPv4 address itself"));
        }
        Ok(range)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// What kind of address it is, as `a private address`.
    pub what: &'static str,
}

/// Metadata services of clouds, which hand credentials to whoever can reach them: AWS, Google, Azure and others at the
/// link-local address; AWS over IPv6; Google over IPv6; Alibaba; Azure's host agent; Oracle.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Not globally reachable: the IANA registries of special-purpose addresses (RFC 6890 and what followed).
const SPECIAL: [(Range, &str); 31] = [
    (Range::v4(0, 0, 0, 0, 8), "an unspecified address"),
    (Range::v4(10, 0, 0, 0, 8), "a private address"),
    (
        Range::v4(100, 64, 0, 0, 10),
        "an address of carrier-grade NAT",
    ),
    (Range::v4(127, 0, 0, 0, 8), "a loopback address"),
    (Range::v4(169, 254, 0, 0, 16), "a link-local address"),
    (Range::v4(172, 16, 0, 0, 12), "a private address"),
    (Range::v4(192, 0, 0, 0, 24), "an address for protocols"),
    (Range::v4(192, 0, 2, 0, 24), "an address for documentation"),
    (Range::v4(192, 88, 99, 0, 24), "an address of 6to4 relays"),
    (Range::v4(192, 168, 0, 0, 16), "a private address"),
    (Range::v4(198, 18, 0, 0, 15), "an address for benchmarks"),
    (
        Range::v4(198, 51, 100, 0, 24),
        "an address for documentation",
    ),
    (
        Range::v4(203, 0, 113, 0, 24),
        "an address for documentation",
    ),
    (Range::v4(224, 0, 0, 0, 4), "a multicast address"),
    (Range::v4(255, 255, 255, 255, 32), "the broadcast address"),
    (Range::v4(240, 0, 0, 0, 4), "a reserved address"),
    (Range::v6(0, 0, 0, 127), "a loopback or unspecified address"),
    (Range::v6(0, 0, 0, 8), "a reserved address"),
    (
        Range::v6(0x64, 0xff9b, 1, 48),
        "an address of a local NAT64",
    ),
    (Range::v6(0x100, 0, 0, 64), "a discarded address"),
    (Range::v6(0x2001, 0, 0, 32), "an address of a Teredo tunnel"),
    (Range::v6(0x2001, 0, 0, 23), "an address for protocols"),
    (
        Range::v6(0x2001, 0xdb8, 0, 32),
        "an address for documentation",
    ),
    (Range::v6(0x3fff, 0, 0, 20), "an address for documentation"),
    (Range::v6(0x3ffe, 0, 0, 16), "a reserved address"),
    (Range::v6(0x5f00, 0, 0, 16), "an address of segment routing"),
    (Range::v6(0xfc00, 0, 0, 7), "a unique-local address"),
    (Range::v6(0xfe80, 0, 0, 10), "a link-local address"),
    (Range::v6(0xfec0, 0, 0, 10), "a site-local address"),
    (Range::v6(0xff00, 0, 0, 8), "a multicast address"),
    (Range::v6(0x4000, 0, 0, 2), "a reserved address"),
];

/// The part of IPv6 that is given out as global unicast. What lies outside is not for the public network, whatever it is
/// called one day.
const GLOBAL_V6: Range = Range::v6(0x2000, 0, 0, 3);
const NAT64: Range = Range::v6(0x64, 0xff9b, 0, 96);
const SIX_TO_FOUR: Range = Range::v6(0x2002, 0, 0, 16);

/// Which addresses may be connected to: public ones, and the ranges that the operator of the host opened.
///
/// ```
/// use steward_egress::AddressPolicy;
///
/// let policy = AddressPolicy::default();
/// assert!(policy.check("1.1.1.1".parse()?).is_ok());
/// assert_eq!(policy.check("10.0.0.7".parse()?).unwrap_err().what, "a private address");
/// assert!(policy.check("::ffff:127.0.0.1".parse()?).is_err());
///
/// let policy = AddressPolicy::opening(["10.0.0.0/24".parse()?]);
/// assert!(policy.check("10.0.0.7".parse()?).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    opened: Vec<Range>,
}

impl AddressPolicy {
    /// Public addresses, and these. A metadata service is opened by naming its one address alone: a wider range that holds
    /// it does not.
    pub fn opening(ranges: impl IntoIterator<Item = Range>) -> Self {
        Self {
            opened: ranges.into_iter().collect(),
        }
    }

    /// The address to connect to for this one, if it may be: an IPv4-mapped address is the IPv4 address in it.
    ///
    /// # Errors
    /// [`Blocked`] with the kind of the address.
    pub fn check(&self, address: IpAddr) -> Result<IpAddr, Blocked> {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        if METADATA.contains(&address) {
            let named = |range: &Range| range.is_single() && range.contains(address);
            return match self.opened.iter().any(named) {
                true => Ok(address),
                false => Err(Blocked {
                    what: "the metadata service of a cloud",
                }),
            };
        }
        if self.opened.iter().any(|range| range.contains(address)) {
            return Ok(address);
        }
        match blocked(address) {
            Some(what) => Err(Blocked { what }),
            None => Ok(address),
        }
    }
}

/// What keeps an address from being public.
fn blocked(address: IpAddr) -> Option<&'static str> {
    if let IpAddr::V6(v6) = address {
        // Addresses that a gateway turns into IPv4 are judged by what they become.
        let octets = v6.octets();
        let carried = |at: usize| {
            let four: Option<[u8; 4]> = octets.get(at..at + 4).and_then(|o| o.try_into().ok());
            four.map(Ipv4Addr::from)
        };
        if NAT64.contains(address) {
            return carried(12).map_or(Some("a reserved address"), carried_blocked);
        }
        if SIX_TO_FOUR.contains(address) {
            return carried(2).map_or(Some("a reserved address"), carried_blocked);
        }
    }
    let special = SPECIAL.iter().find(|(range, _)| range.contains(address));
    if let Some((_, what)) = special {
        return Some(what);
    }
    match address {
        IpAddr::V6(_) if !GLOBAL_V6.contains(address) => Some("a reserved address"),
        _ => None,
    }
}

fn carried_blocked(v4: Ipv4Addr) -> Option<&'static str> {
    let address = IpAddr::V4(v4);
    if METADATA.contains(&address) {
        return Some("the metadata service of a cloud");
    }
    blocked(address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_but_public_addresses_is_reached() {
        let policy = AddressPolicy::default();
        for inner in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "::ffff:10.1.2.3",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::a83f:8110",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "5f00::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(policy.check(ip(inner)).is_err(), "{inner}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(policy.check(ip(public)).is_ok(), "{public}");
        }
        assert_eq!(policy.check(ip("::ffff:1.1.1.1")), Ok(ip("1.1.1.1")));
    }

    #[test]
    fn an_opened_range_opens_itself_and_no_metadata_service() {
        let policy = AddressPolicy::opening(
            ["10.1.0.0/16", "0.0.0.0/0", "::/0"].map(|r| r.parse().unwrap()),
        );
        assert!(policy.check(ip("10.1.2.3")).is_ok());
        assert!(policy.check(ip("::ffff:10.1.2.3")).is_ok());
        for metadata in METADATA {
            assert!(policy.check(metadata).is_err(), "{metadata}");
        }
        let one = AddressPolicy::opening(["169.254.169.254".parse().unwrap()]);
        assert!(one.check(ip("169.254.169.254")).is_ok());
        assert!(one.check(ip("169.254.169.253")).is_err());
        let narrow = AddressPolicy::opening(["10.1.0.0/16".parse().unwrap()]);
        assert!(narrow.check(ip("10.2.0.1")).is_err());
        // What a gateway would turn into an opened address is not that address.
        assert!(narrow.check(ip("64:ff9b::a01:203")).is_err());
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "::/129",
            "fd00::1/64",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::ffff:10.0.0.0/104",
            "all",
            "010.0.0.1",
        ] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
        assert_eq!(
            "10.0.0.7".parse::<Range>().unwrap().to_string(),
            "10.0.0.7/32"
        );
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_as_the_address_in_it(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let policy = AddressPolicy::default();
            let plain = policy.check(v4.into());
            prop_assert_eq!(plain, policy.check(v4.to_ipv6_mapped().into()));
            let [a, b, c, d] = v4.octets();
            let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(plain.is_err(), policy.check(nat64.into()).is_err());
            let pair = |x: u8, y: u8| u16::from_be_bytes([x, y]);
            let six = Ipv6Addr::new(0x2002, pair(a, b), pair(c, d), 0, 0, 0, 0, 1);
            prop_assert_eq!(plain.is_err(), policy.check(six.into()).is_err());
            // The standard library knows the oldest of these kinds; nothing that it names gets through.
            let known = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_unspecified() || v4.is_multicast();
            prop_assert!(!known || plain.is_err());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(range) = text.parse::<Range>() {
                prop_assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
            }
        }
    }
}

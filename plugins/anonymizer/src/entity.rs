//! The entities this plugin knows, and sets of them.

use std::fmt;

/// A kind of personal data. The names are those of Microsoft Presidio where it has one, so that
/// policies can be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Entity {
    /// `EMAIL_ADDRESS`
    EmailAddress,
    /// `PHONE_NUMBER`
    PhoneNumber,
    /// `CN_RESIDENT_ID`: the 18-character number of a Chinese identity card.
    CnResidentId,
    /// `CREDIT_CARD`: a number of an international card network.
    CreditCard,
    /// `BANK_CARD`: a card issued by a Chinese bank (UnionPay and its forerunners), debit or credit.
    BankCard,
    /// `IBAN_CODE`
    IbanCode,
    /// `IP_ADDRESS`: version 4 or 6, with its prefix length or zone.
    IpAddress,
    /// `MAC_ADDRESS`
    MacAddress,
    /// `URL`
    Url,
}

impl Entity {
    /// Every entity, in the order in which messages list them.
    pub const ALL: [Self; 9] = [
        Self::EmailAddress,
        Self::PhoneNumber,
        Self::CnResidentId,
        Self::CreditCard,
        Self::BankCard,
        Self::IbanCode,
        Self::IpAddress,
        Self::MacAddress,
        Self::Url,
    ];

    /// The name in findings and policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::PhoneNumber => "PHONE_NUMBER",
            Self::CnResidentId => "CN_RESIDENT_ID",
            Self::CreditCard => "CREDIT_CARD",
            Self::BankCard => "BANK_CARD",
            Self::IbanCode => "IBAN_CODE",
            Self::IpAddress => "IP_ADDRESS",
            Self::MacAddress => "MAC_ADDRESS",
            Self::Url => "URL",
        }
    }

    /// The entity of this exact name.
    ///
    /// # Errors
    /// [`UnknownEntity`], whose text lists the names that exist.
    pub fn parse(name: &str) -> Result<Self, UnknownEntity> {
        Self::ALL
            .into_iter()
            .find(|e| e.name() == name)
            .ok_or_else(|| UnknownEntity(name.into()))
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no entity of this plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEntity(String);

impl fmt::Display for UnknownEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(64).collect();
        write!(f, "`{shown}` is not an entity of this plugin; it knows")?;
        for (i, entity) in Entity::ALL.into_iter().enumerate() {
            write!(f, "{} {entity}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// A set of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entities(u16);

impl Entities {
    /// The set of all.
    pub const ALL: Self = Self((1 << Entity::ALL.len()) - 1);

    /// The set of the named entities.
    ///
    /// # Errors
    /// [`UnknownEntity`] for the first name that is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownEntity> {
        names.into_iter().try_fold(Self(0), |set, name| {
            Ok(Self(set.0 | 1 << Entity::parse(name)? as u8))
        })
    }

    /// Whether `entity` is in the set.
    pub fn contains(self, entity: Entity) -> bool {
        self.0 & 1 << entity as u8 != 0
    }
}

impl FromIterator<Entity> for Entities {
    fn from_iter<I: IntoIterator<Item = Entity>>(iter: I) -> Self {
        iter.into_iter()
            .fold(Self(0), |set, entity| Self(set.0 | 1 << entity as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_to_what_they_name() {
        for entity in Entity::ALL {
            assert_eq!(Entity::parse(entity.name()), Ok(entity));
            assert!(Entities::ALL.contains(entity));
        }
        let two = Entities::parse(["URL", "BANK_CARD"]).unwrap();
        let found: Vec<_> = Entity::ALL
            .into_iter()
            .filter(|e| two.contains(*e))
            .collect();
        assert_eq!(found, [Entity::BankCard, Entity::Url]);
    }

    #[test]
    fn an_unknown_name_is_shown_beside_the_known_ones() {
        let text = Entities::parse(["URL", "url"]).unwrap_err().to_string();
        assert!(
            text.starts_with("`url` is not") && text.contains("MAC_ADDRESS"),
            "{text}"
        );
        let long = Entity::parse(&"x".repeat(10_000)).unwrap_err().to_string();
        assert!(
            long.len() < 400,
            "an error does not carry the whole of a hostile name"
        );
    }
}

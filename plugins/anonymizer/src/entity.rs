//! The entities this plugin knows, and sets of them.

use std::fmt;

/// A kind of personal data. The names are those of Microsoft Presidio where it has one, so that
/// policies can be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(u8);

macro_rules! entities {
    ($($name:ident),* $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u8)]
        enum Place { $($name),* }

        #[allow(missing_docs)]
        impl Entity {
            $(pub const $name: Self = Self(Place::$name as u8);)*
        }

        /// The names, in the order in which messages list them.
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

entities! {
    // Of no country.
    EMAIL_ADDRESS, PHONE_NUMBER, URL, IP_ADDRESS, MAC_ADDRESS,
    CREDIT_CARD, IBAN_CODE, CRYPTO, IMEI, VIN, MEDICAL_LICENSE,
    PERSON, LOCATION, ORGANIZATION, NRP, UUID,
    DATE_TIME, DATE_OF_BIRTH, AGE, ZIP_CODE, MONEY, ENCRYPTED,
    // China.
    CN_RESIDENT_ID, BANK_CARD, CN_PASSPORT, CN_HK_MACAU_PERMIT, CN_TAIWAN_PERMIT, HK_ID, MO_ID,
    TW_NATIONAL_ID, CN_USCC, CN_DRIVER_LICENSE, CN_LICENSE_PLATE, CN_ADDRESS, WECHAT_ID, QQ_NUMBER,
    // North America.
    US_SSN, US_ITIN, US_PASSPORT, US_DRIVER_LICENSE, US_BANK_NUMBER, ABA_ROUTING_NUMBER, US_NPI,
    US_MBI, US_HEALTH_INSURANCE_MEMBER_ID, US_CLAIM_NUMBER, US_PRESCRIPTION_NUMBER,
    US_PRIOR_AUTHORIZATION_NUMBER, US_REFERRAL_NUMBER, US_PROVIDER_TAX_ID,
    CA_SIN, CA_POSTAL_CODE,
    // Europe.
    UK_NHS, UK_NINO, UK_PASSPORT, UK_POSTCODE, UK_VEHICLE_REGISTRATION, UK_DRIVING_LICENCE,
    DE_BSNR, DE_LANR, DE_FUEHRERSCHEIN, DE_HANDELSREGISTER, DE_HEALTH_INSURANCE, DE_ID_CARD,
    DE_KFZ, DE_PASSPORT, DE_PLZ, DE_SOCIAL_SECURITY, DE_TAX_ID, DE_TAX_NUMBER, DE_VAT_ID,
    ES_NIF, ES_NIE, ES_PASSPORT,
    IT_FISCAL_CODE, IT_VAT_CODE, IT_DRIVER_LICENSE, IT_IDENTITY_CARD, IT_PASSPORT,
    FR_NIR, NL_BSN, PL_PESEL, FI_PERSONAL_IDENTITY_CODE, SE_PERSONNUMMER, SE_ORGANISATIONSNUMMER,
    TR_NATIONAL_ID, TR_LICENSE_PLATE, TR_PHONE_NUMBER, RU_INN, RU_PASSPORT, RU_SNILS,
    // Asia, Australia, Africa.
    AU_ABN, AU_ACN, AU_TFN, AU_MEDICARE,
    IN_PAN, IN_AADHAAR, IN_VEHICLE_REGISTRATION, IN_PASSPORT, IN_VOTER, IN_GSTIN,
    SG_NRIC_FIN, SG_UEN, KR_RRN, KR_FRN, KR_PASSPORT, KR_DRIVER_LICENSE, KR_BRN, TH_TNIN,
    PH_TIN, PH_MOBILE_NUMBER, PH_UMID, PH_PASSPORT,
    NG_NIN, NG_VEHICLE_REGISTRATION,
    ZA_ID_NUMBER, ZA_PASSPORT, ZA_DRIVER_LICENSE, ZA_LICENSE_PLATE, ZA_TRAFFIC_REGISTER_NUMBER,
    ZA_COMPANY_REGISTRATION, ZA_VAT_NUMBER, ZA_INCOME_TAX_NUMBER, ZA_MOBILE_NUMBER,
    ZA_TELEPHONE_NUMBER,
}

/// The most entities that a configuration may add.
pub const MAX_OWN: usize = 64;

impl Entity {
    /// The place in the table of all entities.
    pub fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// What names nobody by itself: dates, ages, places, sums of money and numbers of records say
/// something of a person only beside other data. Looked for where a call, a rule or the configuration names them.
const INDIRECT: [Entity; 9] = [
    Entity::DATE_TIME,
    Entity::AGE,
    Entity::ZIP_CODE,
    Entity::DE_PLZ,
    Entity::UK_POSTCODE,
    Entity::CA_POSTAL_CODE,
    Entity::UUID,
    Entity::MONEY,
    // What this plugin wrote itself: looked for by those who want it back.
    Entity::ENCRYPTED,
];

/// The entities of a configuration: those built in and its own.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    own: Vec<String>,
}

impl Catalog {
    /// The name in findings and policies.
    pub fn name(&self, entity: Entity) -> &str {
        let place = entity.place();
        NAMES.get(place).copied().unwrap_or_else(|| {
            let own = self.own.get(place - NAMES.len());
            own.map_or("", String::as_str)
        })
    }

    /// Every entity, in the order in which messages list them.
    pub fn all(&self) -> impl Iterator<Item = Entity> {
        (0..(NAMES.len() + self.own.len()) as u8).map(Entity)
    }

    /// The entity of this exact name.
    ///
    /// # Errors
    /// [`UnknownEntity`], whose text lists the names that exist.
    pub fn parse(&self, name: &str) -> Result<Entity, UnknownEntity> {
        self.all()
            .find(|e| self.name(*e) == name)
            .ok_or_else(|| UnknownEntity {
                name: name.into(),
                known: self.all().map(|e| self.name(e).to_owned()).collect(),
            })
    }

    /// The set of the named entities; `ALL` stands for every one, also those found only by name.
    ///
    /// # Errors
    /// [`UnknownEntity`] for the first name that is none.
    pub fn parse_set<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Entities, UnknownEntity> {
        names.into_iter().try_fold(Entities::NONE, |set, name| {
            Ok(match name {
                "ALL" => Entities::ALL,
                _ => set.with(self.parse(name)?),
            })
        })
    }

    /// Adds an entity of the configuration, or answers the one that has this name.
    ///
    /// # Errors
    /// Where the name is none, or there are too many.
    pub fn add(&mut self, name: &str) -> Result<Entity, String> {
        if let Ok(entity) = self.parse(name) {
            return Ok(entity);
        }
        let well_formed = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && name != "ALL";
        if !well_formed {
            let shown: String = name.chars().take(64).collect();
            return Err(format!(
                "`{shown}` is no name of an entity: capital letters, digits and `_`, at most 64"
            ));
        }
        if self.own.len() == MAX_OWN {
            return Err(format!("more than {MAX_OWN} entities of its own"));
        }
        self.own.push(name.into());
        Ok(Entity((NAMES.len() + self.own.len() - 1) as u8))
    }
}

/// A name that is no entity of this plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEntity {
    name: String,
    known: Vec<String>,
}

impl fmt::Display for UnknownEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(64).collect();
        let known = self.known.join(", ");
        write!(
            f,
            "`{shown}` is not an entity of this plugin; it knows {known}"
        )
    }
}

/// A set of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entities([u64; 4]);

impl Entities {
    /// The empty set.
    pub const NONE: Self = Self([0; 4]);

    /// The set of all, also those that a configuration adds.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// What is looked for where nobody says: all but what names nobody by itself.
    pub fn usual() -> Self {
        INDIRECT.into_iter().fold(Self::ALL, Self::without)
    }

    /// The set and `entity`.
    pub fn with(mut self, entity: Entity) -> Self {
        self.0[entity.place() / 64] |= 1 << (entity.place() % 64);
        self
    }

    fn without(mut self, entity: Entity) -> Self {
        self.0[entity.place() / 64] &= !(1 << (entity.place() % 64));
        self
    }

    /// Whether the two sets have an entity in common.
    pub fn meets(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// Whether `entity` is in the set.
    pub fn contains(self, entity: Entity) -> bool {
        self.0[entity.place() / 64] >> (entity.place() % 64) & 1 == 1
    }
}

impl FromIterator<Entity> for Entities {
    fn from_iter<I: IntoIterator<Item = Entity>>(iter: I) -> Self {
        iter.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_to_what_they_name() {
        let catalog = Catalog::default();
        for entity in catalog.all() {
            assert_eq!(catalog.parse(catalog.name(entity)), Ok(entity));
            assert!(Entities::ALL.contains(entity));
        }
        let two = catalog.parse_set(["URL", "BANK_CARD"]).unwrap();
        let found: Vec<_> = catalog.all().filter(|e| two.contains(*e)).collect();
        assert_eq!(found, [Entity::URL, Entity::BANK_CARD]);
        assert_eq!(catalog.parse_set(["ALL"]), Ok(Entities::ALL));
        assert!(!Entities::usual().contains(Entity::DATE_TIME));
        assert!(Entities::usual().contains(Entity::PERSON));
    }

    #[test]
    fn an_unknown_name_is_shown_beside_the_known_ones() {
        let catalog = Catalog::default();
        let text = catalog.parse_set(["URL", "url"]).unwrap_err().to_string();
        assert!(
            text.starts_with("`url` is not") && text.contains("MAC_ADDRESS"),
            "{text}"
        );
        let long = catalog.parse(&"x".repeat(10_000)).unwrap_err().to_string();
        assert!(
            long.len() < 3000,
            "an error does not carry the whole of a hostile name"
        );
    }

    #[test]
    fn a_configuration_adds_entities_of_its_own() {
        let mut catalog = Catalog::default();
        let own = catalog.add("EMPLOYEE_NO").unwrap();
        assert_eq!(catalog.add("EMPLOYEE_NO"), Ok(own));
        assert_eq!(catalog.add("URL"), Ok(Entity::URL));
        assert_eq!(catalog.name(own), "EMPLOYEE_NO");
        assert!(Entities::usual().contains(own));
        assert!(catalog.add("employee").is_err() && catalog.add("ALL").is_err());
        for i in 1..MAX_OWN {
            catalog.add(&format!("E{i}")).unwrap();
        }
        assert!(catalog.add("ONE_MORE").unwrap_err().contains("64"));
    }
}

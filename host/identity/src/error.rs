//! Why a token opens nothing.

/// Why a token opens nothing. The texts are for whoever holds the token: they say nothing of the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A configuration breaks a rule.
    #[error("the issuer `{name}`: {reason}")]
    Config {
        /// Short name of the issuer.
        name: String,
        /// Which rule.
        reason: String,
    },
    /// It has more bytes than are read.
    #[error("the token has more than {0} bytes")]
    TooLarge(usize),
    /// It is no JSON Web Token, or one of a form that is not known.
    #[error("this is not a signed JSON Web Token: {0}")]
    Malformed(String),
    /// No configured issuer issued it.
    #[error("tokens of this issuer are not taken here")]
    UnknownIssuer,
    /// It is signed in a way that is not allowed.
    #[error("the algorithm of the token is not allowed for its issuer")]
    Algorithm,
    /// The issuer publishes no key of this id.
    #[error("the issuer publishes no key with the id of the token")]
    UnknownKey,
    /// The signature is not that of the issuer's key.
    #[error("the signature of the token is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is good, and nothing says what its holder may do.
    #[error("the token is good, but {0}")]
    Unmapped(String),
    /// The keys of the issuer cannot be had.
    #[error("the keys of the issuer `{0}` cannot be read now")]
    Unavailable(String),
}

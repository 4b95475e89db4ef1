//! Scopes: what narrows a key below its role.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Name, shown};
use crate::{Action, RegistryError, Role};

/// The most scopes of one key.
const MAX_SCOPES: usize = 64;

/// One thing that a narrowed key may still do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything that needs this action: `read`, `invoke`, `publish`, `manage-keys`, `manage-tenants`.
    Action(Action),
    /// Call this function: `function=NAME`.
    Function(Name),
    /// Call this model, whatever version or variant: `model=NAME`.
    Model(Name),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(action) => f.write_str(action.as_str()),
            Self::Function(name) => write!(f, "function={name}"),
            Self::Model(name) => write!(f, "model={name}"),
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |name: &str| name.parse::<Name>().map_err(|e| e.to_string());
        match text.split_once('=') {
            Some(("function", given)) => Ok(Self::Function(name(given)?)),
            Some(("model", given)) => Ok(Self::Model(name(given)?)),
            None if Action::ALL.iter().any(|a| a.as_str() == text) => {
                text.parse().map(Self::Action)
            }
            _ => Err(format!(
                "`{}` is not a scope: read, invoke, publish, manage-keys, manage-tenants, function=NAME or model=NAME",
                shown(text)
            )),
        }
    }
}

/// What a key may do of what its role allows. Without any scope that is all of it; with some, what
/// one of them names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Sorted, each once.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] for more than 64.
    pub fn new(mut scopes: Vec<Scope>) -> Result<Self, RegistryError> {
        scopes.sort();
        scopes.dedup();
        if scopes.len() > MAX_SCOPES {
            return Err(RegistryError::Invalid(format!(
                "a key has at most {MAX_SCOPES} scopes"
            )));
        }
        Ok(Self(scopes))
    }

    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether the action as such is left, whatever it is done with.
    pub fn allow(&self, action: Action) -> bool {
        self.is_empty() || self.0.contains(&Scope::Action(action))
    }

    /// Whether this function may be called.
    pub fn allow_function(&self, name: &str) -> bool {
        self.allow(Action::Invoke)
            || self
                .iter()
                .any(|s| matches!(s, Scope::Function(n) if n.as_str() == name))
    }

    /// Whether this model may be called.
    pub fn allow_model(&self, name: &str) -> bool {
        self.allow(Action::Invoke)
            || self
                .iter()
                .any(|s| matches!(s, Scope::Model(n) if n.as_str() == name))
    }

    /// Whether whoever has this role and these scopes may hand out a key with that role and those:
    /// nobody gives what they do not have.
    pub fn may_give(&self, role: Role, given_role: Role, given: &Scopes) -> bool {
        let has = |action| role.allows(action) && self.allow(action);
        let whole = Action::ALL
            .into_iter()
            .filter(|action| given_role.allows(*action) && given.allow(*action))
            .all(has);
        let parts = given.iter().all(|scope| match scope {
            Scope::Action(_) => true,
            Scope::Function(_) | Scope::Model(_) => {
                !given_role.allows(Action::Invoke)
                    || has(Action::Invoke)
                    || (role.allows(Action::Invoke) && self.0.contains(scope))
            }
        });
        whole && parts
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = String;
    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let scopes = texts
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?;
        Self::new(scopes).map_err(|e| e.to_string())
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().map(Scope::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(texts: &[&str]) -> Scopes {
        let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
        texts.try_into().unwrap()
    }

    #[test]
    fn a_scope_has_one_spelling() {
        for text in [
            "read",
            "invoke",
            "publish",
            "manage-keys",
            "function=echo",
            "model=minilm",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "Read",
            "read ",
            "write",
            "function=",
            "function=A",
            "function=*",
            "model",
            "function:echo",
            "=x",
            "函数=x",
        ] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
        assert!(
            Scopes::try_from(
                (0..65)
                    .map(|i| format!("model=m{i}"))
                    .collect::<Vec<String>>()
            )
            .is_err()
        );
    }

    #[test]
    fn what_no_scope_names_is_refused() {
        let none = scopes(&[]);
        assert!(Action::ALL.into_iter().all(|a| none.allow(a)));
        let narrow = scopes(&["read", "function=echo", "model=minilm"]);
        assert!(narrow.allow(Action::Read) && !narrow.allow(Action::Invoke));
        assert!(!narrow.allow(Action::Publish));
        assert!(narrow.allow_function("echo") && !narrow.allow_function("minilm"));
        assert!(narrow.allow_model("minilm") && !narrow.allow_model("echo"));
        let all = scopes(&["invoke"]);
        assert!(all.allow_function("any") && all.allow_model("any") && !all.allow(Action::Read));
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let none = scopes(&[]);
        for (giver, role) in [
            (Role::Platform, Role::Platform),
            (Role::Operator, Role::Operator),
            (Role::Operator, Role::Viewer),
        ] {
            assert!(none.may_give(giver, role, &none), "{giver} {role}");
        }
        assert!(!none.may_give(Role::Operator, Role::Platform, &none));
        // What the scopes leave of a higher role may be given.
        assert!(none.may_give(Role::Operator, Role::Platform, &scopes(&["read"])));
        let keys_only = scopes(&["manage-keys"]);
        assert!(!keys_only.may_give(Role::Operator, Role::Viewer, &none));
        assert!(!keys_only.may_give(Role::Operator, Role::Invoker, &scopes(&["function=a"])));
        assert!(keys_only.may_give(Role::Operator, Role::Operator, &keys_only));
        let one = scopes(&["manage-keys", "function=a"]);
        assert!(one.may_give(Role::Operator, Role::Invoker, &scopes(&["function=a"])));
        assert!(!one.may_give(Role::Operator, Role::Invoker, &scopes(&["function=b"])));
        assert!(!one.may_give(Role::Operator, Role::Invoker, &none));
    }
}

//! Teams: people, cycles of reviews, processes that candidates go through, what was erased.
//!
//! People come with any good key that is set as theirs: what they may see and do follows from who they are to whom
//! ([`steward_team::access`]). What is set up and erased takes the action `manage-keys`, which here is human resources.

mod bodies;
pub(crate) mod cycles;
pub(crate) mod measures;
pub(crate) mod people;
pub(crate) mod processes;
pub(crate) mod reviews;

use serde_json::Value;
use steward_functions::{Call, FunctionsError, InputBody};
use steward_registry::team::Person;
use steward_registry::{Action, Name};
use steward_team::TeamError;
use steward_team::access::Asker;

use crate::auth::Caller;
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};

/// What a function said, and which.
struct Said {
    answer: Value,
    /// `team revision 3`.
    function: String,
    /// The id of the call.
    invocation: String,
}

/// Who asks.
async fn asker<N>(gateway: &Gateway, caller: &Caller<N>) -> Result<Asker, Problem> {
    let person = person_of(gateway, caller).await?;
    let principal = caller.principal();
    Ok(Asker {
        person: person.map(|person| person.id),
        manages_keys: principal.role.allows(Action::ManageKeys)
            && principal.scopes.allow(Action::ManageKeys),
    })
}

async fn person_of<N>(gateway: &Gateway, caller: &Caller<N>) -> Result<Option<Person>, Problem> {
    let registry = &gateway.registry;
    Ok(registry
        .team_person_of(caller.tenant(), caller.id())
        .await?)
}

/// Asks the function of a cycle or a process.
async fn ask<N>(
    gateway: &Gateway,
    caller: &Caller<N>,
    function: &Name,
    export: &str,
    input: Value,
) -> Result<Said, Problem> {
    let found = gateway
        .functions
        .find(caller.tenant().as_str(), function.as_str())?;
    let call = Call::new();
    let invocation = call.id.to_string();
    let revision = found.revision().revision;
    let answered = found
        .call_as(call, Some(export), input, InputBody::default())
        .await?;
    Ok(Said {
        answer: answered.value,
        function: format!("{function} revision {revision}"),
        invocation,
    })
}

impl Said {
    /// What a function may not have answered, as a problem that names it.
    fn unfaithful(&self, error: TeamError) -> Problem {
        let plugin = self.function.clone();
        match error {
            TeamError::Unfaithful(reason) => FunctionsError::Unfaithful { plugin, reason }.into(),
            other => other.into(),
        }
    }
}

impl From<TeamError> for Problem {
    fn from(error: TeamError) -> Self {
        let kind = match error {
            TeamError::NotYours(_) => &codes::NOT_YOURS,
            TeamError::Invalid(_) => &codes::INVALID,
            _ => &codes::INTERNAL,
        };
        Self::new(kind, error.to_string())
    }
}

//! Teams: people, cycles of reviews, processes that candidates go through, what was erased.
//!
//! People come with any good key that is set as theirs: what they may see and do follows from who they are to whom
//! ([`steward_team::access`]). What is set up and erased takes the action `manage-keys`, which here is human resources.

mod bodies;
pub(crate) mod check_ins;
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
use steward_team::access::{Asker, outsider};

use crate::auth::{Caller, Thing, permit};
use crate::gateway::Gateway;
use crate::problem::{Problem, codes};

/// What a function said, and which.
struct Said<T> {
    answer: T,
    /// `team revision 3`.
    function: String,
    /// The id of the call.
    invocation: String,
}

/// Who asks.
async fn asker<N>(gateway: &Gateway, caller: &Caller<N>) -> Result<Asker, Problem> {
    let person = person_of(gateway, caller).await?;
    Ok(Asker {
        person: person.map(|person| person.id),
        manages_keys: permit(caller.principal(), Action::ManageKeys, Thing::Any).is_ok(),
    })
}

/// Who asks, where they may see anything of the team.
async fn insider<N>(gateway: &Gateway, caller: &Caller<N>) -> Result<Asker, Problem> {
    let asker = asker(gateway, caller).await?;
    match asker.belongs() {
        true => Ok(asker),
        false => Err(outsider().into()),
    }
}

async fn person_of<N>(gateway: &Gateway, caller: &Caller<N>) -> Result<Option<Person>, Problem> {
    let registry = &gateway.registry;
    Ok(registry
        .team_person_of(caller.tenant(), caller.id())
        .await?)
}

/// Asks a function, and reads what it answers. Where it answered what it may not, the problem names it.
async fn ask<N, T>(
    gateway: &Gateway,
    caller: &Caller<N>,
    function: &Name,
    export: &str,
    input: Value,
    read: impl FnOnce(Value) -> Result<T, TeamError>,
) -> Result<Said<T>, Problem> {
    let found = gateway
        .functions
        .find(caller.tenant().as_str(), function.as_str())?;
    let call = Call::new();
    let invocation = call.id.to_string();
    let revision = found.revision().revision;
    let answered = found
        .call_as(call, Some(export), input, InputBody::default())
        .await?;
    let function = format!("{function} revision {revision}");
    match read(answered.value) {
        Ok(answer) => Ok(Said {
            answer,
            function,
            invocation,
        }),
        Err(TeamError::Unfaithful(reason)) => {
            let plugin = function;
            Err(FunctionsError::Unfaithful { plugin, reason }.into())
        }
        Err(other) => Err(other.into()),
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

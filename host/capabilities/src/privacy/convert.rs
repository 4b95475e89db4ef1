//! Between the words of the contract and those of the host.

use steward_privacy::{
    Answer, Atto, Bins, Condition, Group, Left, Measure, Nano, PrivacyError, Query, Question,
    Release, Spend, query::DEFAULT_CANDIDATES,
};
use steward_registry::{Name, PrivacyAccounting, PrivacyBudget, PrivacyLoss, RegistryError};

use super::QuestionError;
use crate::bindings::steward::privacy::privacy as wit;

/// What a guest is told where the reason is this host's own and may hold paths or addresses.
const IN_THE_LOG: &str = "the ledger does not answer now; the log of the host says why";

pub(super) fn query(query: wit::Query) -> Result<Query, PrivacyError> {
    Ok(Query {
        ask: question(query.ask),
        conditions: query.conditions.into_iter().map(condition).collect(),
        rows_per_unit: query.rows_per_unit,
        groups_per_unit: query.groups_per_unit,
        spend: spend(&query.spend)?,
    })
}

fn spend(spend: &wit::Spend) -> Result<Spend, PrivacyError> {
    match (spend.amount, spend.delta) {
        (wit::Amount::Epsilon(epsilon), None) => Spend::epsilon(epsilon),
        (wit::Amount::Epsilon(epsilon), Some(delta)) => Spend::epsilon_delta(epsilon, delta),
        (wit::Amount::Rho(rho), None) => Spend::rho(rho),
        (wit::Amount::Rho(rho), Some(delta)) => Spend::rho_delta(rho, delta),
    }
}

fn question(question: wit::Question) -> Question {
    match question {
        wit::Question::Count => Question::Count {},
        wit::Question::Sum(wit::Clamped {
            column,
            lower,
            upper,
        }) => Question::Sum {
            column,
            lower,
            upper,
        },
        wit::Question::Mean(wit::Clamped {
            column,
            lower,
            upper,
        }) => Question::Mean {
            column,
            lower,
            upper,
        },
        wit::Question::Quantile(wit::Quantile { of, q, candidates }) => Question::Quantile {
            column: of.column,
            lower: of.lower,
            upper: of.upper,
            q,
            candidates: candidates.unwrap_or(DEFAULT_CANDIDATES),
        },
        wit::Question::Histogram(wit::Histogram { column, bins }) => Question::Histogram {
            column,
            bins: match bins {
                wit::Bins::Keys(keys) => Bins::Keys(keys),
                wit::Bins::Edges(edges) => Bins::Edges(edges),
            },
        },
        wit::Question::TopK(wit::TopK { column, k, keys }) => Question::TopK { column, k, keys },
        wit::Question::Table(wit::Table {
            by,
            groups,
            measures,
        }) => Question::Table {
            by,
            groups,
            measures: measures.into_iter().map(measure).collect(),
        },
    }
}

fn measure(measure: wit::Measure) -> Measure {
    match measure {
        wit::Measure::Count => Measure::Count {},
        wit::Measure::Sum(wit::Clamped {
            column,
            lower,
            upper,
        }) => Measure::Sum {
            column,
            lower,
            upper,
        },
        wit::Measure::Mean(wit::Clamped {
            column,
            lower,
            upper,
        }) => Measure::Mean {
            column,
            lower,
            upper,
        },
    }
}

fn condition(condition: wit::Condition) -> Condition {
    match condition {
        wit::Condition::OneOf(wit::OneOf { column, texts }) => Condition::OneOf { column, texts },
        wit::Condition::Between(wit::Between { column, from, to }) => {
            Condition::Between { column, from, to }
        }
    }
}

pub(super) fn answer(answer: Answer) -> wit::Answer {
    let left = loss(answer.budget.left());
    wit::Answer {
        repeated: answer.repeated,
        cost: loss(answer.cost),
        left,
        release: match answer.release {
            Release::Number { value, error } => wit::Release::Number(wit::Number { value, error }),
            Release::Ranking { keys } => wit::Release::Ranking(keys),
            Release::Table {
                by,
                measures,
                errors,
                groups,
                truncated,
            } => wit::Release::Table(wit::Groups {
                by,
                measures,
                errors,
                groups: groups.into_iter().map(group).collect(),
                truncated,
            }),
        },
    }
}

fn group(Group { key, values }: Group) -> wit::Group {
    wit::Group { key, values }
}

pub(super) fn budget(budget: &PrivacyBudget) -> wit::Budget {
    wit::Budget {
        accounting: match budget.accounting {
            PrivacyAccounting::Pure => wit::Accounting::Pure,
            PrivacyAccounting::Approximate => wit::Accounting::Approximate,
            PrivacyAccounting::Concentrated => wit::Accounting::Concentrated,
        },
        limit: loss(budget.limit),
        left: loss(budget.left()),
    }
}

fn loss(loss: PrivacyLoss) -> wit::Loss {
    wit::Loss {
        amount: Nano::from_units(loss.loss).decimal(),
        delta: Atto::from_units(loss.delta).decimal(),
    }
}

pub(super) fn error(error: QuestionError, function: &Name) -> wit::Error {
    let message = error.to_string();
    match error {
        QuestionError::NoSuch(_) => wit::Error::NoSuch(message),
        QuestionError::Invalid(_) => wit::Error::InvalidInput(message),
        QuestionError::Unavailable(_) => wit::Error::Unavailable(message),
        QuestionError::Privacy(error) => match error {
            PrivacyError::NoBudget { dataset, .. } => wit::Error::Denied(format!(
                "the function `{function}` has no privacy budget for the dataset `{dataset}`; an operator gives it one \
                 with `steward privacy budget {dataset} --function {function} --unit FIELD --epsilon 1`"
            )),
            PrivacyError::Refused {
                left: Left { loss: left, .. },
                ..
            } => wit::Error::OverBudget(wit::Shortfall {
                message,
                left: loss(left),
            }),
            PrivacyError::Invalid(_)
            | PrivacyError::Accounting { .. }
            | PrivacyError::Registry(RegistryError::Invalid(_)) => {
                wit::Error::InvalidInput(message)
            }
            PrivacyError::Registry(_) => {
                tracing::error!(error = %message, %function, "a question of a function has no answer");
                wit::Error::Unavailable(IN_THE_LOG.into())
            }
            PrivacyError::Mechanism(_) => wit::Error::Unavailable(message),
            _ => wit::Error::Other(message),
        },
    }
}

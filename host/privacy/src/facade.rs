//! The way of a question: pay, draw, record, answer.

use std::sync::Arc;

use steward_registry::{
    PrivacyAccount, PrivacyBudget, PrivacyEntry, PrivacyLoss, PrivacyQuestion, PrivacyReservation,
    Registry, RegistryError, TenantId,
};

use crate::answer::{Answer, Release};
use crate::draw::Plan;
use crate::rows::Rows;
use crate::spend::{Left, told};
use crate::turns::Turns;
use crate::worker::Worker;
use crate::{Limit, PrivacyError, Query};

/// A snapshot of a dataset. Budgets are those of the dataset; the same question about another snapshot is
/// another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The dataset.
    pub dataset: &'a str,
    /// The snapshot: its digest or number, whatever never means other rows.
    pub snapshot: &'a str,
}

/// Answers questions about datasets with noise, for as long as the budgets last. A clone is cheap and means
/// the same ledger and the same thread.
#[derive(Clone)]
pub struct Privacy {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Registry,
    worker: Worker,
    turns: Turns,
}

impl Privacy {
    /// Starts the thread that draws noise; it ends with the last clone.
    ///
    /// # Errors
    /// [`PrivacyError::Mechanism`] where no thread can be started.
    pub fn start(registry: Registry) -> Result<Self, PrivacyError> {
        let worker = Worker::start()
            .map_err(|e| PrivacyError::Mechanism(format!("no thread can be started: {e}")))?;
        Ok(Self {
            shared: Arc::new(Shared {
                registry,
                worker,
                turns: Turns::default(),
            }),
        })
    }

    /// Sets what a principal may learn about a dataset, snapshots of all times together. What is spent stays
    /// spent. `by` is the id of the principal that sets it.
    ///
    /// # Errors
    /// [`PrivacyError::Registry`], see [`Registry::set_privacy_budget`].
    pub async fn set_budget(
        &self,
        account: &PrivacyAccount,
        limit: &Limit,
        by: &str,
    ) -> Result<PrivacyBudget, PrivacyError> {
        let registry = &self.shared.registry;
        Ok(registry
            .set_privacy_budget(account, limit.accounting(), limit.loss(), by)
            .await?)
    }

    /// One budget.
    ///
    /// # Errors
    /// [`PrivacyError::NoBudget`], [`PrivacyError::Registry`].
    pub async fn budget(&self, account: &PrivacyAccount) -> Result<PrivacyBudget, PrivacyError> {
        self.shared.budget(account).await
    }

    /// Every budget of a tenant, by dataset and principal.
    ///
    /// # Errors
    /// [`PrivacyError::Registry`]
    pub async fn budgets(&self, tenant: &TenantId) -> Result<Vec<PrivacyBudget>, PrivacyError> {
        Ok(self.shared.registry.privacy_budgets(tenant).await?)
    }

    /// What was paid from a budget, the newest first, at most `limit` lines.
    ///
    /// # Errors
    /// [`PrivacyError::Registry`]
    pub async fn entries(
        &self,
        account: &PrivacyAccount,
        limit: u32,
    ) -> Result<Vec<PrivacyEntry>, PrivacyError> {
        Ok(self.shared.registry.privacy_entries(account, limit).await?)
    }

    /// What can be said of a question without a look at the rows: its answer, where the same principal has asked it
    /// about the same snapshot before; else that it may be asked. Spends nothing.
    ///
    /// # Errors
    /// What [`Privacy::ask`] would refuse whatever the rows: [`PrivacyError::NoBudget`], [`PrivacyError::Invalid`],
    /// [`PrivacyError::Accounting`], [`PrivacyError::Refused`]; [`PrivacyError::Registry`].
    pub async fn recall(
        &self,
        tenant: &TenantId,
        source: Source<'_>,
        principal: &str,
        query: &Query,
    ) -> Result<Option<Answer>, PrivacyError> {
        let shared = &self.shared;
        let account = account(tenant, source, principal);
        let (asked, mut budget) = shared.asked(account, source, query).await?;
        let (account, question) = (&asked.account, &asked.question);
        let mut answer = shared.registry.privacy_answer(account, question).await?;
        let short = |budget: &PrivacyBudget| {
            let (cost, left) = (query.spend.cost(), budget.left());
            cost.loss > left.loss || cost.delta > left.delta
        };
        if answer.is_none() && short(&budget) {
            // What is missing may be what the same question is just being answered for: that answer is waited for.
            let _turn = shared.turns.take(account, question.digest()).await;
            answer = shared.registry.privacy_answer(account, question).await?;
            budget = shared.budget(account).await?;
            if answer.is_none() && short(&budget) {
                return Err(refused(asked.account, query, &budget));
            }
        }
        answer.map(|answer| repeated(answer, budget)).transpose()
    }

    /// Answers a question about a snapshot, whose rows these are.
    ///
    /// Everything that can be wrong with the question is found first, for nothing. Then its cost is reserved,
    /// durably; noise is drawn; the answer is recorded; and only then is it returned. An identical question of
    /// the same principal about the same snapshot gets the recorded answer and costs nothing. Nothing is ever
    /// given back: an attempt that was cut short after its payment stays paid, and asking again pays for
    /// another. Once paid, it goes on even if the caller no longer waits.
    ///
    /// # Errors
    /// [`PrivacyError::Invalid`], [`PrivacyError::NoBudget`], [`PrivacyError::Accounting`] and
    /// [`PrivacyError::Refused`], which spend nothing; [`PrivacyError::Mechanism`];
    /// [`PrivacyError::Registry`].
    pub async fn ask(
        &self,
        tenant: &TenantId,
        source: Source<'_>,
        principal: &str,
        query: &Query,
        rows: Arc<Rows>,
    ) -> Result<Answer, PrivacyError> {
        let plan = Plan::new(query, &rows)?;
        let account = account(tenant, source, principal);
        let (asked, _) = self.shared.asked(account, source, query).await?;
        let shared = self.shared.clone();
        let answering = tokio::spawn(async move { shared.answer(asked, plan, rows).await });
        answering
            .await
            .map_err(|_| PrivacyError::Mechanism("the question was cut short".into()))?
    }
}

/// A question and who asks it.
struct Asked {
    account: PrivacyAccount,
    question: PrivacyQuestion,
    query: Query,
}

fn account(tenant: &TenantId, source: Source<'_>, principal: &str) -> PrivacyAccount {
    PrivacyAccount {
        tenant: tenant.clone(),
        dataset: source.dataset.to_owned(),
        principal: principal.to_owned(),
    }
}

fn refused(account: PrivacyAccount, query: &Query, budget: &PrivacyBudget) -> PrivacyError {
    PrivacyError::Refused {
        account: Box::new(account),
        cost: query.spend,
        left: Left {
            accounting: budget.accounting,
            loss: budget.left(),
        },
        limit: told(budget.accounting, budget.limit),
    }
}

impl Shared {
    /// A question that the budget of who asks it could pay, if enough is left.
    async fn asked(
        &self,
        account: PrivacyAccount,
        source: Source<'_>,
        query: &Query,
    ) -> Result<(Asked, PrivacyBudget), PrivacyError> {
        let budget = self.budget(&account).await?;
        let question = PrivacyQuestion::new(query.canonical(source.snapshot)?)?;
        if !query.spend.fits(budget.accounting) {
            return Err(PrivacyError::Accounting {
                account: Box::new(account),
                accounting: budget.accounting,
            });
        }
        let query = query.clone();
        let asked = Asked {
            account,
            question,
            query,
        };
        Ok((asked, budget))
    }

    async fn budget(&self, account: &PrivacyAccount) -> Result<PrivacyBudget, PrivacyError> {
        match self.registry.privacy_budget(account).await {
            Err(RegistryError::NotFound { .. }) => Err(PrivacyError::NoBudget {
                dataset: account.dataset.clone(),
                principal: account.principal.clone(),
            }),
            budget => Ok(budget?),
        }
    }

    async fn answer(
        &self,
        asked: Asked,
        plan: Plan,
        rows: Arc<Rows>,
    ) -> Result<Answer, PrivacyError> {
        let Asked {
            account,
            question,
            query,
        } = asked;
        // Who asks the same thing at the same time waits for this answer instead of paying for another.
        let _turn = self.turns.take(&account, question.digest()).await;
        // Most repetitions end here, without a turn at the ledger's writers.
        if let Some(answer) = self.registry.privacy_answer(&account, &question).await? {
            return repeated(answer, self.budget(&account).await?);
        }
        let cost = query.spend.cost();
        let reserved = self
            .registry
            .reserve_privacy(&account, &question, cost)
            .await?;
        let (attempt, budget) = match reserved {
            PrivacyReservation::Reserved { attempt, budget } => (attempt, budget),
            PrivacyReservation::Answered { answer, budget } => {
                return repeated(answer, budget);
            }
            PrivacyReservation::Refused { budget } => {
                return Err(refused(account, &query, &budget));
            }
        };
        let release = self.worker.run(move || plan.draw(&rows)).await?;
        let written = serde_json::to_value(&release)
            .map_err(|e| PrivacyError::Mechanism(format!("the answer cannot be written: {e}")))?;
        // Another host may have been quicker with the same question: then its answer is the answer.
        let recorded = self
            .registry
            .record_privacy_answer(&account, &question, attempt, &written)
            .await?;
        Ok(Answer {
            release: read(recorded)?,
            repeated: false,
            cost,
            budget,
        })
    }
}

fn repeated(answer: serde_json::Value, budget: PrivacyBudget) -> Result<Answer, PrivacyError> {
    Ok(Answer {
        release: read(answer)?,
        repeated: true,
        cost: PrivacyLoss::default(),
        budget,
    })
}

fn read(answer: serde_json::Value) -> Result<Release, PrivacyError> {
    serde_json::from_value(answer)
        .map_err(|e| PrivacyError::Mechanism(format!("the recorded answer cannot be read: {e}")))
}

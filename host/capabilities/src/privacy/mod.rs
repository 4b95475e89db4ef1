//! `steward:privacy`: questions about datasets that the tenant granted, answered with noise.
//!
//! A function is a principal of its own, `function:NAME`: what it may learn in all is the budget that an operator gave to
//! that name. Versions and revisions of the function share it, and so does everybody who may call it.

mod convert;
mod source;

use std::sync::Arc;

use steward_registry::{DatasetRef, Name, Permission, PrivacyAsker};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::GuestState;
use crate::bindings::steward::privacy::privacy as wit;
pub use source::{QuestionError, Questions};

/// As whom the guest asks.
#[derive(Clone)]
pub struct Authorized {
    function: Name,
    principal: String,
}

/// A snapshot that the guest has opened.
pub struct GuestDataset(DatasetRef);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

/// Whether the function has a budget is seen when it asks: budgets change without a new revision.
pub(crate) fn authorize(function: &Name) -> Authorized {
    Authorized {
        principal: PrivacyAsker::Function(function.clone()).to_string(),
        function: function.clone(),
    }
}

impl GuestState {
    fn questions(&self) -> Result<Arc<dyn Questions>, wit::Error> {
        self.questions.clone().ok_or_else(|| {
            wit::Error::Unavailable("this host answers no questions about datasets".into())
        })
    }

    async fn open_dataset(&mut self, name: &str) -> Result<DatasetRef, wit::Error> {
        let wanted: DatasetRef = name
            .parse()
            .map_err(|e: steward_registry::id::InvalidId| wit::Error::NoSuch(e.to_string()))?;
        self.authorized
            .permitted
            .check(&Permission::Privacy(wanted.name.clone()))
            .map_err(|denial| wit::Error::Denied(denial.to_string()))?;
        let found = self.questions()?;
        let found = found.snapshot(&self.source.tenant, &wanted).await;
        found.map_err(|error| self.told(error))
    }

    async fn budget_for(&mut self, dataset: &DatasetRef) -> Result<wit::Budget, wit::Error> {
        let principal = &self.authorized.privacy.principal;
        let questions = self.questions()?;
        let budget = questions.budget(&self.source.tenant, &dataset.name, principal);
        let budget = budget.await.map_err(|error| self.told(error))?;
        Ok(convert::budget(&budget))
    }

    async fn ask_about(
        &mut self,
        dataset: &DatasetRef,
        query: wit::Query,
    ) -> Result<wit::Answer, wit::Error> {
        let query = convert::query(query).map_err(|error| self.told(error.into()))?;
        let principal = &self.authorized.privacy.principal;
        let questions = self.questions()?;
        let answer = questions.ask(&self.source.tenant, dataset, principal, &query);
        let answer = answer.await.map_err(|error| self.told(error))?;
        Ok(convert::answer(answer))
    }

    fn told(&self, error: QuestionError) -> wit::Error {
        convert::error(error, &self.authorized.privacy.function)
    }

    fn opened(&self, handle: &Resource<GuestDataset>) -> wasmtime::Result<DatasetRef> {
        Ok(self.table.get(handle)?.0.clone())
    }
}

impl wit::Host for GuestState {
    async fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<GuestDataset>, wit::Error>> {
        self.count_host_call()?;
        Ok(match self.open_dataset(&name).await {
            Ok(dataset) => Ok(self.table.push(GuestDataset(dataset))?),
            Err(error) => Err(error),
        })
    }
}

impl wit::HostDataset for GuestState {
    fn snapshot(&mut self, handle: Resource<GuestDataset>) -> wasmtime::Result<String> {
        self.count_host_call()?;
        Ok(self.opened(&handle)?.to_string())
    }

    async fn budget(
        &mut self,
        handle: Resource<GuestDataset>,
    ) -> wasmtime::Result<Result<wit::Budget, wit::Error>> {
        self.count_host_call()?;
        let dataset = self.opened(&handle)?;
        Ok(self.budget_for(&dataset).await)
    }

    async fn ask(
        &mut self,
        handle: Resource<GuestDataset>,
        query: wit::Query,
    ) -> wasmtime::Result<Result<wit::Answer, wit::Error>> {
        self.count_host_call()?;
        let dataset = self.opened(&handle)?;
        Ok(self.ask_about(&dataset, query).await)
    }

    fn drop(&mut self, handle: Resource<GuestDataset>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

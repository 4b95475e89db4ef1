//! `steward:privacy`: questions about datasets that the tenant granted, answered with noise.
//!
//! A function is a principal of its own, `function:NAME`: what it may learn in all is the budget that an operator gave to
//! that name. Versions and revisions of the function share it, and so does everybody who may call it.

mod convert;
mod source;

use std::sync::Arc;

use steward_registry::{DatasetRef, Grants, Manifest, Name, PrivacyAsker};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::steward::privacy::privacy as wit;
use crate::{Denial, GuestState};
pub use source::{QuestionError, Questions};

/// What the guest may open, and as whom it asks.
#[derive(Clone)]
pub struct Authorized {
    function: Name,
    principal: String,
    requested: Vec<Name>,
    granted: Vec<Name>,
}

/// A snapshot that the guest has opened.
pub struct GuestDataset(DatasetRef);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

fn manifest_line(dataset: &Name) -> String {
    format!("[requests] privacy = [\"{dataset}\"]")
}

fn grant(dataset: &Name) -> String {
    format!("--grant privacy={dataset}")
}

/// Holds the requests of the manifest against the grants of the tenant. Whether the function has a budget is seen when it
/// asks: budgets change without a new revision.
///
/// # Errors
/// [`Denial::NotGranted`] for a request without a grant: better refused when it is deployed than
/// found out by a caller.
pub fn authorize(
    function: &Name,
    manifest: &Manifest,
    grants: &Grants,
) -> Result<Authorized, Denial> {
    let requested = &manifest.requests.privacy;
    if let Some(wanted) = requested.iter().find(|d| !grants.privacy.contains(d)) {
        return Err(Denial::NotGranted {
            manifest_line: manifest_line(wanted),
            grant: grant(wanted),
        });
    }
    Ok(Authorized {
        principal: PrivacyAsker::Function(function.clone()).to_string(),
        function: function.clone(),
        requested: requested.clone(),
        granted: grants.privacy.clone(),
    })
}

impl Authorized {
    fn check(&self, wanted: &Name) -> Result<(), Denial> {
        let (manifest_line, grant) = (manifest_line(wanted), grant(wanted));
        if !self.requested.contains(wanted) {
            return Err(Denial::NotRequested {
                manifest_line,
                grant,
            });
        }
        if !self.granted.contains(wanted) {
            return Err(Denial::NotGranted {
                manifest_line,
                grant,
            });
        }
        Ok(())
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
            .privacy
            .check(&wanted.name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn authorized(requests: &str, grants: &[&str]) -> Result<Authorized, Denial> {
        let manifest = Manifest::parse(&format!(
            "[plugin]\nname = \"p\"\nversion = \"1.0.0\"\nworld = \"function\"\n[requests]\nprivacy = {requests}\n"
        ))
        .unwrap();
        let grants = Grants {
            privacy: grants.iter().map(|d| d.parse().unwrap()).collect(),
            ..Grants::default()
        };
        authorize(&"shop".parse().unwrap(), &manifest, &grants)
    }

    #[test]
    fn a_request_without_a_grant_names_both_lines() {
        let denial = authorized(r#"["orders", "visits"]"#, &["orders"]).err();
        assert_eq!(
            denial.unwrap().to_string(),
            "not granted: the plugin's manifest says `[requests] privacy = [\"visits\"]`; to allow it, deploy with \
             `--grant privacy=visits`"
        );
    }

    #[test]
    fn both_must_agree() {
        let authorized = authorized(r#"["orders"]"#, &["orders", "visits"]).unwrap();
        let check = |name: &str| authorized.check(&name.parse().unwrap());
        assert!(check("orders").is_ok());
        assert!(matches!(check("visits"), Err(Denial::NotRequested { .. })));
        assert!(matches!(check("order"), Err(Denial::NotRequested { .. })));
        assert_eq!(authorized.principal, "function:shop");
    }
}

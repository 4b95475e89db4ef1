//! `steward:secrets`: secrets of the tenant, as far as the function was granted them.

use steward_registry::{Name, Permission, RegistryError};
use steward_secrets::{Secret, SecretsError};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::GuestState;
use crate::bindings::steward::secrets::secrets as wit;

/// What a guest is told where the reason is this host's own.
const IN_THE_LOG: &str = "the secret cannot be read now; the log of the host says why";

/// A secret that the guest has got.
pub struct GuestSecret(Secret);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl GuestState {
    async fn get_secret(&mut self, name: &str) -> Result<Secret, wit::Error> {
        let name: Name = name
            .parse()
            .map_err(|e: steward_registry::InvalidId| wit::Error::NoSuch(e.to_string()))?;
        self.authorized
            .permitted
            .check(&Permission::Secrets(name.clone()))
            .map_err(|denial| wit::Error::Denied(denial.to_string()))?;
        let vault = self
            .secrets
            .clone()
            .ok_or_else(|| wit::Error::Other("this host keeps no secrets".into()))?;
        let found = vault.get(&self.source.tenant, &name).await;
        found.map_err(|error| match error {
            SecretsError::Registry(RegistryError::NotFound { .. }) => wit::Error::NoSuch(format!(
                "there is no secret `{name}`; `steward secret set {name}` sets it"
            )),
            error => {
                tracing::error!(%error, "a secret cannot be read");
                wit::Error::Other(IN_THE_LOG.into())
            }
        })
    }
}

impl wit::Host for GuestState {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<GuestSecret>, wit::Error>> {
        self.count_host_call()?;
        Ok(match self.get_secret(&name).await {
            Ok(secret) => Ok(self.table.push(GuestSecret(secret))?),
            Err(error) => Err(error),
        })
    }
}

impl wit::HostSecret for GuestState {
    fn reveal(&mut self, handle: Resource<GuestSecret>) -> wasmtime::Result<Vec<u8>> {
        self.count_host_call()?;
        Ok(self.table.get(&handle)?.0.reveal().to_vec())
    }

    fn drop(&mut self, handle: Resource<GuestSecret>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

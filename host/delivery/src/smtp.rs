//! Sends one message to a relay (RFC 5321), over TLS unless the trigger says otherwise.

use std::time::{Duration, Instant, SystemTime};

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use steward_registry::Name;
use steward_registry::events::{EmailTarget, Event, Trigger};
use steward_triggers::deliver::{Deliver, Undelivered};
use tokio::time::timeout_at;

use crate::relay::{Relay, Security};
use crate::{Outward, mail};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(60);
/// How much of what a relay says is kept as the reason, in characters.
const REASON: usize = 500;

impl<D: Deliver> Outward<D> {
    pub(crate) async fn by_mail(
        &self,
        trigger: &Trigger,
        to: &EmailTarget,
        event: &Event,
    ) -> Result<(), Undelivered> {
        let refused = |reason: String| Undelivered::Refused(reason);
        let id = format!("{}-{}", trigger.name, event.seq);
        let message = mail::message(to, &id, event, SystemTime::now()).map_err(refused)?;
        let relay: Relay = to.relay.parse().map_err(refused)?;
        let credentials = self.credentials(trigger, to, &relay).await?;
        let by = Instant::now() + TRY;
        let sent = async {
            let mut connection = self.connect(&relay, by).await?;
            if let Some(credentials) = &credentials {
                let mechanisms = [Mechanism::Plain, Mechanism::Login];
                connection
                    .auth(&mechanisms, credentials)
                    .await
                    .map_err(told)?;
            }
            connection
                .send(message.envelope(), &message.formatted())
                .await
                .map_err(told)?;
            // The relay has it. Whether it hears good-bye changes nothing.
            let _ = connection.quit().await;
            Ok(())
        };
        match timeout_at(by.into(), sent).await {
            Ok(result) => result,
            Err(_) => Err(Undelivered::Failed(format!(
                "the relay took longer than {} s",
                TRY.as_secs()
            ))),
        }
    }

    /// What the relay is told of who we are, where the trigger says so.
    async fn credentials(
        &self,
        trigger: &Trigger,
        to: &EmailTarget,
        relay: &Relay,
    ) -> Result<Option<Credentials>, Undelivered> {
        let Some(name) = &to.credentials else {
            return Ok(None);
        };
        relay.takes_passwords().map_err(Undelivered::Refused)?;
        let secret = self.secret(&trigger.tenant, name).await;
        let credentials = secret.and_then(|secret| credentials(name, &secret));
        credentials.map(Some).map_err(Undelivered::Failed)
    }

    /// Connects to one of the addresses that were checked, and to no other.
    async fn connect(
        &self,
        relay: &Relay,
        by: Instant,
    ) -> Result<AsyncSmtpConnection, Undelivered> {
        let failed = |reason: String| Undelivered::Failed(reason);
        let addresses = self
            .egress
            .addresses(&relay.destination)
            .await
            .map_err(|e| failed(e.to_string()))?;
        let tls = || self.tls(relay.destination.host());
        let implicit = match relay.security {
            Security::Tls => Some(tls()?),
            Security::StartTls | Security::None => None,
        };
        let hello = ClientId::Domain("steward.invalid".into());
        let left = by.saturating_duration_since(Instant::now());
        let mut last = failed("the relay has no address".into());
        for address in addresses {
            let connected = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(left),
                &hello,
                implicit.clone(),
                None,
            )
            .await;
            match connected {
                Ok(mut connection) => {
                    if relay.security == Security::StartTls {
                        connection.starttls(tls()?, &hello).await.map_err(told)?;
                    }
                    return Ok(connection);
                }
                Err(error) => last = told(error),
            }
        }
        Err(last)
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, Undelivered> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut tls = TlsParameters::builder(host.to_owned())
            .certificate_store(CertificateStore::WebpkiRoots);
        for root in self.egress.extra_roots() {
            let root = Certificate::from_der(root.to_vec()).map_err(told)?;
            tls = tls.add_root_certificate(root);
        }
        tls.build_rustls().map_err(told)
    }
}

/// Reads `USER:PASSWORD`, the secret of this name.
///
/// # Errors
/// That it is not that.
pub(crate) fn credentials(name: &Name, secret: &str) -> Result<Credentials, String> {
    let named = secret.trim().split_once(':');
    let (user, password) =
        named.ok_or_else(|| format!("the secret `{name}` is not USER:PASSWORD"))?;
    Ok(Credentials::new(user.to_owned(), password.to_owned()))
}

/// A relay that says no for good (5xx) is not asked again.
fn told(error: SmtpError) -> Undelivered {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    let reason: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(REASON)
        .collect();
    match error.is_permanent() {
        true => Undelivered::Refused(format!("the relay refused it: {reason}")),
        false => Undelivered::Failed(format!("the relay did not take it: {reason}")),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What all connections of a process share: credentials, trust anchors, the roles.

use std::fs::OpenOptions;
use std::sync::{Arc, Mutex};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{ring as provider, CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SigningKey;
use rustls::{CertificateError, Error, RootCertStore};

use crate::attester::Attester;
use crate::device::Device;
use crate::device_key::DeviceKey;
use crate::events::Events;
use crate::keys::PublicKey;
use crate::options::{Options, Side};
use crate::refusal::{Outcome, Refusal, UNKNOWN_CA};
use crate::verifier::Verifier;
use crate::x509;

struct ChainChecks {
    server: Arc<WebPkiServerVerifier>,
    client: Arc<dyn ClientCertVerifier>,
}

/// Where the private key is.
pub enum OwnKey {
    Device(u32, PublicKey),
    File(Arc<dyn SigningKey>),
}

pub struct Party {
    pub options: Arc<Options>,
    pub events: Arc<Events>,
    pub verifier: Arc<Verifier>,
    pub provider: Arc<CryptoProvider>,
    pub chain: Vec<CertificateDer<'static>>,
    pub own_key: Option<OwnKey>,
    pub device: Option<Arc<Device>>,
    pub attester: Option<Attester>,
    pub keylog: Option<Mutex<std::fs::File>>,
    checks: Option<ChainChecks>,
}

fn unusable(what: &str, problem: impl std::fmt::Display) -> Refusal {
    Refusal::internal(format!("{what}: {problem}"))
}

/// A rustls client's first group is the one that it sends a share for.
fn groups(options: &Options) -> Vec<&'static dyn SupportedKxGroup> {
    use provider::kx_group::{SECP256R1, SECP384R1, X25519};
    match (options.hrr, options.side) {
        (false, _) => vec![X25519, SECP256R1, SECP384R1],
        (true, Side::Client) => vec![&NoOnesGroup, X25519, SECP256R1, SECP384R1],
        (true, Side::Server) => vec![SECP384R1],
    }
}

/// A group of private use (RFC 8446 section 4.2.7) that no server has: it answers with a
/// HelloRetryRequest for another one, and this share is never used.
#[derive(Debug)]
struct NoOnesGroup;

const NO_ONES_GROUP: rustls::NamedGroup = rustls::NamedGroup::Unknown(0xfe00);

impl SupportedKxGroup for NoOnesGroup {
    fn start(&self) -> Result<Box<dyn rustls::crypto::ActiveKeyExchange>, Error> {
        Ok(Box::new(NoOnesShare))
    }
    fn name(&self) -> rustls::NamedGroup {
        NO_ONES_GROUP
    }
}

struct NoOnesShare;

impl rustls::crypto::ActiveKeyExchange for NoOnesShare {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<rustls::crypto::SharedSecret, Error> {
        Err(Error::General(
            "the server took a group of private use".into(),
        ))
    }
    fn pub_key(&self) -> &[u8] {
        &[0; 32]
    }
    fn group(&self) -> rustls::NamedGroup {
        NO_ONES_GROUP
    }
}

impl Party {
    pub fn new(options: Options) -> Outcome<Self> {
        let options = Arc::new(options);
        let o = &options;
        let who = o.side.name();
        let events = Events::open(who, o.events.as_deref(), o.artifacts.as_deref())
            .map_err(|problem| unusable("--events or --artifacts", problem))?;
        let events = Arc::new(events);
        let verifier = Arc::new(Verifier::new(o.verifier_timeout));
        let provider = Arc::new(CryptoProvider {
            kx_groups: groups(o),
            ..provider::default_provider()
        });
        let keylog = match &o.keylog {
            None => None,
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Some(Mutex::new(file.map_err(|p| unusable(path, p))?))
            }
        };
        let mut party = Party {
            checks: chain_checks(o, &provider)?,
            device: match &o.device {
                Some(address) => Some(Arc::new(Device::open(address)?)),
                None => None,
            },
            options,
            events,
            verifier,
            provider,
            chain: Vec::new(),
            own_key: None,
            attester: None,
            keylog,
        };
        party.load_credential()?;
        Ok(party)
    }

    fn load_credential(&mut self) -> Outcome<()> {
        let o = self.options.clone();
        let (Some(cert), Some(key)) = (&o.cert, &o.key) else {
            return Ok(());
        };
        self.chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect)
            .map_err(|problem| unusable(cert, format!("{problem:?}")))?;
        let leaf = self.chain.first();
        let leaf = leaf.ok_or_else(|| unusable(cert, "a chain in PEM was expected"))?;
        let Some(handle) = o.device_key() else {
            let der = PrivateKeyDer::from_pem_file(key)
                .map_err(|_| unusable(key, "a private key in PEM was expected"))?;
            let key = rustls::crypto::ring::sign::any_supported_type(&der)
                .map_err(|problem| unusable("--key", problem))?;
            self.own_key = Some(OwnKey::File(key));
            return Ok(());
        };
        let public = x509::public_key(leaf)?;
        let device = self.device.clone();
        let device = device.ok_or_else(|| Refusal::internal("no device for the key"))?;
        DeviceKey::check(&device, handle, &public)?;
        self.own_key = Some(OwnKey::Device(handle, public));
        if !o.attester.is_empty() {
            let (events, verifier) = (self.events.clone(), self.verifier.clone());
            self.attester = Some(Attester::new(o, events, verifier, device, handle));
        }
        Ok(())
    }

    /// PKIX, by the trust anchors: attestation is no substitute for it. `name` is the server's,
    /// where the peer is one.
    pub fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let Some(checks) = &self.checks else {
            let detail = "X.509 came, and no trust anchors were given";
            return Err(Refusal::new("certificate-untrusted", "", detail).with_alert(UNKNOWN_CA));
        };
        let verified = match self.options.side {
            Side::Client => checks
                .server
                .verify_server_cert(leaf, others, name, &[], now)
                .map(|_| ()),
            Side::Server => checks
                .client
                .verify_client_cert(leaf, others, now)
                .map(|_| ()),
        };
        verified.map_err(|problem| {
            let alert = match &problem {
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => Some(UNKNOWN_CA),
                _ => None,
            };
            let clause = "RFC 8446 section 4.4.2.4";
            let refusal = Refusal::new("certificate-untrusted", clause, problem.to_string());
            Refusal { alert, ..refusal }
        })
    }
}

fn chain_checks(o: &Options, provider: &Arc<CryptoProvider>) -> Outcome<Option<ChainChecks>> {
    let Some(path) = &o.ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    let anchors =
        CertificateDer::pem_file_iter(path).map_err(|p| unusable(path, format!("{p:?}")))?;
    for anchor in anchors {
        let anchor = anchor.map_err(|p| unusable(path, format!("{p:?}")))?;
        roots.add(anchor).map_err(|p| unusable(path, p))?;
    }
    let roots = Arc::new(roots);
    let server = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
    let client = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    Ok(Some(ChainChecks {
        server: server.build().map_err(|p| unusable(path, p))?,
        client: client.build().map_err(|p| unusable(path, p))?,
    }))
}

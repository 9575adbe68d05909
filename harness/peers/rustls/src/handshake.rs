// SPDX-License-Identifier: Apache-2.0
//! What one connection answers when rustls asks during its handshake: which certificate, is the
//! peer's good, where do secrets go. In x509-cmw the peer is judged here, so that the handshake
//! ends only with an accepting verdict.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::ResolvesClientCert;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, KeyLog, PeerMisbehaved,
    SignatureScheme,
};
use serde_json::json;

use crate::device_key::DeviceKey;
use crate::events::{hex, Events};
use crate::options::{Model, Profile, Side};
use crate::party::{OwnKey, Party};
use crate::refusal::{
    Outcome, Refusal, ACCESS_DENIED, BAD_CERTIFICATE, DECRYPT_ERROR, ILLEGAL_PARAMETER, UNKNOWN_CA,
};
use crate::relying_party::RelyingParty;
use crate::x509;

#[derive(Default)]
pub struct Known {
    pub self_model: Option<Model>,
    pub peer_model: Option<Model>,
    pub signed_with: Vec<u8>,
    pub verified_with: Vec<u8>,
    /// The verifier ran, and refused: rustls has queued an alert.
    pub judged_bad: bool,
    hello_told: bool,
    secrets: Vec<(String, Vec<u8>)>,
}

pub struct Handshake {
    pub party: Arc<Party>,
    pub conn: usize,
    pub failure: Arc<Mutex<Option<Refusal>>>,
    known: Mutex<Known>,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connection {}", self.conn)
    }
}

/// The error for which rustls sends this alert, if there is one.
fn error_with_alert(alert: u8) -> Option<Error> {
    let certificate = match alert {
        BAD_CERTIFICATE => CertificateError::BadEncoding,
        UNKNOWN_CA => CertificateError::UnknownIssuer,
        ACCESS_DENIED => CertificateError::ApplicationVerificationFailure,
        DECRYPT_ERROR => CertificateError::BadSignature,
        ILLEGAL_PARAMETER => {
            return Some(Error::PeerMisbehaved(
                PeerMisbehaved::UnsolicitedCertExtension,
            ))
        }
        _ => return None,
    };
    Some(Error::InvalidCertificate(certificate))
}

/// Can rustls send this alert by itself while it verifies a certificate?
pub fn is_natural(alert: u8) -> bool {
    error_with_alert(alert).is_some()
}

impl Handshake {
    pub fn new(party: Arc<Party>, conn: usize) -> Arc<Self> {
        Arc::new(Handshake {
            party,
            conn,
            failure: Arc::new(Mutex::new(None)),
            known: Mutex::new(Known::default()),
        })
    }

    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|p| p.into_inner())
    }

    pub fn events(&self) -> &Events {
        &self.party.events
    }

    pub fn take_failure(&self) -> Option<Refusal> {
        let mut failure = self.failure.lock().unwrap_or_else(|p| p.into_inner());
        failure.take()
    }

    pub fn secret(&self, label: &str) -> Option<Vec<u8>> {
        let known = self.known();
        let found = known.secrets.iter().find(|(name, _)| name == label);
        found.map(|(_, secret)| secret.clone())
    }

    pub fn relying_party(&self) -> RelyingParty<'_> {
        RelyingParty {
            options: &self.party.options,
            events: &self.party.events,
            verifier: &self.party.verifier,
        }
    }

    /// The own chain and a key that may be used once for this connection.
    pub fn signing_key(&self) -> Option<Arc<dyn SigningKey>> {
        match self.party.own_key.as_ref()? {
            OwnKey::File(key) => Some(key.clone()),
            OwnKey::Device(handle, public) => Some(Arc::new(DeviceKey {
                device: self.party.device.clone()?,
                handle: *handle,
                curve: public.curve,
                failure: self.failure.clone(),
            })),
        }
    }

    /// Nothing is negotiated in either profile.
    fn tell_selected(&self, direction: &str) {
        let fields = json!({"conn": self.conn, "direction": direction, "extensions": {}});
        self.events().tell("selected", fields);
    }

    /// A server's ClientHello is here, the first or the second.
    fn tell_hello(&self) {
        if !std::mem::replace(&mut self.known().hello_told, true) {
            let fields = json!({"conn": self.conn, "direction": "received", "extensions": {}});
            self.events().tell("offer", fields);
            self.tell_selected("sent");
        }
    }

    /// What this side presents; in x509-cmw an attester's leaf is its credential.
    fn present(&self) -> Option<Arc<CertifiedKey>> {
        let party = &self.party;
        let leaf = party.chain.first()?;
        let attests = party.options.profile == Profile::X509Cmw
            && !party.options.attester.is_empty()
            && self.known().self_model.is_none();
        if attests {
            if let Ok(Some(cmw)) = x509::find_cmw(leaf) {
                let result =
                    crate::cmw::Cmw::parse(&cmw).is_ok_and(|parsed| parsed.is(crate::cmw::EAT_JWT));
                let fits = if result {
                    Model::Passport
                } else {
                    Model::BackgroundCheck
                };
                let ours = &party.options.attester;
                let model = if ours.contains(&fits) { fits } else { ours[0] };
                self.known().self_model = Some(model);
                self.known().signed_with = x509::spki(leaf).unwrap_or_default();
                self.events().credential(self.conn, "sent", &cmw);
            }
        }
        let key = self.signing_key()?;
        Some(Arc::new(CertifiedKey::new(party.chain.clone(), key)))
    }

    /// Chain first, then what is in the leaf.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Outcome<()> {
        let options = &self.party.options;
        self.party.verify_chain(leaf, others, name, now)?;
        self.known().verified_with = x509::spki(leaf)?;
        if options.profile != Profile::X509Cmw || options.relying_party.is_empty() {
            return Ok(());
        }
        let Some(cmw) = x509::find_cmw(leaf)? else {
            if options.required {
                return Err(Refusal::new(
                    "attestation-missing",
                    "RFC 9999 section 4.4",
                    "the peer's certificate has no extension with a CMW",
                ));
            }
            return Ok(());
        };
        let key = x509::public_key(leaf)?;
        let relying_party = self.relying_party();
        let model = relying_party.model_of(&cmw);
        let challenge = x509::challenge(&key);
        relying_party.appraise(self.conn, model, &key, &challenge, &cmw)?;
        self.known().peer_model = Some(model);
        Ok(())
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Err(refusal) = self.judge(leaf, others, name, now) else {
            return Ok(());
        };
        let alert = refusal.alert_in(self.party.options.profile);
        let error =
            error_with_alert(alert).unwrap_or_else(|| Error::General(refusal.detail.clone()));
        self.known().judged_bad = true;
        *self.failure.lock().unwrap_or_else(|p| p.into_inner()) = Some(refusal);
        Err(error)
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.party.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, dss, algorithms).inspect_err(|problem| {
            let attested = self.known().peer_model.is_some();
            let reason = if attested {
                "key-mismatch"
            } else {
                "certificate-untrusted"
            };
            let refusal = Refusal::new(reason, "RFC 8446 section 4.4.3", problem.to_string());
            self.known().judged_bad = true;
            *self.failure.lock().unwrap_or_else(|p| p.into_inner()) =
                Some(refusal.with_alert(DECRYPT_ERROR));
        })
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.party
            .provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// One type for all that rustls asks, on either side.
#[derive(Clone, Debug)]
pub struct Asked(pub Arc<Handshake>);

impl ServerCertVerifier for Asked {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.tell_selected("received"); // EncryptedExtensions came before it
        self.0.verify(leaf, others, name, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.party.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_signature(message, certificate, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

impl ClientCertVerifier for Asked {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let name = ServerName::try_from("localhost").map_err(|p| Error::General(p.to_string()))?;
        self.0.verify(leaf, others, &name, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_signature(message, certificate, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.present()
    }

    fn has_certs(&self) -> bool {
        !self.0.party.chain.is_empty()
    }
}

impl ResolvesServerCert for Asked {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.tell_hello();
        self.0.present()
    }
}

impl KeyLog for Asked {
    /// Kept for an alert that rustls cannot send, and written where the flag says.
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if let Some(file) = &self.0.party.keylog {
            let mut file = file.lock().unwrap_or_else(|p| p.into_inner());
            let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
            if let Err(problem) = file.write_all(line.as_bytes()) {
                eprintln!("atls-rustls: --keylog: {problem}");
            }
        }
        let own = match self.0.party.options.side {
            Side::Client => label.starts_with("CLIENT_"),
            Side::Server => label.starts_with("SERVER_"),
        };
        if own {
            let mut known = self.0.known();
            known.secrets.push((label.into(), secret.to_vec()));
        }
    }
}

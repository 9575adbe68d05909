// SPDX-License-Identifier: Apache-2.0
//! The attester of expat-04: evidence from the device, or a result that a verifier made of it, as a
//! CMW. In x509-cmw the certificate has the credential already.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::cmw::{self, Cmw, Serialization};
use crate::device::Device;
use crate::ear::Ear;
use crate::events::{hex, Events};
use crate::evidence::PSA_TYPES;
use crate::options::{Model, Options};
use crate::refusal::{Outcome, Refusal};
use crate::relying_party::now;
use crate::verifier::Verifier;

const NONCE_SIZE: usize = 32;
const MARGIN: i64 = 5; // a result so near its end may not outlast the exchange

struct Kept {
    jwt: Vec<u8>,
    file: Option<String>,
    ends_at: i64,
}

pub struct Attester {
    pub options: Arc<Options>,
    pub events: Arc<Events>,
    pub verifier: Arc<Verifier>,
    pub device: Arc<Device>,
    pub handle: u32,
    kept: Mutex<Option<Kept>>,
}

impl Attester {
    pub fn new(
        options: Arc<Options>,
        events: Arc<Events>,
        verifier: Arc<Verifier>,
        device: Arc<Device>,
        handle: u32,
    ) -> Self {
        Attester {
            options,
            events,
            verifier,
            device,
            handle,
            kept: Mutex::new(None),
        }
    }

    /// The credential of a connection: evidence answers `binding`, a result answers nothing.
    pub fn credential(&self, conn: usize, binding: &[u8]) -> Outcome<Vec<u8>> {
        let cmw = match self.options.attester[0] {
            Model::BackgroundCheck => {
                let nonce = json!({"conn": conn, "direction": "computed", "nonce": hex(binding)});
                self.events.tell("challenge", nonce);
                self.evidence(binding)?
            }
            Model::Passport => self.result(conn)?,
        };
        self.events.credential(conn, "sent", &cmw);
        Ok(cmw)
    }

    fn evidence(&self, challenge: &[u8]) -> Outcome<Vec<u8>> {
        if self.options.bare_token {
            let token = self.device.attest_platform(challenge)?;
            return self.wrap(263, token, cmw::EVIDENCE);
        }
        let cab = self.device.attest_key(self.handle, challenge)?;
        match self.options.serialization {
            Serialization::Cbor => Ok(cab), // byte for byte what the device made
            Serialization::Json => Cmw::parse_as(Serialization::Cbor, &cab)
                .and_then(|cab| cab.to_json())
                .map(|json| json.to_string().into_bytes())
                .map_err(Refusal::internal),
        }
    }

    fn wrap(&self, format: u64, value: Vec<u8>, indicator: u64) -> Outcome<Vec<u8>> {
        let (serialization, as_tag) = (self.options.serialization, self.options.as_tag);
        cmw::wrap(serialization, as_tag, format, value, indicator).map_err(Refusal::internal)
    }

    fn result(&self, conn: usize) -> Outcome<Vec<u8>> {
        let mut kept = self.kept.lock().unwrap_or_else(|p| p.into_inner());
        let clock = now(&self.options);
        let mut source = "cache";
        let usable = |k: &Kept| k.ends_at > clock + MARGIN;
        if !kept.as_ref().is_some_and(usable) {
            let jwt = self.fetch()?;
            source = "verifier";
            *kept = Some(Kept {
                file: self.events.artifact(conn, "own-result.jwt", &jwt),
                // Unverified: it only says when to fetch the next one.
                ends_at: Ear::unverified(&jwt)
                    .map_or(0, |ear| ear.ends_at(self.options.result_max_age)),
                jwt,
            });
        }
        let Some(kept) = kept.as_ref() else {
            return Err(Refusal::internal("a result was fetched and is not there"));
        };
        let mut event = json!({"conn": conn, "source": source});
        if let Some(file) = &kept.file {
            event["file"] = json!(file);
        }
        if kept.ends_at > 0 {
            event["expires_in"] = json!(kept.ends_at - clock);
        }
        self.events.tell("result", event);
        self.wrap(264, kept.jwt.clone(), cmw::RESULTS)
    }

    fn fetch(&self) -> Outcome<Vec<u8>> {
        let url = self.options.verifier.as_deref();
        let url = url.ok_or_else(|| Refusal::internal("no verifier to get a result of"))?;
        let session = self.verifier.open(url, NONCE_SIZE)?;
        if self.options.bare_token {
            let token = self.device.attest_platform(&session.nonce)?;
            let kind = PSA_TYPES.iter().find(|kind| session.accepts(kind));
            let kind = kind.ok_or_else(|| {
                Refusal::new("verifier-error", "", "the verifier takes no PSA token")
            })?;
            return session.appraise(kind, &token);
        }
        let kind = match self.options.serialization {
            Serialization::Cbor => "application/cmw+cbor",
            Serialization::Json => "application/cmw+json",
        };
        if !session.accepts(kind) {
            let detail = format!("the verifier does not take {kind}");
            return Err(Refusal::new("verifier-error", "", detail));
        }
        session.appraise(kind, &self.evidence(&session.nonce)?)
    }
}

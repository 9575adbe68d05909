// SPDX-License-Identifier: Apache-2.0
//! expat-04 behind the handshake: everything is in frames (harness/peers/README.md), authenticators
//! bring the attestation, and a line goes only when both sides have said "done".

use ring::digest::{self, Algorithm, SHA256, SHA384};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CipherSuite, Connection};
use serde_json::json;

use crate::authenticator::{self, Authenticators, Entry, Extension, Identity, Request, FINISHED};
use crate::bytes::{put_vector, Cursor};
use crate::events::hex;
use crate::keys::PublicKey;
use crate::options::{KeyReading, Model, Options, Side};
use crate::refusal::{alert_name, Outcome, Refusal, ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE};
use crate::session::{gone, Session};
use crate::verifier::Session as VerifierSession;
use crate::x509;

const DRAFT: &str = "draft-fossati-seat-expat-04";
const FRAMES: &str = "harness/peers/README.md, frames of expat-04";

const REQUEST: u8 = 1;
const AUTHENTICATOR: u8 = 2;
const LINE: u8 = 3;
const DONE: u8 = 4;
const ALERT: u8 = 5;
/// Least and greatest size of a body, by type.
const BOUNDS: [(usize, usize); 5] = [(1, 65535), (1, 1 << 20), (0, 4095), (0, 0), (1, 1)];
const EXPORTED: usize = 32;
/// Of a ClientHello of rustls, those that a Certificate may answer: status_request and
/// signed_certificate_timestamp.
const OFFERED: [u16; 2] = [5, 18];

struct Exchange<'a> {
    session: &'a mut Session,
    authenticators: Authenticators,
    hash: &'static Algorithm,
    /// The context of the open request of this side.
    asked: Option<Vec<u8>>,
    rounds: usize,
    answered: usize,
    /// The entries of an authenticator that is to be judged when all that came was looked at, and the
    /// context that it answers.
    judging: Option<(Vec<u8>, Vec<Entry>)>,
    satisfied: bool,
    done_sent: bool,
    done_received: bool,
    line_sent: bool,
    line_received: bool,
}

/// Hash(public_key || exported): what evidence answers (section 5.1).
pub fn binding(
    hash: &'static Algorithm,
    reading: KeyReading,
    key: &PublicKey,
    exported: &[u8],
) -> Vec<u8> {
    let encoded = match reading {
        KeyReading::Spki => key.spki(),
        KeyReading::RawPoint => key.point.clone(),
        KeyReading::CoseKey => key.to_cose(),
    };
    let mut context = digest::Context::new(hash);
    context.update(&encoded);
    context.update(exported);
    context.finish().as_ref().to_vec()
}

fn export(tls: &Connection, label: &str, context: &[u8], size: usize) -> Outcome<Vec<u8>> {
    tls.export_keying_material(vec![0u8; size], label.as_bytes(), Some(context))
        .map_err(|problem| Refusal::internal(format!("exporter: {problem}")))
}

fn unexpected(detail: &str) -> Refusal {
    Refusal::new("malformed-authenticator", FRAMES, detail).with_alert(UNEXPECTED_MESSAGE)
}

fn missing(detail: &str) -> Refusal {
    Refusal::new("attestation-missing", DRAFT, detail)
}

/// The exchange from the handshake's end to both lines.
pub fn exchange(session: &mut Session) -> Outcome<()> {
    let side = session.side();
    let Some(tls) = session.tls.as_ref() else {
        return Err(Refusal::internal("no connection"));
    };
    let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
    let hash = match suite {
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => &SHA384,
        Some(_) => &SHA256,
        None => return Err(Refusal::internal("no cipher suite")),
    };
    let authenticators =
        Authenticators::new(side, hash, |label, size| export(tls, label, &[], size))?;
    let mut exchange = Exchange {
        session,
        authenticators,
        hash,
        asked: None,
        rounds: 0,
        answered: 0,
        judging: None,
        satisfied: false,
        done_sent: false,
        done_received: false,
        line_sent: false,
        line_received: false,
    };
    exchange.session.handshake.known().verified_with.clear(); // of the authenticator, from here on
    exchange.run()
}

impl Exchange<'_> {
    fn options(&self) -> &Options {
        &self.session.handshake.party.options
    }

    fn run(&mut self) -> Outcome<()> {
        if self.options().relying_party.is_empty() {
            self.satisfied = true;
        } else {
            self.ask()?;
        }
        loop {
            self.take_frames()?;
            if let Some((context, entries)) = self.judging.take() {
                self.judge(&context, &entries)?;
            }
            self.advance()?;
            if self.line_sent && self.line_received {
                return Ok(());
            }
            if self.session.peer_closed {
                return Err(gone());
            }
            self.session.pump()?;
        }
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> Outcome<()> {
        let mut frame = vec![kind];
        put_vector(&mut frame, 3, body);
        self.session.write(&frame)
    }

    fn report(&self, direction: &str, message: &str, round: usize, context: &[u8], bytes: usize) {
        self.session.tell(
            "authenticator",
            json!({"direction": direction, "message": message, "round": round,
                   "context": hex(context), "bytes": bytes}),
        );
    }

    /// A new request, whose context is the verifier's nonce where there is one.
    fn ask(&mut self) -> Outcome<()> {
        let handshake = self.session.handshake.clone();
        let options = &handshake.party.options;
        let context = match &options.verifier {
            Some(url) if options.relying_party.contains(&Model::BackgroundCheck) => {
                let opened = handshake.party.verifier.open(url, options.nonce_size);
                let nonce = opened.map(|session: VerifierSession| session.nonce.clone());
                let nonce = nonce.map_err(|refusal| self.no_verdict(refusal))?;
                let fields = json!({"direction": "sent", "nonce": hex(&nonce)});
                self.session.tell("challenge", fields);
                nonce
            }
            _ => {
                let mut random = vec![0u8; 32];
                SystemRandom::new()
                    .fill(&mut random)
                    .map_err(|_| Refusal::internal("no random bytes"))?;
                random
            }
        };
        let asked: [Extension; 1] = [(options.cmw_attestation, Vec::new())];
        let request = self.authenticators.make_request(&context, &asked)?;
        self.rounds += 1;
        self.report("sent", "request", self.rounds, &context, request.len());
        self.asked = Some(context);
        self.send(REQUEST, &request)
    }

    /// Without a verifier there is no verdict but this one.
    fn no_verdict(&self, refusal: Refusal) -> Refusal {
        self.session.tell(
            "verdict",
            json!({"tier": "none", "accepted": false, "reason": refusal.reason,
                   "detail": refusal.detail, "clause": refusal.clause, "mismatches": []}),
        );
        refusal
    }

    fn take_frames(&mut self) -> Outcome<()> {
        while let Some((kind, body)) = self.next_frame()? {
            match kind {
                REQUEST if self.done_received => {
                    return Err(unexpected("a request came behind done"));
                }
                REQUEST => self.requested(&body)?,
                AUTHENTICATOR => self.authenticated(&body)?,
                LINE => self.line(&body)?,
                DONE if self.done_received => return Err(unexpected("done came twice")),
                DONE => self.done_received = true,
                _ => {
                    let detail = format!("the peer sent {} in a frame", alert_name(body[0]));
                    return Err(Refusal::by_peer("peer-alert", Some(body[0]), detail));
                }
            }
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Outcome<Option<(u8, Vec<u8>)>> {
        let waiting = &self.session.waiting;
        let Some(header) = waiting.get(..4) else {
            return Ok(None);
        };
        let kind = header[0];
        let malformed = |detail| Err(Refusal::new("malformed-authenticator", FRAMES, detail));
        if !(REQUEST..=ALERT).contains(&kind) {
            return malformed(format!("a frame of type 1 to 5 was expected, came {kind}"));
        }
        let size = header[1..].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let (least, most) = BOUNDS[usize::from(kind - 1)];
        if size < least || size > most {
            return malformed(format!("a frame of type {kind} with {size} bytes"));
        }
        if waiting.len() < 4 + size {
            return Ok(None);
        }
        let frame: Vec<u8> = self.session.waiting.drain(..4 + size).collect();
        Ok(Some((kind, frame[4..].to_vec())))
    }

    fn line(&mut self, body: &[u8]) -> Outcome<()> {
        if !self.done_sent || !self.done_received {
            let detail = "application data came before attestation was complete";
            return Err(Refusal::new("application-data-early", DRAFT, detail));
        }
        if self.line_received {
            return Err(unexpected("one line was expected, another one came"));
        }
        self.line_received = true;
        self.session.report_line(body);
        Ok(())
    }

    /// What follows from where both sides are: done, the handshake's report, the line.
    fn advance(&mut self) -> Outcome<()> {
        if self.satisfied && !self.done_sent {
            let options = self.options();
            let wants = !options.relying_party.is_empty() && options.required;
            if wants && self.session.handshake.known().peer_model.is_none() {
                return Err(Refusal::internal("done without an accepted verdict"));
            }
            self.done_sent = true;
            self.send(DONE, &[])?;
        }
        if !self.done_sent || !self.done_received {
            return Ok(());
        }
        self.session.report_complete();
        let first = self.session.side() == Side::Client;
        if !self.line_sent && (first || self.line_received) {
            let message = self.options().message.clone();
            self.send(LINE, message.as_bytes())?;
            self.line_sent = true;
            let fields = json!({"direction": "sent", "text": message});
            self.session.tell("application-data", fields);
        }
        Ok(())
    }

    fn binding(&self, key: &PublicKey, context: &[u8]) -> Outcome<Vec<u8>> {
        let options = self.options();
        let Some(tls) = self.session.tls.as_ref() else {
            return Err(Refusal::internal("no connection"));
        };
        let exported = export(tls, &options.exporter_label, context, EXPORTED)?;
        Ok(binding(self.hash, options.key_reading, key, &exported))
    }

    /// The attester's part, and that of who has nothing to attest with.
    fn requested(&mut self, bytes: &[u8]) -> Outcome<()> {
        let request = self.authenticators.take_request(bytes)?;
        self.answered += 1;
        let round = self.answered;
        self.report("received", "request", round, &request.context, bytes.len());
        let handshake = self.session.handshake.clone();
        let party = &handshake.party;
        let mut entries: Vec<Entry> = party
            .chain
            .iter()
            .map(|certificate| Entry {
                certificate: certificate.to_vec(),
                extensions: Vec::new(),
            })
            .collect();
        let kind = party.options.cmw_attestation;
        if let (Some(attester), Some(data)) = (&party.attester, request.extension(kind)) {
            if !data.is_empty() {
                let detail = "cmw_attestation of a request was expected to be empty";
                return Err(Refusal::new("malformed-extension", DRAFT, detail));
            }
            let key = x509::public_key(&entries[0].certificate)?;
            let binding = self.binding(&key, &request.context)?;
            let cmw = attester.credential(handshake.conn, &binding)?;
            entries[0].extensions.push((kind, self.payload(&cmw)?));
            let mut known = handshake.known();
            known.self_model = party.options.attester.first().copied();
            known.signed_with = key.spki();
        }
        let answer = self.answer(&request, &entries)?;
        let empty = answer.first() == Some(&FINISHED);
        let message = if empty { "empty" } else { "authenticator" };
        self.report("sent", message, round, &request.context, answer.len());
        self.send(AUTHENTICATOR, &answer)
    }

    fn answer(&mut self, request: &Request, entries: &[Entry]) -> Outcome<Vec<u8>> {
        let key = self.session.handshake.signing_key();
        let identity = key.as_deref().filter(|_| !entries.is_empty());
        let identity = identity.map(|key| Identity { entries, key });
        let answer = self.authenticators.answer(request, identity);
        // The device has said more than the signer could.
        answer.map_err(|refusal| self.session.handshake.take_failure().unwrap_or(refusal))
    }

    fn payload(&self, cmw: &[u8]) -> Outcome<Vec<u8>> {
        let width = self.options().payload_prefix;
        if cmw.len() + width > 0xffff {
            return Err(Refusal::internal("a CMW that no extension can hold"));
        }
        let mut payload = Vec::new();
        if width == 0 {
            payload.extend_from_slice(cmw);
        } else {
            put_vector(&mut payload, width, cmw);
        }
        Ok(payload)
    }

    /// The relying party's part.
    fn authenticated(&mut self, bytes: &[u8]) -> Outcome<()> {
        let came = authenticator::context_of(bytes);
        let open = self.asked.clone().filter(|context| match &came {
            Ok(Some(came)) => came == context,
            _ => true, // it names none, or cannot be read: what is wrong is found below
        });
        let round = if open.is_some() { self.rounds } else { 0 };
        let named = came
            .ok()
            .flatten()
            .or_else(|| open.clone())
            .unwrap_or_default();
        let empty = bytes.first() == Some(&FINISHED);
        let message = if empty { "empty" } else { "authenticator" };
        self.report("received", message, round, &named, bytes.len());
        if open.is_none() && self.rounds > 0 && !empty && self.authenticators.asked(&named) {
            // It answers a request that was answered.
            self.authenticators.validate(&named, bytes)?;
        }
        let Some(context) = open else {
            return Err(self.authenticators.unsolicited(bytes, &OFFERED));
        };
        self.asked = None;
        match self.authenticators.validate(&context, bytes) {
            Ok(entries) => {
                self.judging = Some((context, entries));
                Ok(())
            }
            Err(refusal) if refusal.reason == "attestation-missing" => self.without(refusal),
            Err(refusal) => Err(refusal),
        }
    }

    /// The peer attests nothing: policy says whether X.509 is enough.
    fn without(&mut self, refusal: Refusal) -> Outcome<()> {
        if self.options().required {
            return Err(refusal);
        }
        self.satisfied = true;
        Ok(())
    }

    fn judge(&mut self, context: &[u8], entries: &[Entry]) -> Outcome<()> {
        let handshake = self.session.handshake.clone();
        let options = &handshake.party.options;
        let kind = options.cmw_attestation;
        let found = |entry: &Entry| {
            let mut extensions = entry.extensions.iter();
            extensions
                .find(|(k, _)| *k == kind)
                .map(|(_, data)| data.clone())
        };
        if entries[1..].iter().any(|entry| found(entry).is_some()) {
            let detail = "cmw_attestation was expected in the first CertificateEntry only";
            return Err(
                Refusal::new("malformed-extension", DRAFT, detail).with_alert(ILLEGAL_PARAMETER)
            );
        }
        let chain: Vec<CertificateDer<'_>> = entries
            .iter()
            .map(|entry| CertificateDer::from(entry.certificate.as_slice()))
            .collect();
        let host = options
            .address
            .rsplit_once(':')
            .map_or("", |(host, _)| host);
        let name =
            ServerName::try_from(host).map_err(|problem| Refusal::internal(problem.to_string()))?;
        let now = UnixTime::now();
        handshake
            .party
            .verify_chain(&chain[0], &chain[1..], &name, now)?;
        let Some(payload) = found(&entries[0]) else {
            return self.without(missing("the authenticator has no cmw_attestation"));
        };
        let leaf = x509::public_key(&entries[0].certificate)?;
        let cmw = match options.payload_prefix {
            0 => payload.clone(),
            width => {
                let mut c = Cursor::new(&payload, "malformed-extension", DRAFT);
                let cmw = c.vector("cmw_data", width, 1, 0xffff)?.to_vec();
                c.end("cmw_attestation")?;
                cmw
            }
        };
        let relying_party = handshake.relying_party();
        let model = relying_party.model_of(&cmw);
        let binding = self.binding(&leaf, context)?;
        relying_party.appraise(handshake.conn, model, &leaf, &binding, &cmw)?;
        let mut known = handshake.known();
        known.peer_model = Some(model);
        known.verified_with = leaf.spki();
        drop(known);
        if self.rounds <= options.reattest {
            self.ask()
        } else {
            self.satisfied = true;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::unhex;

    #[test]
    fn bindings_known_answers() {
        // Of the key of draft-bft-rats-kat's example; computed from the draft's formula apart.
        let spki = unhex(
            "3059301306072a8648ce3d020106082a8648ce3d03010703420004d7cc072de2205bdc1537a543d53c60a6\
             acb62eccd890c7fa27c9e354089bbe13f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79\
             a3b4e47120",
        );
        let key = PublicKey::from_spki(&spki).unwrap();
        let exported: Vec<u8> = (0..32).collect();
        for (reading, expected) in [
            (
                KeyReading::Spki,
                "9bea7d09340ba04b0886cb9093971fe3c04098ed4e05923ea93a2c59719af9f5",
            ),
            (
                KeyReading::RawPoint,
                "c9ed1e76e5e218fa21c9337188eab9a0770a55a10a29da24bc7d71fa63df7db6",
            ),
        ] {
            assert_eq!(hex(&binding(&SHA256, reading, &key, &exported)), expected);
        }
    }
}

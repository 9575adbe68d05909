// SPDX-License-Identifier: Apache-2.0
//! Exported Authenticators (RFC 9261) as expat-04 uses them: a request, and its answer of
//! Certificate, CertificateVerify and Finished, or of Finished alone. Each reason has the alert that
//! RFC 8446 has for the same mistake.

use ring::digest::{self, Algorithm};
use ring::hmac;
use rustls::sign::SigningKey;
use rustls::SignatureScheme;

use crate::bytes::{put_vector, Cursor};
use crate::keys::{Curve, PublicKey};
use crate::options::Side;
use crate::refusal::{
    Outcome, Refusal, BAD_CERTIFICATE, CERTIFICATE_REQUIRED, DECRYPT_ERROR, ILLEGAL_PARAMETER,
    MISSING_EXTENSION, UNEXPECTED_MESSAGE, UNSUPPORTED_EXTENSION,
};

const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_CERTIFICATE_REQUEST: u8 = 17;
pub const FINISHED: u8 = 20;

const SIGNATURE_ALGORITHMS: u16 = 13;
const ECDSA_P256: u16 = 0x0403;
const ECDSA_P384: u16 = 0x0503;
const SCHEMES: [u16; 2] = [ECDSA_P256, ECDSA_P384];
/// Extensions that belong into no CertificateRequest (RFC 8446 section 4.2).
const NOT_IN_REQUESTS: [u16; 15] = [1, 10, 14, 15, 16, 19, 20, 21, 41, 42, 43, 44, 45, 49, 51];
const MESSAGE_MAX: usize = 1 << 20;
const EXCHANGES_MAX: usize = 512;

pub type Extension = (u16, Vec<u8>);

pub struct Entry {
    pub certificate: Vec<u8>,
    pub extensions: Vec<Extension>,
}

pub struct Request {
    pub context: Vec<u8>,
    pub extensions: Vec<Extension>,
    schemes: Vec<u16>,
}

pub struct Identity<'a> {
    pub entries: &'a [Entry],
    pub key: &'a dyn SigningKey,
}

struct Exchange {
    /// This side asked.
    mine: bool,
    done: bool,
    context: Vec<u8>,
    request: Vec<u8>,
}

struct Keys {
    handshake_context: Vec<u8>,
    finished: hmac::Key,
}

pub struct Authenticators {
    side: Side,
    hash: &'static Algorithm,
    client: Keys,
    server: Keys,
    exchanges: Vec<Exchange>,
}

fn refuse<T>(reason: &str, alert: u8, clause: &str, detail: impl Into<String>) -> Outcome<T> {
    Err(Refusal::new(reason, clause, detail).with_alert(alert))
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    put_vector(&mut out, 3, body);
    out
}

fn put_extensions(out: &mut Vec<u8>, extensions: &[Extension]) {
    let mut block = Vec::new();
    for (kind, data) in extensions {
        block.extend_from_slice(&kind.to_be_bytes());
        put_vector(&mut block, 2, data);
    }
    put_vector(out, 2, &block);
}

fn read_extensions(block: &[u8], clause: &'static str) -> Outcome<Vec<Extension>> {
    let mut c = Cursor::new(block, "malformed-authenticator", clause);
    let mut found: Vec<Extension> = Vec::new();
    while !c.rest().is_empty() {
        let kind = c.number("extension_type", 2)? as u16;
        let data = c.vector("extension_data", 2, 0, 0xffff)?.to_vec();
        if found.iter().any(|(before, _)| *before == kind) {
            let detail = format!("extension {kind} comes twice");
            return refuse("malformed-authenticator", ILLEGAL_PARAMETER, clause, detail);
        }
        found.push((kind, data));
    }
    Ok(found)
}

/// A message of `kind`: its body, and all of its bytes.
fn read_message<'a>(c: &mut Cursor<'a>, kind: u8, what: &str) -> Outcome<(&'a [u8], &'a [u8])> {
    let start = c.rest();
    let came = c.number(what, 1)?;
    if came != usize::from(kind) {
        return refuse(
            "malformed-authenticator",
            UNEXPECTED_MESSAGE,
            "RFC 9261 section 5.2",
            format!("{what}: message type {kind} was expected, came {came}"),
        );
    }
    let body = c.vector(what, 3, 0, MESSAGE_MAX)?;
    Ok((body, &start[..start.len() - c.rest().len()]))
}

fn request_type(side: Side) -> u8 {
    match side {
        Side::Client => CLIENT_CERTIFICATE_REQUEST,
        Side::Server => CERTIFICATE_REQUEST,
    }
}

impl Request {
    fn read(bytes: &[u8], kind: u8) -> Outcome<Self> {
        const CLAUSE: &str = "RFC 9261 section 4";
        let mut c = Cursor::new(bytes, "malformed-authenticator", CLAUSE);
        let (body, _) = read_message(&mut c, kind, "authenticator request")?;
        c.end("authenticator request")?;
        let mut c = Cursor::new(body, "malformed-authenticator", CLAUSE);
        let context = c.vector("certificate_request_context", 1, 0, 255)?.to_vec();
        let block = c.vector("extensions", 2, 2, 0xffff)?;
        c.end("request")?;
        let extensions = read_extensions(block, CLAUSE)?;
        if let Some((kind, _)) = extensions
            .iter()
            .find(|(kind, _)| NOT_IN_REQUESTS.contains(kind))
        {
            let detail = format!("extension {kind} does not belong into a CertificateRequest");
            return refuse("malformed-authenticator", ILLEGAL_PARAMETER, CLAUSE, detail);
        }
        let Some((_, data)) = extensions
            .iter()
            .find(|(kind, _)| *kind == SIGNATURE_ALGORITHMS)
        else {
            let detail = "a request without signature_algorithms";
            return refuse("malformed-authenticator", MISSING_EXTENSION, CLAUSE, detail);
        };
        let mut c = Cursor::new(data, "malformed-authenticator", "RFC 8446 section 4.2.3");
        let schemes = c.vector("supported_signature_algorithms", 2, 2, 0xfffe)?;
        c.end("signature_algorithms")?;
        if schemes.len() % 2 != 0 {
            return c.fail("supported_signature_algorithms of an odd number of bytes");
        }
        let schemes = schemes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        Ok(Request {
            context,
            extensions,
            schemes,
        })
    }

    pub fn extension(&self, kind: u16) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(k, _)| *k == kind)?;
        Some(&found.1)
    }
}

/// Context and entries of a Certificate message's body.
fn read_certificate(body: &[u8]) -> Outcome<(Vec<u8>, Vec<Entry>)> {
    const CLAUSE: &str = "RFC 8446 section 4.4.2";
    let mut c = Cursor::new(body, "malformed-authenticator", CLAUSE);
    let context = c.vector("certificate_request_context", 1, 0, 255)?.to_vec();
    let list = c.vector("certificate_list", 3, 0, MESSAGE_MAX)?;
    c.end("Certificate")?;
    let mut c = Cursor::new(list, "malformed-authenticator", CLAUSE);
    let mut entries = Vec::new();
    while !c.rest().is_empty() {
        let certificate = c.vector("cert_data", 3, 1, MESSAGE_MAX)?.to_vec();
        let block = c.vector("extensions", 2, 0, 0xffff)?;
        entries.push(Entry {
            certificate,
            extensions: read_extensions(block, CLAUSE)?,
        });
    }
    Ok((context, entries))
}

/// The context that an authenticator names; None for an empty one.
pub fn context_of(authenticator: &[u8]) -> Outcome<Option<Vec<u8>>> {
    if authenticator.first() == Some(&FINISHED) {
        return Ok(None);
    }
    let mut c = Cursor::new(
        authenticator,
        "malformed-authenticator",
        "RFC 9261 section 7.2",
    );
    let (body, _) = read_message(&mut c, CERTIFICATE, "Certificate")?;
    let mut c = Cursor::new(body, "malformed-authenticator", "RFC 9261 section 7.2");
    Ok(Some(
        c.vector("certificate_request_context", 1, 0, 255)?.to_vec(),
    ))
}

impl Authenticators {
    /// `export` is the TLS exporter of the connection: (label, size) with an empty context.
    pub fn new(
        side: Side,
        hash: &'static Algorithm,
        export: impl Fn(&str, usize) -> Outcome<Vec<u8>>,
    ) -> Outcome<Self> {
        let size = hash.output_len();
        let algorithm = if size == 48 {
            hmac::HMAC_SHA384
        } else {
            hmac::HMAC_SHA256
        };
        let keys = |who: &str| -> Outcome<Keys> {
            let finished = export(&format!("EXPORTER-{who} authenticator finished key"), size)?;
            Ok(Keys {
                handshake_context: export(
                    &format!("EXPORTER-{who} authenticator handshake context"),
                    size,
                )?,
                finished: hmac::Key::new(algorithm, &finished),
            })
        };
        Ok(Authenticators {
            side,
            hash,
            client: keys("client")?,
            server: keys("server")?,
            exchanges: Vec::new(),
        })
    }

    fn keys(&self, sender: Side) -> &Keys {
        match sender {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn remember(&mut self, mine: bool, context: &[u8], request: &[u8]) -> Outcome<()> {
        if self.exchanges.iter().any(|x| x.context == context) {
            return Err(Refusal::new(
                "authenticator-context",
                "RFC 9261 section 4",
                "a certificate_request_context that was used on this connection",
            ));
        }
        if self.exchanges.len() == EXCHANGES_MAX {
            let many = "too many authenticators on a connection";
            return Err(if mine {
                Refusal::internal(many)
            } else {
                Refusal::new("malformed-authenticator", "RFC 9261 section 4", many)
            });
        }
        self.exchanges.push(Exchange {
            mine,
            done: false,
            context: context.to_vec(),
            request: request.to_vec(),
        });
        Ok(())
    }

    /// Is this the context of a request of this side?
    pub fn asked(&self, context: &[u8]) -> bool {
        let mut exchanges = self.exchanges.iter();
        exchanges.any(|x| x.mine && x.context == context)
    }

    /// Asks for an authenticator with these extensions beside signature_algorithms.
    pub fn make_request(&mut self, context: &[u8], asked: &[Extension]) -> Outcome<Vec<u8>> {
        let mut schemes = Vec::new();
        let list: Vec<u8> = SCHEMES.iter().flat_map(|s| s.to_be_bytes()).collect();
        put_vector(&mut schemes, 2, &list);
        let mut extensions = asked.to_vec();
        extensions.push((SIGNATURE_ALGORITHMS, schemes));
        let mut body = Vec::new();
        put_vector(&mut body, 1, context);
        put_extensions(&mut body, &extensions);
        let request = message(request_type(self.side), &body);
        self.remember(true, context, &request)?;
        Ok(request)
    }

    pub fn take_request(&mut self, bytes: &[u8]) -> Outcome<Request> {
        let request = Request::read(bytes, request_type(self.side.other()))?;
        self.remember(false, &request.context, bytes)?;
        Ok(request)
    }

    /// Hash(Handshake Context || request || messages)
    fn transcript(&self, sender: Side, request: &[u8], messages: &[u8]) -> digest::Digest {
        let mut hash = digest::Context::new(self.hash);
        hash.update(&self.keys(sender).handshake_context);
        hash.update(request);
        hash.update(messages);
        hash.finish()
    }

    fn signed_content(&self, sender: Side, request: &[u8], certificate: &[u8]) -> Vec<u8> {
        let transcript = self.transcript(sender, request, certificate);
        let separated = b"Exported Authenticator\0";
        [&[0x20; 64], &separated[..], transcript.as_ref()].concat()
    }

    fn verify_data(&self, sender: Side, request: &[u8], messages: &[u8]) -> hmac::Tag {
        let transcript = self.transcript(sender, request, messages);
        hmac::sign(&self.keys(sender).finished, transcript.as_ref())
    }

    /// The answer to a request of the peer; empty where there is no identity, or none that may sign.
    pub fn answer(&mut self, request: &Request, identity: Option<Identity>) -> Outcome<Vec<u8>> {
        let at = self
            .exchanges
            .iter()
            .position(|x| !x.mine && !x.done && x.context == request.context)
            .ok_or_else(|| Refusal::internal("no request with this context waits"))?;
        self.exchanges[at].done = true;
        let asked = self.exchanges[at].request.clone();
        let signer = identity.and_then(|identity| {
            let offered: Vec<_> = request
                .schemes
                .iter()
                .map(|s| SignatureScheme::from(*s))
                .collect();
            Some((identity.entries, identity.key.choose_scheme(&offered)?))
        });
        let mut body = Vec::new();
        put_vector(&mut body, 1, &request.context);
        let Some((entries, signer)) = signer else {
            put_vector(&mut body, 3, &[]);
            let certificate = message(CERTIFICATE, &body);
            let mac = self.verify_data(self.side, &asked, &certificate);
            return Ok(message(FINISHED, mac.as_ref()));
        };
        let mut list = Vec::new();
        for entry in entries {
            put_vector(&mut list, 3, &entry.certificate);
            put_extensions(&mut list, &entry.extensions);
        }
        put_vector(&mut body, 3, &list);
        let mut messages = message(CERTIFICATE, &body);
        let content = self.signed_content(self.side, &asked, &messages);
        let signature = signer
            .sign(&content)
            .map_err(|problem| Refusal::new("device-unavailable", "", problem.to_string()))?;
        let mut verify = u16::from(signer.scheme()).to_be_bytes().to_vec();
        put_vector(&mut verify, 2, &signature);
        messages.extend_from_slice(&message(CERTIFICATE_VERIFY, &verify));
        let mac = self.verify_data(self.side, &asked, &messages);
        messages.extend_from_slice(&message(FINISHED, mac.as_ref()));
        Ok(messages)
    }

    fn check_finished(&self, request: &[u8], messages: &[u8], verify_data: &[u8]) -> Outcome<()> {
        const CLAUSE: &str = "RFC 9261 section 5.2.3";
        if verify_data.len() != self.hash.output_len() {
            let detail = "Finished is not of the hash's size";
            return Err(Refusal::new("malformed-authenticator", CLAUSE, detail));
        }
        let sender = self.side.other();
        let transcript = self.transcript(sender, request, messages);
        let key = &self.keys(sender).finished;
        hmac::verify(key, transcript.as_ref(), verify_data).map_err(|_| {
            let detail = "Finished is not that of this connection and these messages";
            Refusal::new("authenticator-finished", CLAUSE, detail)
        })
    }

    /// The answer to this side's request with `context`: its entries, which are not empty. The
    /// certificates are not verified; the signature is.
    pub fn validate(&mut self, context: &[u8], bytes: &[u8]) -> Outcome<Vec<Entry>> {
        let at = self
            .exchanges
            .iter()
            .position(|x| x.mine && x.context == context)
            .ok_or_else(|| Refusal::internal("this side made no such request"))?;
        if self.exchanges[at].done {
            return Err(Refusal::new(
                "authenticator-context",
                "RFC 9261 section 7.4",
                "a certificate_request_context that was answered before",
            ));
        }
        let request = self.exchanges[at].request.clone();
        let result = if bytes.first() == Some(&FINISHED) {
            self.check_empty(context, &request, bytes)
        } else {
            self.check(context, &request, bytes)
        };
        self.exchanges[at].done = true;
        result
    }

    fn check_empty(&self, context: &[u8], request: &[u8], bytes: &[u8]) -> Outcome<Vec<Entry>> {
        let mut c = Cursor::new(bytes, "malformed-authenticator", "RFC 9261 section 6");
        let (verify_data, _) = read_message(&mut c, FINISHED, "Finished")?;
        c.end("empty authenticator")?;
        let mut body = Vec::new();
        put_vector(&mut body, 1, context);
        put_vector(&mut body, 3, &[]);
        self.check_finished(request, &message(CERTIFICATE, &body), verify_data)?;
        refuse(
            "attestation-missing",
            CERTIFICATE_REQUIRED,
            "RFC 9261 section 6",
            "the peer answered with an empty authenticator",
        )
    }

    fn check(&self, context: &[u8], request: &[u8], bytes: &[u8]) -> Outcome<Vec<Entry>> {
        const CLAUSE: &str = "RFC 9261 section 5.2";
        let asked = Request::read(request, request_type(self.side))?;
        let mut c = Cursor::new(bytes, "malformed-authenticator", CLAUSE);
        let (body, certificate) = read_message(&mut c, CERTIFICATE, "Certificate")?;
        let (verify_body, verify) = read_message(&mut c, CERTIFICATE_VERIFY, "CertificateVerify")?;
        let (verify_data, _) = read_message(&mut c, FINISHED, "Finished")?;
        c.end("authenticator")?;
        let (came, entries) = read_certificate(body)?;
        if came != context {
            return Err(Refusal::new(
                "authenticator-context",
                "RFC 9261 section 5.2.1",
                "certificate_request_context: not that of the request",
            ));
        }
        let Some(leaf) = entries.first() else {
            let detail = "a Certificate without an entry; a refusal is a Finished alone";
            return Err(Refusal::new("malformed-authenticator", CLAUSE, detail));
        };
        for (kind, _) in entries.iter().flat_map(|entry| &entry.extensions) {
            if asked.extension(*kind).is_none() {
                let detail = format!("CertificateEntry: extension {kind} was not asked for");
                return refuse("malformed-extension", UNSUPPORTED_EXTENSION, CLAUSE, detail);
            }
        }
        self.check_signature(request, &leaf.certificate, certificate, verify_body)?;
        self.check_finished(
            request,
            &bytes[..certificate.len() + verify.len()],
            verify_data,
        )?;
        Ok(entries)
    }

    fn check_signature(
        &self,
        request: &[u8],
        leaf: &[u8],
        certificate: &[u8],
        body: &[u8],
    ) -> Outcome<()> {
        const CLAUSE: &str = "RFC 9261 section 5.2.2";
        let mut c = Cursor::new(body, "malformed-authenticator", CLAUSE);
        let scheme = c.number("algorithm", 2)? as u16;
        let signature = c.vector("signature", 2, 0, 0xffff)?;
        c.end("CertificateVerify")?;
        let key: PublicKey =
            crate::x509::public_key(leaf).map_err(|refusal| refusal.with_alert(BAD_CERTIFICATE))?;
        let expected = match key.curve {
            Curve::P256 => ECDSA_P256,
            Curve::P384 => ECDSA_P384,
        };
        if scheme != expected {
            let detail = format!("signature scheme {scheme:#06x} is not that of the leaf's key");
            return refuse("malformed-authenticator", ILLEGAL_PARAMETER, CLAUSE, detail);
        }
        let content = self.signed_content(self.side.other(), request, certificate);
        if key.verify_der(&content, signature) {
            return Ok(());
        }
        let detail = "CertificateVerify does not verify with the leaf's key";
        refuse("key-mismatch", DECRYPT_ERROR, CLAUSE, detail)
    }

    /// An authenticator that nobody asked for is never taken here; what is wrong with it depends on
    /// who sent it. `offered` are the extensions of the ClientHello.
    pub fn unsolicited(&self, bytes: &[u8], offered: &[u16]) -> Refusal {
        let entries = || -> Outcome<Vec<Entry>> {
            let mut c = Cursor::new(bytes, "malformed-authenticator", "RFC 9261 section 5.2");
            let (body, _) = read_message(&mut c, CERTIFICATE, "Certificate")?;
            Ok(read_certificate(body)?.1)
        };
        if self.side == Side::Client && bytes.first() != Some(&FINISHED) {
            match entries() {
                Err(refusal) => return refusal,
                Ok(entries) => {
                    let mut kinds = entries.iter().flat_map(|entry| &entry.extensions);
                    if kinds.any(|(kind, _)| !offered.contains(kind)) {
                        return Refusal::new(
                            "malformed-extension",
                            "RFC 9261 section 5.2.1",
                            "an extension that the ClientHello did not offer",
                        )
                        .with_alert(UNSUPPORTED_EXTENSION);
                    }
                }
            }
        }
        Refusal::new(
            "malformed-authenticator",
            "RFC 9261 section 5",
            "an authenticator that nobody asked for",
        )
        .with_alert(UNEXPECTED_MESSAGE)
    }
}

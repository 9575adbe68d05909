// SPDX-License-Identifier: Apache-2.0
//! The relying party: from what a peer presents to a verdict. What only it can know (the key's
//! challenge, signature and linkage of the KAT, which key is attested) it checks itself, whatever a
//! verifier says. Without an accepting verdict there is a refusal, and nothing in between.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{json, Value};

use crate::cmw::{self, Cmw, Serialization};
use crate::ear::{Ear, Tier};
use crate::events::{hex, Events};
use crate::evidence::{Cab, Received, PSA_TYPES};
use crate::jose::{self, Jws};
use crate::keys::PublicKey;
use crate::options::{Model, Options, Profile};
use crate::refusal::{Outcome, Refusal, INTERNAL_ERROR};
use crate::verifier::{Session, Verifier};

const MISMATCHES_MAX: usize = 64;
/// Words that a verifier may give as its reason.
const VERIFIER_REASONS: &[&str] = &[
    "reference-value-mismatch",
    "unknown-component",
    "version-not-endorsed",
    "unknown-attestation-key",
    "pat-signature-invalid",
    "kat-signature-invalid",
    "linkage-mismatch",
    "platform-token-caller",
    "attestation-key-mismatch",
    "key-name-mismatch",
    "key-unprotected",
    "nonce-mismatch",
    "nonce-length",
    "lifecycle-not-secured",
    "evidence-replayed",
    "evidence-expired",
    "malformed-cmw",
    "malformed-cbor",
    "malformed-cose",
    "malformed-claims",
];

pub struct RelyingParty<'a> {
    pub options: &'a Options,
    pub events: &'a Events,
    pub verifier: &'a Verifier,
}

struct Verdict {
    tier: Tier,
    key_from: &'static str,
}

/// A refusal with what the verdict says beside it.
struct Judged {
    refusal: Refusal,
    tier: Tier,
    mismatches: Vec<Value>,
}

impl From<Refusal> for Judged {
    fn from(refusal: Refusal) -> Self {
        Judged {
            refusal,
            tier: Tier::None,
            mismatches: Vec::new(),
        }
    }
}

/// It came straight from the verifier, so what is wrong with it is not the peer's doing.
fn verifiers_fault(refusal: Refusal) -> Refusal {
    refusal.with_alert(INTERNAL_ERROR)
}

pub fn now(options: &Options) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |t| t.as_secs() as i64) + options.clock_offset
}

impl RelyingParty<'_> {
    /// The model that a CMW nobody negotiated belongs to: the one that fits, if it is ours.
    pub fn model_of(&self, cmw: &[u8]) -> Model {
        let fits = match Cmw::parse(cmw) {
            Ok(parsed) if parsed.is(cmw::EAT_JWT) => Model::Passport,
            _ => Model::BackgroundCheck,
        };
        let ours = &self.options.relying_party;
        if ours.contains(&fits) {
            fits
        } else {
            ours[0]
        }
    }

    /// Judges a credential that stands in, or beside, the certificate of `leaf`, and that must
    /// answer `challenge`. Writes the events credential, challenge, result and verdict.
    pub fn appraise(
        &self,
        conn: usize,
        model: Model,
        leaf: &PublicKey,
        challenge: &[u8],
        bytes: &[u8],
    ) -> Outcome<()> {
        let computed = json!({"conn": conn, "direction": "computed", "nonce": hex(challenge)});
        self.events.tell("challenge", computed);
        self.events.credential(conn, "received", bytes);
        let judged = match model {
            Model::BackgroundCheck => self.background_check(conn, leaf, challenge, bytes),
            Model::Passport => self.passport(leaf, bytes),
        };
        let mut event = match &judged {
            Ok(verdict) => json!({"tier": verdict.tier.name(), "accepted": true, "reason": "ok",
                "detail": "the attested key is that of the certificate",
                "key_from": verdict.key_from, "mismatches": []}),
            Err(judged) => json!({"tier": judged.tier.name(), "accepted": false,
                "reason": judged.refusal.reason, "detail": judged.refusal.detail,
                "clause": judged.refusal.clause, "mismatches": judged.mismatches}),
        };
        event["conn"] = json!(conn);
        self.events.tell("verdict", event);
        judged.map(|_| ()).map_err(|judged| judged.refusal)
    }

    fn background_check(
        &self,
        conn: usize,
        leaf: &PublicKey,
        challenge: &[u8],
        bytes: &[u8],
    ) -> Result<Verdict, Judged> {
        let malformed = |detail| Refusal::new("malformed-cmw", "RFC 9999 section 3", detail);
        let parsed = Cmw::parse(bytes).map_err(malformed)?;
        let received = Received::evidence(&parsed)?;
        let url = self.options.verifier.as_deref();
        let url = url.ok_or_else(|| Refusal::internal("no verifier for a background check"))?;
        let key_from;
        let jwt;
        let nonce; // of the verifier's session
        match &received {
            Received::Cab(cab) => {
                self.check_cab(cab, leaf, challenge)?;
                let session = self.open(url, challenge)?;
                let kind = match cmw::sniff(bytes) {
                    Some(Serialization::Json) => "application/cmw+json",
                    _ => "application/cmw+cbor",
                };
                (jwt, nonce) = if session.accepts(kind) {
                    (self.submit(&session, kind, bytes)?, challenge.to_vec())
                } else {
                    // A verifier that knows nothing of CABs gets the PAT alone, in a session over
                    // the linkage hash that it must answer; the KAT was checked here.
                    drop(session);
                    let session = self.open(url, &cab.pat_nonce)?;
                    let jwt = self.submit_token(&session, &pat_of(&parsed)?)?;
                    (jwt, cab.pat_nonce.clone())
                };
                key_from = "evidence";
            }
            Received::Token { bytes, nonce: came } => {
                self.check_binder(came, challenge)?;
                let session = self.open(url, challenge)?;
                jwt = self.submit_token(&session, bytes)?;
                nonce = challenge.to_vec();
                key_from = "binder";
            }
            Received::Result { .. } => {
                return Err(Refusal::internal("a result is no evidence").into())
            }
        }
        let file = self.events.artifact(conn, "result.jwt", &jwt);
        let key = self.verifier.key(url).map_err(verifiers_fault)?;
        let ear = read_signed(&jwt, &key);
        let mut event = json!({"conn": conn, "source": "verifier"});
        if let Some(file) = file {
            event["file"] = json!(file);
        }
        if let Ok(ear) = &ear {
            let left = ear.ends_at(self.options.result_max_age) - now(self.options);
            event["expires_in"] = json!(left);
        }
        self.events.tell("result", event);
        let ear = ear.map_err(|refusal| match refusal.reason.as_str() {
            "malformed-result" => verifiers_fault(Refusal {
                reason: "verifier-garbage".into(),
                ..refusal
            }),
            _ => verifiers_fault(refusal),
        })?;
        self.check_time(&ear).map_err(verifiers_fault)?;
        if ear.nonce.as_ref().is_some_and(|n| *n != nonce) {
            let detail = "the verifier's result is about another session";
            let refusal = Refusal::new("nonce-mismatch", "RFC 9711 section 4.1", detail);
            return Err(verifiers_fault(refusal).into());
        }
        check_keys(&ear, leaf).map_err(verifiers_fault)?;
        self.judge(&ear, key_from)
    }

    fn check_binder(&self, nonce: &[u8], challenge: &[u8]) -> Outcome<()> {
        if nonce == challenge {
            return Ok(());
        }
        let clause = match self.options.profile {
            Profile::X509Cmw => "RFC 9999 section 4.4",
            Profile::Expat04 => "draft-fossati-seat-expat-04 section 5.1",
        };
        let detail = format!(
            "evidence answers another binder: expected {}, came {}",
            hex(challenge),
            hex(nonce)
        );
        Err(Refusal::new("binder-mismatch", clause, detail))
    }

    fn check_cab(&self, cab: &Cab, leaf: &PublicKey, challenge: &[u8]) -> Outcome<()> {
        cab.check_signature()?;
        self.check_binder(&cab.nonce, challenge)?;
        cab.check_linkage()?;
        if cab.attested != *leaf {
            return Err(Refusal::new(
                "key-mismatch",
                "draft-bft-rats-kat-06 section 4",
                "the KAT attests another key than that of the certificate",
            ));
        }
        Ok(())
    }

    fn open(&self, url: &str, nonce: &[u8]) -> Outcome<Session<'_>> {
        self.verifier.open_with(url, nonce).map_err(verifiers_fault)
    }

    fn submit(&self, session: &Session<'_>, kind: &str, evidence: &[u8]) -> Outcome<Vec<u8>> {
        session.appraise(kind, evidence).map_err(verifiers_fault)
    }

    fn submit_token(&self, session: &Session<'_>, token: &[u8]) -> Outcome<Vec<u8>> {
        match PSA_TYPES.iter().find(|kind| session.accepts(kind)) {
            Some(kind) => self.submit(session, kind, token),
            None => Err(verifiers_fault(Refusal::new(
                "verifier-error",
                "Veraison challenge-response API: accept",
                "the verifier takes no PSA token",
            ))),
        }
    }

    fn passport(&self, leaf: &PublicKey, bytes: &[u8]) -> Result<Verdict, Judged> {
        let malformed = |detail| Refusal::new("malformed-cmw", "RFC 9999 section 3", detail);
        let parsed = Cmw::parse(bytes).map_err(malformed)?;
        let Received::Result {
            jwt,
            issuer,
            attested,
        } = Received::result(&parsed)?
        else {
            return Err(Refusal::internal("no result").into());
        };
        let issuer = issuer.as_deref();
        let trusted = &self.options.trusted;
        // Inside a certificate the first is meant; in an authenticator the one that the result
        // names, and otherwise the first, by whose key it will not verify.
        let named = trusted.iter().find(|(id, _)| Some(id.as_str()) == issuer);
        let (id, source) = match self.options.profile {
            Profile::Expat04 => named.unwrap_or(&trusted[0]),
            Profile::X509Cmw => &trusted[0],
        };
        let key = self.key_of(source)?;
        let of_another = issuer.is_some_and(|issuer| issuer != id);
        let untrusted = || {
            let detail = format!("a result of {id} was expected, came one of {issuer:?}");
            Refusal::new("verifier-untrusted", "RFC 7519 section 4.1.1", detail)
        };
        let ear = match read_signed(&jwt, &key) {
            Ok(ear) if !of_another => ear,
            Err(refusal) if refusal.reason == "malformed-result" => return Err(refusal.into()),
            Err(refusal) if !of_another => return Err(refusal.into()),
            _ => return Err(untrusted().into()),
        };
        self.check_time(&ear)?;
        if attested != *leaf {
            return Err(Refusal::new(
                "key-mismatch",
                "draft-bft-rats-kat-06 section 4",
                "the result attests another key than that of the certificate",
            )
            .into());
        }
        check_keys(&ear, leaf)?;
        self.judge(&ear, "result")
    }

    /// A JWK file, or a verifier whose discovery has the key.
    fn key_of(&self, source: &str) -> Outcome<PublicKey> {
        if source.starts_with("http://") || source.starts_with("https://") {
            return self.verifier.key(source).map_err(verifiers_fault);
        }
        let unusable =
            |problem: String| Refusal::internal(format!("--trust-verifier {source}: {problem}"));
        let text = fs::read(source).map_err(|problem| unusable(problem.to_string()))?;
        let jwk = jose::json(&text).map_err(unusable)?;
        PublicKey::from_jwk(&jwk).map_err(unusable)
    }

    fn check_time(&self, ear: &Ear) -> Outcome<()> {
        ear.check_time(now(self.options), self.options.result_max_age)
            .map_err(|detail| Refusal::new("result-expired", "RFC 7519 section 4.1", detail))
    }

    fn judge(&self, ear: &Ear, key_from: &'static str) -> Result<Verdict, Judged> {
        let tier = ear.worst_tier();
        let warns = tier == Tier::Warning && self.options.accept_tier == Tier::Warning;
        if tier == Tier::Affirming || warns {
            return Ok(Verdict { tier, key_from });
        }
        let telling = |s: &&crate::ear::Submod| {
            s.tier != Tier::Affirming && s.policy_claims["atls.reason"].is_string()
        };
        let submod = ear.submods.iter().find(telling).or(ear.submods.first());
        let claims = submod.map_or(&Value::Null, |submod| &submod.policy_claims);
        let said = claims["atls.reason"].as_str().unwrap_or_default();
        let reason = if VERIFIER_REASONS.contains(&said) {
            said.to_string()
        } else {
            format!("tier-{}", tier.name())
        };
        let text = |name: &str, otherwise: &str| {
            let text = claims[name].as_str().unwrap_or(otherwise);
            text.chars()
                .map(|c| {
                    if c.is_ascii_graphic() || c == ' ' {
                        c
                    } else {
                        '?'
                    }
                })
                .take(400)
                .collect::<String>()
        };
        let detail = text("atls.detail", "the result's tier is not acceptable");
        let clause = text("atls.clause", "draft-ietf-rats-ear-03");
        Err(Judged {
            refusal: Refusal::new(&reason, &clause, detail),
            tier,
            mismatches: mismatches(&claims["atls.mismatches"]),
        })
    }
}

/// Entries of the form that the contract gives; what a foreign verifier writes otherwise is left.
fn mismatches(list: &Value) -> Vec<Value> {
    let good = |entry: &&Value| {
        entry["component"].is_string()
            && entry["measured"].is_string()
            && entry["expected"]
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_string))
    };
    let entries = list.as_array().map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .filter(good)
        .take(MISMATCHES_MAX)
        .map(|entry| {
            json!({"component": entry["component"], "expected": entry["expected"],
                   "measured": entry["measured"]})
        })
        .collect()
}

fn pat_of(cab: &Cmw) -> Outcome<Vec<u8>> {
    if let Cmw::Collection { members, .. } = cab {
        for (label, member) in members {
            if let (cmw::Label::Text(name), Cmw::Single { value, .. }) = (label, member) {
                if name == "pat" {
                    return Ok(value.clone());
                }
            }
        }
    }
    Err(Refusal::internal("a CAB without a PAT was accepted"))
}

fn read_signed(jwt: &[u8], key: &PublicKey) -> Outcome<Ear> {
    let malformed = |detail| Refusal::new("malformed-result", "draft-ietf-rats-ear-03", detail);
    let jws = Jws::parse(jwt).map_err(malformed)?;
    jws.verify(key).map_err(|detail| {
        Refusal::new("result-signature-invalid", "RFC 7515 section 5.2", detail)
    })?;
    Ear::unverified(jwt).map_err(malformed) // its signature verified just now
}

/// No submod may attest another key than the one that is presented.
fn check_keys(ear: &Ear, leaf: &PublicKey) -> Outcome<()> {
    let other = |submod: &crate::ear::Submod| submod.key.as_ref().is_some_and(|key| key != leaf);
    if ear.submods.iter().any(other) {
        return Err(Refusal::new(
            "key-mismatch",
            "draft-bft-rats-kat-06 section 4",
            "the verifier's result attests another key than that of the certificate",
        ));
    }
    Ok(())
}

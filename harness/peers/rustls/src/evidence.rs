// SPDX-License-Identifier: Apache-2.0
//! What a peer presents, taken apart: a CAB (KAT and PAT, draft-bft-rats-kat-06), a bare PSA token,
//! or a result. Malformed in which layer is what the reason says. Nothing is believed yet.

use ciborium::Value;
use coset::iana::Algorithm;
use coset::{CoseSign1, RegisteredLabelWithPrivate};
use ring::digest;

use crate::cbor::{self, Rules, LENIENT, STRICT};
use crate::cmw::{self, Cmw, Label};
use crate::ear::Ear;
use crate::jose;
use crate::keys::{Curve, PublicKey};
use crate::refusal::{Outcome, Refusal};

const KAT: &str = "draft-bft-rats-kat-06";
const COSE: &str = "RFC 9052 section 4.2";
const CLAIM_NONCE: i64 = 10;
const CLAIM_CNF: i64 = 8;
const CLAIM_KAK_PUB: i64 = 2500;
const LEGACY_PSA_NONCE: i64 = -75008;
const TAG_SIGN1: u64 = 18;
const TAG_CWT: u64 = 61;
pub const PSA_TYPES: [&str; 3] = [
    "application/psa-attestation-token",
    "application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\"",
    "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"",
];

#[derive(Debug)]
pub struct Cab {
    kat: CoseSign1,
    kak: PublicKey,
    kak_encoded: Vec<u8>,
    pub nonce: Vec<u8>,
    pub attested: PublicKey,
    pub pat_nonce: Vec<u8>,
}

#[derive(Debug)]
pub enum Received {
    Cab(Box<Cab>),
    Token {
        bytes: Vec<u8>,
        nonce: Vec<u8>,
    },
    Result {
        jwt: Vec<u8>,
        issuer: Option<String>,
        attested: PublicKey,
    },
}

fn malformed<T>(what: &str, clause: &str, detail: impl Into<String>) -> Outcome<T> {
    Err(Refusal::new(&format!("malformed-{what}"), clause, detail))
}

impl Received {
    /// Evidence of a background check.
    pub fn evidence(cmw: &Cmw) -> Outcome<Self> {
        let token = cmw.is(cmw::EAT_CWT) || PSA_TYPES.iter().any(|name| cmw.is(name));
        match cmw {
            Cmw::Single { value, .. } if token => {
                if cmw.is_none_of(cmw::EVIDENCE) {
                    return malformed(
                        "cmw",
                        "RFC 9999 section 3.1",
                        "by its indicator it is no evidence",
                    );
                }
                let (_, claims) = open_token(value, LENIENT)?;
                Ok(Received::Token {
                    bytes: value.clone(),
                    nonce: pat_nonce(&claims)?,
                })
            }
            _ => Ok(Received::Cab(Box::new(Cab::parse(cmw)?))),
        }
    }

    /// A result of the passport model.
    pub fn result(cmw: &Cmw) -> Outcome<Self> {
        let Cmw::Single { value, .. } = cmw else {
            return malformed("result", KAT, "a result was expected, a collection came");
        };
        if !cmw.is(cmw::EAT_JWT) || cmw.is_none_of(cmw::RESULTS) {
            return malformed(
                "result",
                KAT,
                format!("a result as {} was expected", cmw::EAT_JWT),
            );
        }
        if jose::is_unsecured(value) {
            return Err(Refusal::new(
                "result-signature-invalid",
                "RFC 8725 section 3.2",
                "a signed result was expected, came one with alg none",
            ));
        }
        let ear = Ear::unverified(value)
            .or_else(|detail| malformed("result", "draft-ietf-rats-ear-03", detail))?;
        let mut keys = ear.submods.iter().filter_map(|submod| submod.key.as_ref());
        let Some(attested) = keys.next() else {
            return Err(Refusal::new(
                "result-without-key",
                KAT,
                "a result that attests a key (akpub) was expected, it names none",
            ));
        };
        if keys.any(|other| other != attested) {
            return malformed("result", KAT, "the result attests more than one key");
        }
        Ok(Received::Result {
            jwt: value.clone(),
            attested: attested.clone(),
            issuer: ear.issuer.clone(),
        })
    }
}

/// A COSE_Sign1 and the claims in it, in its layers: CBOR, COSE, CBOR again.
fn open_token(bytes: &[u8], rules: Rules) -> Outcome<(CoseSign1, Value)> {
    let mut value =
        cbor::parse(bytes, rules).or_else(|detail| malformed("cbor", "RFC 8949", detail))?;
    if let Value::Tag(TAG_CWT, inner) = value {
        value = *inner;
        if !matches!(value, Value::Tag(TAG_SIGN1, _)) {
            return malformed(
                "cose",
                "RFC 8392 section 6",
                "a CWT's tag without a COSE tag in it",
            );
        }
    }
    if let Value::Tag(TAG_SIGN1, inner) = value {
        value = *inner;
    }
    let protected = value
        .as_array()
        .and_then(|items| items.first())
        .and_then(Value::as_bytes)
        .cloned();
    let message = <CoseSign1 as coset::AsCborValue>::from_cbor_value(value)
        .or_else(|problem| malformed("cose", COSE, format!("no COSE_Sign1: {problem}")))?;
    if let Some(bytes) = protected.filter(|bytes| !bytes.is_empty()) {
        cbor::parse(&bytes, rules).or_else(|detail| malformed("cose", COSE, detail))?;
    }
    let curve = match message.protected.header.alg {
        Some(RegisteredLabelWithPrivate::Assigned(Algorithm::ES256)) => Curve::P256,
        Some(RegisteredLabelWithPrivate::Assigned(Algorithm::ES384)) => Curve::P384,
        _ => {
            return malformed(
                "cose",
                "RFC 9053 section 2.1",
                "alg: ES256 or ES384 was expected",
            )
        }
    };
    if !message.protected.header.crit.is_empty() || !message.unprotected.crit.is_empty() {
        return malformed(
            "cose",
            "RFC 9052 section 3.1",
            "crit, of which nothing is understood",
        );
    }
    if message.signature.len() != 2 * curve.size() {
        return malformed(
            "cose",
            "RFC 9053 section 2.1",
            format!("a signature of {} bytes", message.signature.len()),
        );
    }
    let Some(payload) = &message.payload else {
        return malformed("cose", COSE, "the payload was expected, came nil");
    };
    let claims =
        cbor::parse(payload, rules).or_else(|detail| malformed("cbor", "RFC 8949", detail))?;
    Ok((message, claims))
}

fn nonce_of(value: &Value, clause: &str) -> Outcome<Vec<u8>> {
    match value.as_bytes() {
        Some(nonce) if (8..=64).contains(&nonce.len()) => Ok(nonce.clone()),
        _ => malformed("claims", clause, "eat_nonce: 8 to 64 bytes were expected"),
    }
}

fn pat_nonce(claims: &Value) -> Outcome<Vec<u8>> {
    let map = claims.as_map().map_or_else(
        || malformed("claims", KAT, "PAT claims: a map was expected"),
        Ok,
    )?;
    match (
        cbor::get(map, CLAIM_NONCE),
        cbor::get(map, LEGACY_PSA_NONCE),
    ) {
        (Some(nonce), None) | (None, Some(nonce)) => nonce_of(nonce, "RFC 9711 section 4.1"),
        (None, None) => malformed("claims", KAT, "a PAT without eat_nonce (10)"),
        _ => malformed("claims", KAT, "a PAT with the nonces of two profiles"),
    }
}

impl Cab {
    fn parse(cmw: &Cmw) -> Outcome<Self> {
        let Cmw::Collection { kind, members } = cmw else {
            return malformed("cmw", KAT, "a collection was expected as a CAB");
        };
        let member = |name: &str| {
            members
                .iter()
                .find(|(label, _)| *label == Label::Text(name.into()))
                .map(|(_, member)| member)
        };
        // What is wrong inside is told first, as what it is.
        let kat = match member("kat") {
            Some(Cmw::Single { value, .. }) => {
                let (message, claims) = open_token(value, STRICT)?;
                Some((message, KatClaims::parse(&claims)?))
            }
            _ => None,
        };
        let pat_nonce = match member("pat") {
            Some(Cmw::Single { value, .. }) => Some(pat_nonce(&open_token(value, LENIENT)?.1)?),
            _ => None,
        };
        if kind.as_deref() != Some(cmw::CAB_TYPE) {
            return malformed(
                "cmw",
                KAT,
                format!("a collection of type {} was expected", cmw::CAB_TYPE),
            );
        }
        for (name, member) in [("kat", member("kat")), ("pat", member("pat"))] {
            let good = member.is_some_and(|m| m.is(cmw::EAT_CWT) && !m.is_none_of(cmw::EVIDENCE));
            if !good {
                return malformed(
                    "cmw",
                    KAT,
                    format!("{name:?}: {} was expected", cmw::EAT_CWT),
                );
            }
        }
        let (Some((message, claims)), Some(pat_nonce), 2) = (kat, pat_nonce, members.len()) else {
            return malformed("cmw", KAT, "a CAB holds a KAT and a PAT, and nothing else");
        };
        Ok(Cab {
            kat: message,
            kak: claims.kak,
            kak_encoded: claims.kak_encoded,
            nonce: claims.nonce,
            attested: claims.attested,
            pat_nonce,
        })
    }

    /// What needs nobody's endorsement: the KAK signed it, and the PAT is about that KAK.
    pub fn check_signature(&self) -> Outcome<()> {
        let curve = match self.kat.protected.header.alg {
            Some(RegisteredLabelWithPrivate::Assigned(Algorithm::ES384)) => Curve::P384,
            _ => Curve::P256,
        };
        let good = curve == self.kak.curve
            && self
                .kak
                .verify(&self.kat.tbs_data(&[]), &self.kat.signature);
        good.then_some(()).ok_or_else(|| {
            Refusal::new(
                "kat-signature-invalid",
                "draft-bft-rats-kat-06 section 4",
                "the KAT's signature does not verify under its kak-pub",
            )
        })
    }

    pub fn check_linkage(&self) -> Outcome<()> {
        let linkage = digest::digest(&digest::SHA256, &self.kak_encoded);
        (self.pat_nonce == linkage.as_ref())
            .then_some(())
            .ok_or_else(|| {
                Refusal::new(
                    "linkage-mismatch",
                    "draft-bft-rats-kat-06 section 3",
                    "the PAT's eat_nonce is not the SHA-256 hash of the KAT's kak-pub",
                )
            })
    }
}

struct KatClaims {
    nonce: Vec<u8>,
    attested: PublicKey,
    kak: PublicKey,
    kak_encoded: Vec<u8>,
}

impl KatClaims {
    fn parse(claims: &Value) -> Outcome<Self> {
        let bad = |detail: String| Refusal::new("malformed-claims", KAT, detail);
        let Some(map) = claims.as_map() else {
            return Err(bad("KAT claims: a map was expected".into()));
        };
        let found = (
            cbor::get(map, CLAIM_NONCE),
            cbor::get(map, CLAIM_CNF),
            cbor::get(map, CLAIM_KAK_PUB),
        );
        let (Some(nonce), Some(cnf), Some(kak)) = found else {
            let detail = "a KAT without eat_nonce (10), cnf (8) or kak-pub (2500)";
            return Err(bad(detail.into()));
        };
        let attested = match cnf.as_map().map(Vec::as_slice) {
            Some([(name, key)]) if name.as_integer() == Some(1.into()) => key,
            _ => return Err(bad("cnf: exactly a COSE_Key (1) was expected".into())),
        };
        Ok(KatClaims {
            nonce: nonce_of(nonce, KAT)?,
            attested: PublicKey::from_cose(attested).map_err(bad)?,
            kak: PublicKey::from_cose(kak).map_err(bad)?,
            // The claims came in preferred encoding, and the order of keys is kept: these are the
            // bytes that came.
            kak_encoded: cbor::write(kak),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coset::CborSerializable;
    use ring::rand::SystemRandom;
    use ring::signature::{EcdsaKeyPair, KeyPair, ECDSA_P256_SHA256_FIXED_SIGNING};

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let rng = SystemRandom::new();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
            Signer(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &rng).unwrap())
        }

        fn key(&self) -> PublicKey {
            PublicKey {
                curve: Curve::P256,
                point: self.0.public_key().as_ref().to_vec(),
            }
        }

        fn token(&self, claims: Vec<(Value, Value)>) -> Vec<u8> {
            let header = coset::HeaderBuilder::new()
                .algorithm(Algorithm::ES256)
                .build();
            coset::CoseSign1Builder::new()
                .protected(header)
                .payload(cbor::write(&Value::Map(claims)))
                .create_signature(&[], |tbs| {
                    let rng = SystemRandom::new();
                    self.0.sign(&rng, tbs).unwrap().as_ref().to_vec()
                })
                .build()
                .to_vec()
                .unwrap()
        }
    }

    fn bundle(kat: Vec<u8>, pat: Vec<u8>) -> Cmw {
        let member = |value| Cmw::Single {
            kind: cmw::Type::MediaType(cmw::EAT_CWT.into()),
            value,
            indicator: None,
        };
        Cmw::Collection {
            kind: Some(cmw::CAB_TYPE.into()),
            members: vec![
                (Label::Text("kat".into()), member(kat)),
                (Label::Text("pat".into()), member(pat)),
            ],
        }
    }

    fn claims(nonce: &[u8], key: &PublicKey, kak: &PublicKey) -> Vec<(Value, Value)> {
        let cose = |key: &PublicKey| cbor::parse(&key.to_cose(), STRICT).unwrap();
        vec![
            (8.into(), Value::Map(vec![(1.into(), cose(key))])),
            (10.into(), nonce.to_vec().into()),
            (2500.into(), cose(kak)),
        ]
    }

    fn pat(signer: &Signer, nonce: &[u8]) -> Vec<u8> {
        signer.token(vec![(10.into(), nonce.to_vec().into())])
    }

    #[test]
    fn a_bundle_and_its_checks() {
        let (ik, kak) = (Signer::new(), Signer::new());
        let linkage = digest::digest(&digest::SHA256, &kak.key().to_cose());
        let kat = kak.token(claims(&[7; 32], &ik.key(), &kak.key()));
        let cmw = bundle(kat, pat(&kak, linkage.as_ref()));
        let Received::Cab(cab) = Received::evidence(&cmw).unwrap() else {
            panic!("no CAB")
        };
        assert_eq!((&cab.nonce[..], &cab.attested), (&[7; 32][..], &ik.key()));
        assert!(cab.check_signature().is_ok() && cab.check_linkage().is_ok());

        let forged = ik.token(claims(&[7; 32], &ik.key(), &kak.key()));
        let cab = Cab::parse(&bundle(forged, pat(&kak, &[0; 32]))).unwrap();
        assert_eq!(
            cab.check_signature().unwrap_err().reason,
            "kat-signature-invalid"
        );
        assert_eq!(cab.check_linkage().unwrap_err().reason, "linkage-mismatch");
    }

    #[test]
    fn which_layer_is_malformed() {
        let s = Signer::new();
        let good = s.token(claims(&[7; 32], &s.key(), &s.key()));
        let no_cnf = s.token(claims(&[7; 32], &s.key(), &s.key())[1..].to_vec());
        let short = s.token(claims(&[7; 7], &s.key(), &s.key()));
        let rows = [
            (good[1..].to_vec(), "malformed-cbor"),
            (vec![0x83, 0x40, 0xa0, 0x40], "malformed-cose"),
            (no_cnf, "malformed-claims"),
            (short, "malformed-claims"),
        ];
        for (kat, reason) in rows {
            let refusal = Received::evidence(&bundle(kat, pat(&s, &[1; 32]))).unwrap_err();
            assert_eq!(refusal.reason, reason, "{}", refusal.detail);
        }
        let alone = Cmw::Collection {
            kind: Some(cmw::CAB_TYPE.into()),
            members: vec![(Label::Text("pat".into()), bundle(vec![], vec![]))],
        };
        assert_eq!(
            Received::evidence(&alone).unwrap_err().reason,
            "malformed-cmw"
        );
    }
}

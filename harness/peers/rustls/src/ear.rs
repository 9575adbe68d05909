// SPDX-License-Identifier: Apache-2.0
//! Attestation results (EAR) in Veraison's dialect and in that of draft-ietf-rats-ear-03: what a
//! relying party decides by is read strictly, the rest is left alone.

use serde_json::Value;

use crate::jose::{self, Jws};
use crate::keys::PublicKey;

const LEEWAY: i64 = 2; // seconds by which clocks may differ

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    None,
    Affirming,
    Warning,
    Contraindicated,
}

impl Tier {
    pub fn name(self) -> &'static str {
        match self {
            Tier::None => "none",
            Tier::Affirming => "affirming",
            Tier::Warning => "warning",
            Tier::Contraindicated => "contraindicated",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [
            Tier::None,
            Tier::Affirming,
            Tier::Warning,
            Tier::Contraindicated,
        ]
        .into_iter()
        .find(|tier| tier.name() == name)
    }

    /// AR4SI section 2.3.2; negative values are a verifier's own refinements of the same tiers.
    fn of_claim(value: i64) -> Self {
        match value {
            -1..=1 => Tier::None,
            2..=31 | -32..=-2 => Tier::Affirming,
            32..=95 | -96..=-33 => Tier::Warning,
            _ => Tier::Contraindicated,
        }
    }

    /// A result that says nothing is worse than an affirming one, better than a warning.
    fn badness(self) -> u8 {
        match self {
            Tier::Affirming => 0,
            Tier::None => 1,
            Tier::Warning => 2,
            Tier::Contraindicated => 3,
        }
    }
}

struct Names {
    profile: &'static str,
    status: &'static str,
    vector: &'static str,
    verifier_id: &'static str,
    policy_claims: &'static str,
    key_attestation: &'static str,
}

const DIALECTS: [Names; 3] = [
    Names {
        profile: "tag:github.com,2023:veraison/ear",
        status: "ear.status",
        vector: "ear.trustworthiness-vector",
        verifier_id: "ear.verifier-id",
        policy_claims: "ear.veraison.policy-claims",
        key_attestation: "ear.veraison.key-attestation",
    },
    Names {
        profile: "tag:ietf.org,2026:rats/ear#03",
        status: "ear_status",
        vector: "ear_trustworthiness_vector",
        verifier_id: "ear_verifier_id",
        policy_claims: "ear_veraison_policy_claims",
        key_attestation: "ear_veraison_key_attestation",
    },
    Names {
        profile: "tag:ietf.org,2026:rats/ear#04",
        status: "ear_status",
        vector: "ear_trustworthiness_vector",
        verifier_id: "ear_verifier_id",
        policy_claims: "ear_veraison_policy_claims",
        key_attestation: "ear_veraison_key_attestation",
    },
];

const CLAIMS: [&str; 8] = [
    "instance-identity",
    "configuration",
    "executables",
    "file-system",
    "hardware",
    "runtime-opaque",
    "storage-opaque",
    "sourced-data",
];

#[derive(Debug)]
pub struct Submod {
    pub tier: Tier,
    pub key: Option<PublicKey>,
    pub policy_claims: Value,
}

#[derive(Debug)]
pub struct Ear {
    pub issuer: Option<String>,
    pub nonce: Option<Vec<u8>>,
    pub submods: Vec<Submod>,
    issued_at: i64,
    expires_at: Option<i64>,
    not_before: Option<i64>,
}

impl Ear {
    pub fn unverified(jwt: &[u8]) -> Result<Self, String> {
        Ear::parse(&jose::json(&Jws::parse(jwt)?.payload)?)
    }

    fn parse(claims: &Value) -> Result<Self, String> {
        let names = DIALECTS
            .iter()
            .find(|names| claims["eat_profile"] == names.profile)
            .ok_or_else(|| format!("EAR: eat_profile {} is not known", claims["eat_profile"]))?;
        let id = &claims[names.verifier_id];
        if !id["developer"].is_string() || !id["build"].is_string() {
            return Err(format!("EAR: {} is missing", names.verifier_id));
        }
        let issuer = match &claims["iss"] {
            Value::Null => None,
            Value::String(issuer) => Some(issuer.clone()),
            _ => return Err("EAR iss: a string was expected".into()),
        };
        let nonce = match &claims["eat_nonce"] {
            Value::Null => None,
            Value::String(text) => Some(
                jose::base64url(text.trim_end_matches('='))
                    .ok()
                    .filter(|nonce| (8..=64).contains(&nonce.len()))
                    .ok_or("EAR eat_nonce: base64url of 8 to 64 bytes was expected")?,
            ),
            _ => return Err("EAR eat_nonce: a string was expected".into()),
        };
        let submods = claims["submods"]
            .as_object()
            .filter(|submods| !submods.is_empty())
            .ok_or("EAR submods: at least one was expected")?;
        Ok(Ear {
            issuer,
            nonce,
            submods: submods
                .values()
                .map(|submod| Submod::parse(submod, names))
                .collect::<Result<_, _>>()?,
            issued_at: time(claims, "iat")?.ok_or("EAR: iat is missing")?,
            expires_at: time(claims, "exp")?,
            not_before: time(claims, "nbf")?,
        })
    }

    /// Of all submods and all claims in them.
    pub fn worst_tier(&self) -> Tier {
        let worst = self.submods.iter().map(|submod| submod.tier);
        worst
            .max_by_key(|tier| tier.badness())
            .unwrap_or(Tier::None)
    }

    pub fn ends_at(&self, max_age: i64) -> i64 {
        self.expires_at
            .unwrap_or(self.issued_at.saturating_add(max_age))
    }

    pub fn check_time(&self, now: i64, max_age: i64) -> Result<(), String> {
        let end = self.ends_at(max_age);
        if self.not_before.is_some_and(|from| now + LEEWAY < from) {
            Err("the result is not valid yet (nbf)".into())
        } else if now + LEEWAY < self.issued_at {
            Err(format!(
                "the result was issued at {}, it is {now}",
                self.issued_at
            ))
        } else if now - LEEWAY >= end {
            Err(format!("the result expired at {end}, it is {now}"))
        } else {
            Ok(())
        }
    }
}

/// NumericDate (RFC 7519 section 2).
fn time(claims: &Value, name: &str) -> Result<Option<i64>, String> {
    match &claims[name] {
        Value::Null => Ok(None),
        value => value
            .as_f64()
            .filter(|seconds| (1.0..=9_007_199_254_740_991.0).contains(seconds))
            .map(|seconds| Some(seconds as i64))
            .ok_or_else(|| format!("EAR {name}: seconds since 1970 were expected")),
    }
}

impl Submod {
    fn parse(submod: &Value, names: &Names) -> Result<Self, String> {
        let mut tier = submod[names.status]
            .as_str()
            .and_then(Tier::parse)
            .ok_or_else(|| format!("EAR: {} is none of the tiers", names.status))?;
        match &submod[names.vector] {
            Value::Null => {}
            Value::Object(vector) => {
                for (name, value) in vector {
                    let value = value
                        .as_i64()
                        .filter(|value| (-128..=127).contains(value))
                        .filter(|_| CLAIMS.contains(&name.as_str()))
                        .ok_or_else(|| format!("EAR: claim {name} of the trust vector"))?;
                    let claimed = Tier::of_claim(value);
                    if value != 0 && claimed.badness() > tier.badness() {
                        tier = claimed; // 0 is "no claim made"
                    }
                }
            }
            _ => return Err(format!("EAR {}: an object was expected", names.vector)),
        }
        let key = match &submod[names.key_attestation] {
            Value::Null => None,
            value => Some(
                value["akpub"]
                    .as_str()
                    .and_then(|text| jose::base64_any(text).ok())
                    .and_then(|spki| PublicKey::from_spki(&spki))
                    .ok_or("EAR akpub: base64url of a P-256 or P-384 key was expected")?,
            ),
        };
        let policy_claims = submod[names.policy_claims].clone();
        if !policy_claims.is_null() && !policy_claims.is_object() {
            return Err(format!(
                "EAR {}: an object was expected",
                names.policy_claims
            ));
        }
        Ok(Submod {
            tier,
            key,
            policy_claims,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims() -> Value {
        json!({"eat_profile": "tag:github.com,2023:veraison/ear", "iat": 1000,
               "ear.verifier-id": {"build": "b", "developer": "d"},
               "eat_nonce": "AAAAAAAAAAA=",
               "submods": {"PSA_IOT": {"ear.status": "affirming"}}})
    }

    #[test]
    fn times() {
        let mut claims = claims();
        let ear = Ear::parse(&claims).unwrap();
        assert_eq!(ear.nonce.as_deref(), Some(&[0u8; 8][..]));
        assert!(ear.check_time(1050, 60).is_ok());
        assert!(ear.check_time(1062, 60).is_err());
        assert!(ear.check_time(997, 60).is_err());
        claims["exp"] = json!(1100.5);
        let ear = Ear::parse(&claims).unwrap();
        assert!(ear.check_time(1101, 60).is_ok());
        assert!(ear.check_time(1102, 60).is_err());
    }

    #[test]
    fn the_worst_claim_counts() {
        for (status, value, tier) in [
            ("affirming", 2, Tier::Affirming),
            ("affirming", 0, Tier::Affirming),
            ("affirming", 1, Tier::None),
            ("affirming", 33, Tier::Warning),
            ("affirming", -33, Tier::Warning),
            ("affirming", 99, Tier::Contraindicated),
            ("contraindicated", 2, Tier::Contraindicated),
            ("none", 2, Tier::None),
        ] {
            let mut claims = claims();
            let vector = json!({"executables": value});
            claims["submods"]["PSA_IOT"] =
                json!({"ear.status": status, "ear.trustworthiness-vector": vector});
            assert_eq!(Ear::parse(&claims).unwrap().worst_tier(), tier);
        }
    }

    #[test]
    fn what_is_refused() {
        for (name, value) in [
            ("eat_profile", json!("other")),
            ("iat", json!("1000")),
            ("eat_nonce", json!(["AAAAAAAAAAA"])),
            ("eat_nonce", json!("AAAA")),
            ("submods", json!({})),
            ("submods", json!({"a": {"ear.status": "good"}})),
            (
                "submods",
                json!({"a": {"ear.status": "affirming",
                "ear.trustworthiness-vector": {"unheard-of": 2}}}),
            ),
            (
                "submods",
                json!({"a": {"ear.status": "affirming",
                "ear.veraison.key-attestation": {"akpub": "AAAA"}}}),
            ),
            ("ear.verifier-id", json!({"build": "b"})),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert!(Ear::parse(&claims).is_err(), "{name}");
        }
    }
}

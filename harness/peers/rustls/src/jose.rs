// SPDX-License-Identifier: Apache-2.0
//! Base64 and JWS (RFC 7515, compact), as far as attestation results need them. JSON with members
//! that come twice is refused: two readers could take different ones.

use std::fmt;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::Engine;
use serde_json::{Map, Value};

use crate::keys::{Curve, PublicKey};

pub fn base64url(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|problem| format!("base64url without padding was expected: {problem}"))
}

pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Verifiers differ: base64 or base64url, with padding or without.
pub fn base64_any(text: &str) -> Result<Vec<u8>, String> {
    let bare = text.trim_end_matches('=');
    if bare.contains(['-', '_']) {
        base64url(bare)
    } else {
        STANDARD_NO_PAD
            .decode(bare)
            .map_err(|problem| format!("base64 was expected: {problem}"))
    }
}

struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> serde::de::Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON without members that come twice")
    }
    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Unique(Value::Array(items)))
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let Unique(value) = access.next_value()?;
            if members.insert(name.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!(
                    "member {name:?} comes twice"
                )));
            }
        }
        Ok(Unique(Value::Object(members)))
    }
}

pub fn json(bytes: &[u8]) -> Result<Value, String> {
    let Unique(value) = serde_json::from_slice(bytes).map_err(|problem| problem.to_string())?;
    Ok(value)
}

/// A compact JWS that was taken apart. Nothing is believed yet.
pub struct Jws<'a> {
    pub header: Value,
    pub payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a JWS is ASCII")?;
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(format!("a JWS has three parts, {} were found", parts.len()));
        };
        let parsed = json(&base64url(header)?)?;
        if parsed.get("crit").is_some() {
            return Err("a JWS with crit, of which nothing is understood".into());
        }
        Ok(Jws {
            header: parsed,
            payload: base64url(payload)?,
            signed: &text[..header.len() + 1 + payload.len()],
            signature: base64url(signature)?,
        })
    }

    /// RFC 7518 section 3.1: the key's curve says which algorithm it must be.
    pub fn verify(&self, key: &PublicKey) -> Result<(), String> {
        let alg = match key.curve {
            Curve::P256 => "ES256",
            Curve::P384 => "ES384",
        };
        if self.header["alg"] != alg {
            return Err(format!(
                "alg {alg} was expected, came {}",
                self.header["alg"]
            ));
        }
        if key.verify(self.signed.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err("the signature does not verify with the verifier's key".into())
        }
    }
}

/// RFC 8725 section 3.2: a result that nobody signed, whatever its last part is.
pub fn is_unsecured(jws: &[u8]) -> bool {
    let header = jws.split(|b| *b == b'.').next().unwrap_or_default();
    std::str::from_utf8(header)
        .ok()
        .and_then(|text| base64url(text).ok())
        .and_then(|bytes| json(&bytes).ok())
        .and_then(|header| Some(header["alg"].as_str()?.eq_ignore_ascii_case("none")))
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.3: ES256.
    const SIGNED: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogI\
        mh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmX\
        FCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn key() -> PublicKey {
        PublicKey::from_jwk(&serde_json::json!({"kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}))
        .unwrap()
    }

    #[test]
    fn signature_of_the_rfc() {
        assert!(Jws::parse(SIGNED.as_bytes())
            .unwrap()
            .verify(&key())
            .is_ok());
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut bytes = SIGNED.as_bytes().to_vec();
        let last = bytes.len() - 3;
        bytes[last] = if bytes[last] == b'A' { b'B' } else { b'A' };
        assert!(Jws::parse(&bytes).unwrap().verify(&key()).is_err());
    }

    #[test]
    fn what_is_refused() {
        assert!(json(br#"{"a":1,"a":2}"#).is_err());
        assert!(json(br#"{"a":1} x"#).is_err());
        assert!(base64url("YQ==").is_err());
        assert!(Jws::parse(b"a.b").is_err());
        assert!(is_unsecured(b"eyJhbGciOiJub25lIn0.e30."));
        assert!(!is_unsecured(SIGNED.as_bytes()));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Public keys on the two curves, in the shapes that the formats give them, and signatures by them.

use ring::{digest, signature};
use serde_json::Value as Json;

use crate::cbor;
use ciborium::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
}

impl Curve {
    /// Bytes of a coordinate, and of the digest that goes with the curve.
    pub fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }

    pub fn hash(self) -> &'static digest::Algorithm {
        match self {
            Curve::P256 => &digest::SHA256,
            Curve::P384 => &digest::SHA384,
        }
    }
}

/// RFC 5480: SubjectPublicKeyInfo ahead of the uncompressed point.
const SPKI_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const SPKI_P384: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub curve: Curve,
    /// 04, x, y
    pub point: Vec<u8>,
}

impl PublicKey {
    fn from_coordinates(curve: Curve, x: &[u8], y: &[u8]) -> Option<Self> {
        let size = curve.size();
        (x.len() == size && y.len() == size).then(|| PublicKey {
            curve,
            point: [&[4], x, y].concat(),
        })
    }

    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        [(Curve::P256, SPKI_P256), (Curve::P384, SPKI_P384)]
            .into_iter()
            .find_map(|(curve, head)| {
                let point = spki.strip_prefix(head)?;
                let whole = point.len() == 1 + 2 * curve.size() && point[0] == 4;
                whole.then(|| PublicKey {
                    curve,
                    point: point.to_vec(),
                })
            })
    }

    pub fn spki(&self) -> Vec<u8> {
        let head = match self.curve {
            Curve::P256 => SPKI_P256,
            Curve::P384 => SPKI_P384,
        };
        [head, &self.point].concat()
    }

    /// RFC 9053 section 7.1.1, a public EC2 key.
    pub fn from_cose(value: &Value) -> Result<Self, String> {
        let map = value.as_map().ok_or("COSE_Key: expected a map")?;
        if cbor::get(map, -4).is_some() {
            return Err("COSE_Key: expected a public key, came a private one".into());
        }
        if cbor::get(map, 1).and_then(Value::as_integer) != Some(2.into()) {
            return Err("COSE_Key kty: expected EC2 (2)".into());
        }
        let curve = match cbor::get(map, -1).and_then(Value::as_integer) {
            Some(n) if n == 1.into() => Curve::P256,
            Some(n) if n == 2.into() => Curve::P384,
            _ => return Err("COSE_Key crv: expected P-256 (1) or P-384 (2)".into()),
        };
        let x = cbor::get(map, -2).and_then(Value::as_bytes);
        let y = cbor::get(map, -3).and_then(Value::as_bytes);
        x.zip(y)
            .and_then(|(x, y)| Self::from_coordinates(curve, x, y))
            .ok_or_else(|| "COSE_Key: x and y of the curve's size were expected".into())
    }

    pub fn to_cose(&self) -> Vec<u8> {
        let (x, y) = self.point[1..].split_at(self.curve.size());
        let crv = match self.curve {
            Curve::P256 => 1,
            Curve::P384 => 2,
        };
        cbor::write(&Value::Map(vec![
            (1.into(), 2.into()),
            ((-1).into(), crv.into()),
            ((-2).into(), x.to_vec().into()),
            ((-3).into(), y.to_vec().into()),
        ]))
    }

    /// RFC 7518 section 6.2; a private key is refused.
    pub fn from_jwk(jwk: &Json) -> Result<Self, String> {
        if jwk.get("d").is_some() {
            return Err("JWK: expected a public key, came a private one".into());
        }
        if jwk["kty"] != "EC" {
            return Err("JWK kty: expected EC".into());
        }
        let curve = match jwk["crv"].as_str() {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            _ => return Err("JWK crv: expected P-256 or P-384".into()),
        };
        let part = |name: &str| crate::jose::base64url(jwk[name].as_str()?).ok();
        part("x")
            .zip(part("y"))
            .and_then(|(x, y)| Self::from_coordinates(curve, &x, &y))
            .ok_or_else(|| "JWK: x and y of the curve's size were expected".into())
    }

    /// ECDSA with the curve's hash; the signature is r || s. The point must be on its curve.
    pub fn verify(&self, message: &[u8], rs: &[u8]) -> bool {
        let algorithm = match self.curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.point)
            .verify(message, rs)
            .is_ok()
    }

    /// The same, for an Ecdsa-Sig-Value in DER.
    pub fn verify_der(&self, message: &[u8], der: &[u8]) -> bool {
        let algorithm = match self.curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.point)
            .verify(message, der)
            .is_ok()
    }
}

/// Ecdsa-Sig-Value (RFC 3279 section 2.2.3) of r || s.
pub fn der_of_signature(rs: &[u8]) -> Vec<u8> {
    let (r, s) = rs.split_at(rs.len() / 2);
    let body = [der_integer(r), der_integer(s)].concat();
    [&[0x30, body.len() as u8], &body[..]].concat() // at most 2 * 51 bytes: one length byte
}

fn der_integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let digits = &number[zeros.min(number.len() - 1)..];
    let sign: &[u8] = if digits[0] >= 0x80 { &[0] } else { &[] };
    let length = (sign.len() + digits.len()) as u8;
    [&[2, length], sign, digits].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of draft-bft-rats-kat's example: COSE_Key, and its SHA-256 as the draft prints it.
    const KAK: &str = "a401022001215820f0fffa7ba35e76e44ca1f5446d327c8382a5a40e5f29745df948346c7c\
                       88a5d32258207cb4c4873cbb6f097562f61d5280768cd2cfe35fba97e997280dbaaae3af92fe";

    #[test]
    fn linkage_of_the_drafts_example() {
        let encoded = crate::tests::unhex(KAK);
        let key = PublicKey::from_cose(&cbor::parse(&encoded, cbor::STRICT).unwrap()).unwrap();
        assert_eq!(key.to_cose(), encoded);
        assert_eq!(
            crate::events::hex(digest::digest(&digest::SHA256, &encoded).as_ref()),
            "5ca3750daf829c30c20797eddb7949b1fd028c5408f2dd8650ad732327e3fb64"
        );
        assert_eq!(PublicKey::from_spki(&key.spki()), Some(key));
    }

    #[test]
    fn signatures_in_der() {
        let rs = [vec![0; 31], vec![1], vec![0x80], vec![0; 31]].concat();
        let mut expected = vec![0x30, 3 + 35, 2, 1, 1, 2, 33, 0, 0x80];
        expected.extend_from_slice(&[0; 31]);
        assert_eq!(der_of_signature(&rs), expected);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Certificates: the key of one, and the CMW in its extension (RFC 9999 section 4.4).

use ring::digest;
use x509_parser::der_parser::oid;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::cmw::{self, Cmw, Serialization};
use crate::keys::PublicKey;
use crate::refusal::{Outcome, Refusal};

const CLAUSE: &str = "RFC 9999 section 4.4";
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;

fn open(der: &[u8]) -> Outcome<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Refusal::new(
            "certificate-untrusted",
            "RFC 5280 section 4.1",
            "a certificate in DER was expected",
        )),
    }
}

/// SubjectPublicKeyInfo, as it is there.
pub fn spki(der: &[u8]) -> Outcome<Vec<u8>> {
    Ok(open(der)?.tbs_certificate.subject_pki.raw.to_vec())
}

pub fn public_key(der: &[u8]) -> Outcome<PublicKey> {
    PublicKey::from_spki(&spki(der)?).ok_or_else(|| {
        Refusal::new(
            "key-mismatch",
            "RFC 5480 section 2",
            "a certificate for a key of P-256 or P-384 was expected",
        )
    })
}

/// What evidence inside a certificate answers: the hash of its key.
pub fn challenge(key: &PublicKey) -> Vec<u8> {
    digest::digest(key.curve.hash(), &key.spki())
        .as_ref()
        .to_vec()
}

/// The CMW of a leaf; None where it has none. id-pe-cmw goes before TCG's.
pub fn find_cmw(der: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let certificate = open(der)?;
    let pe = oid!(1.3.6 .1 .5 .5 .7 .1 .35);
    let tcg = oid!(2.23.133 .5 .4 .9);
    for (oid, is_tcg) in [(pe, false), (tcg, true)] {
        let mut found = certificate
            .extensions()
            .iter()
            .filter(|extension| extension.oid == oid);
        let Some(extension) = found.next() else {
            continue;
        };
        if found.next().is_some() {
            return Err(malformed(format!("the extension {oid} came twice")));
        }
        return decode(extension.value, is_tcg).map(Some);
    }
    Ok(None)
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new("malformed-cmw", CLAUSE, detail)
}

/// CHOICE { json UTF8String, cbor OCTET STRING }; TCG's is also found bare, and is no collection.
fn decode(value: &[u8], is_tcg: bool) -> Outcome<Vec<u8>> {
    let (contents, serialization) = match value.first() {
        Some(&OCTET_STRING) => (contents(value)?, Serialization::Cbor),
        Some(&UTF8_STRING) => (contents(value)?, Serialization::Json),
        _ if is_tcg => {
            let sniffed = cmw::sniff(value).ok_or_else(|| malformed("no CMW begins like this"))?;
            (value, sniffed)
        }
        _ => return Err(malformed("OCTET STRING or UTF8String was expected")),
    };
    let parsed = Cmw::parse_as(serialization, contents).map_err(malformed)?;
    if is_tcg && matches!(parsed, Cmw::Collection { .. }) {
        return Err(malformed("TCG's extension holds no collection"));
    }
    Ok(contents.to_vec())
}

/// Of one DER value that is all there is; the length is the shortest one.
fn contents(value: &[u8]) -> Outcome<&[u8]> {
    let bad = || malformed("the value is not whole, or its length is not in DER");
    let first = *value.get(1).ok_or_else(bad)?;
    let (size, head) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let width = usize::from(first & 0x7f);
        let digits = value.get(2..2 + width).ok_or_else(bad)?;
        if !(1..=4).contains(&width) || digits[0] == 0 {
            return Err(bad());
        }
        let size = digits.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        (size, 2 + width)
    };
    if value.len() - head != size || (head > 2 && size < 0x80) {
        return Err(bad());
    }
    Ok(&value[head..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::unhex;

    #[test]
    fn the_choice() {
        let record = "82190107 4100".replace(' ', "");
        assert!(decode(&unhex(&format!("0406{record}")), false).is_ok());
        assert!(decode(&unhex(&format!("0406{record}")), true).is_ok());
        assert!(decode(&unhex(&record), true).is_ok());
        let collection = "a16161 82190107 4100".replace(' ', "");
        assert!(decode(&unhex(&format!("0409{collection}")), false).is_ok());
        for bad in [
            String::new(),
            record.clone(),
            format!("0c06{record}"),
            format!("0407{record}"),
            format!("0405{record}"),
            format!("048106{record}"),
            format!("0480{record}0000"),
            format!("0406{record}00"),
        ] {
            assert!(decode(&unhex(&bad), false).is_err(), "{bad}");
        }
        assert!(decode(&unhex(&format!("0409{collection}")), true).is_err());
    }
}

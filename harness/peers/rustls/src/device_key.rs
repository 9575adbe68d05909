// SPDX-License-Identifier: Apache-2.0
//! A private key that stays in the device, as rustls wants one.

use std::sync::{Arc, Mutex};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use crate::device::Device;
use crate::keys::{der_of_signature, Curve, PublicKey};
use crate::refusal::{Outcome, Refusal};

#[derive(Clone)]
pub struct DeviceKey {
    pub device: Arc<Device>,
    pub handle: u32,
    pub curve: Curve,
    /// What went wrong in the device, for the connection to tell.
    pub failure: Arc<Mutex<Option<Refusal>>>,
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "device:{}", self.handle)
    }
}

impl DeviceKey {
    /// Has the device this key? A signature over random bytes tells.
    pub fn check(device: &Device, handle: u32, public: &PublicKey) -> Outcome<()> {
        let mut message = [0u8; 32];
        SystemRandom::new()
            .fill(&mut message)
            .map_err(|_| Refusal::internal("no random bytes"))?;
        let hashed = digest::digest(public.curve.hash(), &message);
        let rs = device.sign(handle, public.curve, hashed.as_ref())?;
        if public.verify(&message, &rs) {
            return Ok(());
        }
        Err(Refusal::internal(format!(
            "the device's key {handle} is not the key of the certificate"
        )))
    }

    fn own_scheme(&self) -> SignatureScheme {
        match self.curve {
            Curve::P256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            Curve::P384 => SignatureScheme::ECDSA_NISTP384_SHA384,
        }
    }
}

impl SigningKey for DeviceKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let good = offered.contains(&self.own_scheme());
        good.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for DeviceKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let hashed = digest::digest(self.curve.hash(), message);
        match self.device.sign(self.handle, self.curve, hashed.as_ref()) {
            Ok(rs) => Ok(der_of_signature(&rs)),
            Err(refusal) => {
                let text = refusal.detail.clone();
                *self.failure.lock().unwrap_or_else(|p| p.into_inner()) = Some(refusal);
                Err(Error::General(text))
            }
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.own_scheme()
    }
}

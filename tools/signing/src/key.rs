//! Keys of ECDSA over P-256 (FIPS 186-5), with SHA-256. Signatures are in ASN.1 (RFC 3279), as base64 (RFC 4648).
//!
//! A private key is never shown: it has no `Debug`, and its bytes are overwritten when it goes.

use data_encoding::BASE64;
use oci::Digest;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};

use crate::error::{Error, Result};

/// A key that signs.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Reads PEM: PKCS#8, or SEC 1 as `openssl ecparam` writes it.
    ///
    /// # Errors
    /// [`Error::PrivateKey`], [`Error::Encrypted`].
    pub fn read(pem: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(pem).map_err(|_| Error::PrivateKey)?;
        let text = text.trim();
        if text.contains("BEGIN ENCRYPTED ") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(Error::Encrypted);
        }
        // The curve may be named in a block of its own before the key.
        let at = text.find("-----BEGIN EC PRIVATE KEY-----").unwrap_or(0);
        let key = p256::SecretKey::from_pem(&text[at..]).map_err(|_| Error::PrivateKey)?;
        Ok(PrivateKey(SigningKey::from(key)))
    }

    /// Signs; the same message has the same signature, always (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> String {
        let signature: DerSignature = self.0.sign(message);
        BASE64.encode(signature.as_bytes())
    }

    /// The key that its signatures are good for.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

/// A key that signatures are good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads PEM of a subject public key info (RFC 5480), as cosign and openssl write it.
    ///
    /// # Errors
    /// [`Error::PublicKey`], [`Error::Private`].
    pub fn read(pem: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(pem).map_err(|_| Error::PublicKey)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(Error::Private);
        }
        let key = VerifyingKey::from_public_key_pem(text.trim()).map_err(|_| Error::PublicKey)?;
        Ok(PublicKey(key))
    }

    /// Whether a signature in base64 is one of this message by this key.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::NotGood`].
    pub fn verify(&self, message: &[u8], signature: &str) -> Result<()> {
        let bytes = BASE64
            .decode(signature.trim().as_bytes())
            .map_err(|_| Error::Signature)?;
        let signature = DerSignature::from_bytes(&bytes).map_err(|_| Error::Signature)?;
        self.0
            .verify(message, &signature)
            .map_err(|_| Error::NotGood)
    }

    /// As PEM, which [`PublicKey::read`] reads.
    ///
    /// # Errors
    /// [`Error::PublicKey`]: a key that was read can be written, so none.
    pub fn pem(&self) -> Result<String> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|_| Error::PublicKey)
    }

    /// The SHA-256 of the key's DER: a short name for it.
    ///
    /// # Errors
    /// [`Error::PublicKey`]: a key that was read can be written, so none.
    pub fn fingerprint(&self) -> Result<Digest> {
        let der = self.0.to_public_key_der().map_err(|_| Error::PublicKey)?;
        Ok(Digest::of(der.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl genpkey`, and the same key as `openssl ec` writes it; for tests alone.
    const KEY: &str = include_str!("../tests/key.pem");
    const SEC1: &str = include_str!("../tests/key.sec1.pem");
    const PUBLIC: &str = include_str!("../tests/key.pub.pem");

    #[test]
    fn both_forms_are_the_same_key() {
        let (one, two) = (
            PrivateKey::read(KEY.as_bytes()).unwrap(),
            PrivateKey::read(SEC1.as_bytes()).unwrap(),
        );
        assert_eq!(one.sign(b"message"), two.sign(b"message"));
        assert_eq!(one.public(), PublicKey::read(PUBLIC.as_bytes()).unwrap());
        assert_eq!(one.public().pem().unwrap(), PUBLIC);
    }

    /// RFC 6979, appendix A.2.5: P-256 with SHA-256, "sample".
    #[test]
    fn the_published_vector() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let secret = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let key = PrivateKey(SigningKey::from_slice(&secret).unwrap());
        let r = hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
        let s = hex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
        // Both begin with a bit that is set: a zero goes before them.
        let der = [
            vec![0x30, 0x46, 0x02, 0x21, 0x00],
            r,
            vec![0x02, 0x21, 0x00],
            s,
        ]
        .concat();
        assert_eq!(key.sign(b"sample"), BASE64.encode(&der));
        assert_eq!(key.public().verify(b"sample", &BASE64.encode(&der)), Ok(()));
    }

    #[test]
    fn what_is_not_good() {
        let key = PrivateKey::read(KEY.as_bytes()).unwrap();
        let (public, signature) = (key.public(), key.sign(b"message"));
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify(b"massage", &signature), Err(Error::NotGood));
        assert_eq!(
            public.verify(b"message", &signature[..20]),
            Err(Error::Signature)
        );
        assert_eq!(public.verify(b"message", ""), Err(Error::Signature));
        assert_eq!(public.verify(b"message", "%"), Err(Error::Signature));
        let mut bytes = BASE64.decode(signature.as_bytes()).unwrap();
        bytes[10] ^= 1;
        assert_eq!(
            public.verify(b"message", &BASE64.encode(&bytes)),
            Err(Error::NotGood)
        );
        bytes.push(0);
        assert_eq!(
            public.verify(b"message", &BASE64.encode(&bytes)),
            Err(Error::Signature)
        );
    }

    #[test]
    fn what_is_no_key() {
        let read = |text: &str| PrivateKey::read(text.as_bytes()).err();
        assert_eq!(read("no key"), Some(Error::PrivateKey));
        assert_eq!(read(PUBLIC), Some(Error::PrivateKey));
        assert_eq!(read(&KEY[..KEY.len() / 2]), Some(Error::PrivateKey));
        let encrypted = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n";
        assert_eq!(read(encrypted), Some(Error::Encrypted));
        assert_eq!(PublicKey::read(KEY.as_bytes()), Err(Error::Private));
        assert_eq!(PublicKey::read(b"\xff"), Err(Error::PublicKey));
        assert!(Error::PrivateKey.hint().unwrap().contains("genpkey"));
        // A key of another curve.
        let other = include_str!("../tests/p384.pem");
        assert_eq!(read(other), Some(Error::PrivateKey));
    }
}

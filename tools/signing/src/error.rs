//! What is wrong with a key, a payload or an envelope.

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A private key that is none.
    #[error("it is not a private key of P-256 in PKCS#8 or SEC 1, as PEM")]
    PrivateKey,
    /// A private key behind a password.
    #[error("the private key is encrypted")]
    Encrypted,
    /// A public key that is none.
    #[error("it is not a public key of P-256, as PEM")]
    PublicKey,
    /// A private key where a public one is wanted.
    #[error("it is a private key, and a public one is wanted")]
    Private,
    /// Text that is no signature.
    #[error("the signature is not base64 of an ECDSA signature in ASN.1")]
    Signature,
    /// A signature of something else, or by another key.
    #[error("the signature is not good for this key")]
    NotGood,
    /// A payload that is none.
    #[error("the payload is not what cosign signs: {reason}")]
    Payload {
        /// What is wrong with it.
        reason: String,
    },
    /// An envelope that is none.
    #[error("it is not an envelope: {reason}")]
    Envelope {
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::PrivateKey => Some(
                "make one by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem`",
            ),
            Error::Encrypted => Some("give a `program` that signs with it"),
            Error::PublicKey | Error::Private => {
                Some("`openssl pkey -in key.pem -pubout` prints the public key")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message() {
        for (error, message) in [
            (
                Error::PrivateKey,
                "it is not a private key of P-256 in PKCS#8 or SEC 1, as PEM",
            ),
            (Error::Encrypted, "the private key is encrypted"),
            (Error::PublicKey, "it is not a public key of P-256, as PEM"),
            (
                Error::Private,
                "it is a private key, and a public one is wanted",
            ),
            (
                Error::Signature,
                "the signature is not base64 of an ECDSA signature in ASN.1",
            ),
            (Error::NotGood, "the signature is not good for this key"),
            (
                Error::Payload {
                    reason: "why".into(),
                },
                "the payload is not what cosign signs: why",
            ),
            (
                Error::Envelope {
                    reason: "why".into(),
                },
                "it is not an envelope: why",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }
}

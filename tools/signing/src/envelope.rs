//! Envelopes (DSSE, github.com/secure-systems-lab/dsse, version 1): a payload with its type and signatures of
//! both.

use data_encoding::BASE64;
use oci::json::{self, Limits};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::key::PublicKey;

/// What is signed: type and payload, each with its length (DSSE, "PAE").
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// An envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// Signatures in base64.
    pub signatures: Vec<String>,
}

impl Envelope {
    /// Canonical JSON.
    ///
    /// # Errors
    /// None that can be reached: all of it is strings.
    pub fn to_bytes(&self) -> std::result::Result<Vec<u8>, oci::Error> {
        let signatures: Vec<Value> = self
            .signatures
            .iter()
            .map(|sig| json!({"sig": sig}))
            .collect();
        json::canonical(&json!({
            "payload": BASE64.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        }))
    }

    /// Reads an envelope; fields that it does not know are passed over, as the format wants it.
    ///
    /// # Errors
    /// [`Error::Envelope`].
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let bad = |reason: &str| Error::Envelope {
            reason: reason.to_owned(),
        };
        let value =
            json::read(bytes, Limits::OURS, "envelope").map_err(|error| bad(&error.to_string()))?;
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let payload_type = text("payloadType").ok_or_else(|| bad("it has no `payloadType`"))?;
        let payload = text("payload").ok_or_else(|| bad("it has no `payload`"))?;
        let payload = BASE64
            .decode(payload.as_bytes())
            .map_err(|_| bad("its payload is not base64"))?;
        let signatures = value.get("signatures").and_then(Value::as_array);
        let signatures = signatures.ok_or_else(|| bad("it has no `signatures`"))?;
        let signatures = signatures.iter().map(|one| {
            let text = one.get("sig").and_then(Value::as_str);
            text.map(str::to_owned)
                .ok_or_else(|| bad("a signature has no `sig`"))
        });
        Ok(Envelope {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: signatures.collect::<Result<_>>()?,
        })
    }

    /// Whether one of the signatures is good for the key.
    ///
    /// # Errors
    /// [`Error::NotGood`]; [`Error::Envelope`] where it has none at all.
    pub fn verify(&self, key: &PublicKey) -> Result<()> {
        if self.signatures.is_empty() {
            return Err(Error::Envelope {
                reason: "nobody has signed it".into(),
            });
        }
        let message = pae(&self.payload_type, &self.payload);
        let good = self
            .signatures
            .iter()
            .any(|one| key.verify(&message, one).is_ok());
        match good {
            true => Ok(()),
            false => Err(Error::NotGood),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    fn key() -> PrivateKey {
        PrivateKey::read(include_bytes!("../tests/key.pem")).unwrap()
    }

    #[test]
    fn read_and_written_and_good() {
        // The example of the specification.
        let message = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            message,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        let mut envelope = Envelope {
            payload_type: "http://example.com/HelloWorld".into(),
            payload: b"hello world".to_vec(),
            signatures: vec![key().sign(&message)],
        };
        let bytes = envelope.to_bytes().unwrap();
        assert_eq!(Envelope::read(&bytes), Ok(envelope.clone()));
        assert_eq!(envelope.verify(&key().public()), Ok(()));
        // Not only the payload is signed.
        envelope.payload_type.push('x');
        assert_eq!(envelope.verify(&key().public()), Err(Error::NotGood));
        envelope.signatures.clear();
        let error = envelope.verify(&key().public()).unwrap_err().to_string();
        assert_eq!(error, "it is not an envelope: nobody has signed it");
    }

    #[test]
    fn what_is_none() {
        for (text, reason) in [
            ("nothing", "envelope"),
            ("{}", "it has no `payloadType`"),
            (r#"{"payloadType":"x"}"#, "it has no `payload`"),
            (
                r#"{"payloadType":"x","payload":"%"}"#,
                "its payload is not base64",
            ),
            (
                r#"{"payloadType":"x","payload":""}"#,
                "it has no `signatures`",
            ),
            (
                r#"{"payloadType":"x","payload":"","signatures":[{}]}"#,
                "a signature has no `sig`",
            ),
            (
                r#"{"payloadType":"x","payload":"","payload":"","signatures":[]}"#,
                "payload",
            ),
        ] {
            let error = Envelope::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}

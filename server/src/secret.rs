//! Passwords and tokens: made, hashed, never shown twice.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use rand::{Rng, TryRngCore, rngs::OsRng};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What PostgreSQL keeps of a password, and which password of its user that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Counts the passwords of the user.
    pub version: u32,
    /// As in `pg_authid.rolpassword`.
    pub scram: String,
}

const ITERATIONS: u32 = 4096;

/// A password of 32 characters, each of 62.
pub fn password() -> SecretString {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(32).map(char::from).collect::<String>().into()
}

/// The SCRAM-SHA-256 verifier of a password, with a fresh salt.
pub fn scram_verifier(password: &str) -> String {
    let mut salt = [0; 16];
    // Without randomness of the system nothing here may go on.
    OsRng.try_fill_bytes(&mut salt).expect("the system gives no randomness");
    verifier(password, &salt, ITERATIONS)
}

/// Whether `verifier` was made of this password.
pub fn verifies(password: &str, scram: &str) -> bool {
    let parts = || {
        let rest = scram.strip_prefix("SCRAM-SHA-256$")?;
        let (iterations, rest) = rest.split_once(':')?;
        let (salt, _) = rest.split_once('$')?;
        Some((iterations.parse().ok()?, STANDARD.decode(salt).ok()?))
    };
    parts().is_some_and(|(iterations, salt)| verifier(password, &salt, iterations).as_bytes().ct_eq(scram.as_bytes()).into())
}

fn verifier(password: &str, salt: &[u8], iterations: u32) -> String {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut salted);
    let client = mac(&salted, b"Client Key");
    let server = mac(&salted, b"Server Key");
    let stored = Sha256::digest(client);
    format!("SCRAM-SHA-256${iterations}:{}${}:{}", STANDARD.encode(salt), STANDARD.encode(stored), STANDARD.encode(server))
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

//! Passwords and tokens: made, hashed, compared. Never stored in clear, never printed.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use rand::{Rng, TryRngCore, rngs::OsRng};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt};
use subtle::ConstantTimeEq;

/// PostgreSQL's own default; what `\password` of psql writes.
const ITERATIONS: u32 = 4096;
const SALT: usize = 16;
/// Letters and digits that nobody mistakes for another when reading aloud or typing.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
/// 24 of 56 characters: 139 bits.
const PASSWORD: usize = 24;
/// 43 of 56 characters: 249 bits.
const TOKEN: usize = 43;

/// The password of a user as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Counts the passwords of this user; the newest is in the spec.
    pub version: u32,
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as in `pg_authid.rolpassword`.
    pub scram: String,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What PostgreSQL keeps of a password: made here, so that the password itself never travels to a server.
pub fn scram_verifier(password: &SecretString) -> String {
    let mut salt = [0; SALT];
    os_random().fill(&mut salt);
    let (stored, server) = keys(password.expose_secret(), &salt, ITERATIONS);
    let text = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${ITERATIONS}:{}${}:{}", text(&salt), text(&stored), text(&server))
}

/// Whether the verifier was made from this password. A text that is no verifier fits no password.
pub fn verifies(password: &SecretString, verifier: &str) -> bool {
    let Some((iterations, salt, stored)) = parts(verifier) else { return false };
    keys(password.expose_secret(), &salt, iterations).0.ct_eq(stored.as_slice()).into()
}

/// A new password for a user: 24 letters and digits.
pub fn password() -> SecretString {
    draw(PASSWORD).into()
}

/// A new bearer token or sign-in link: 43 letters and digits.
pub fn token() -> SecretString {
    draw(TOKEN).into()
}

/// What the store keeps of a token. A plain hash is enough, since tokens are long and random.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn draw(length: usize) -> String {
    let mut random = os_random();
    (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// The operating system's generator. Without it nothing secret can be made, so its failure is the end of the request.
fn os_random() -> impl Rng {
    OsRng.unwrap_err()
}

fn parts(verifier: &str) -> Option<(u32, Vec<u8>, Vec<u8>)> {
    let (head, tail) = verifier.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (stored, _) = tail.split_once(':')?;
    let iterations = iterations.parse().ok().filter(|n| (1..=1_000_000).contains(n))?;
    Some((iterations, BASE64_STANDARD.decode(salt).ok()?, BASE64_STANDARD.decode(stored).ok()?))
}

/// StoredKey and ServerKey of RFC 5802.
fn keys(password: &str, salt: &[u8], iterations: u32) -> ([u8; 32], [u8; 32]) {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(prepared(password).as_bytes(), salt, iterations, &mut salted);
    let client = hmac(&salted, b"Client Key");
    (Sha256::digest(client).into(), hmac(&salted, b"Server Key"))
}

/// As PostgreSQL does it: what SASLprep refuses, or leaves nothing of, is used as it was typed. Characters that Unicode 3.2 did not have are refused
/// before normalization could make older ones of them.
fn prepared(password: &str) -> Cow<'_, str> {
    if password.chars().any(stringprep::tables::unassigned_code_point) {
        return Cow::Borrowed(password);
    }
    match stringprep::saslprep(password) {
        Ok(text) if !text.is_empty() => text,
        Ok(_) | Err(_) => Cow::Borrowed(password),
    }
}

fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(text).finalize().into_bytes().into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_verifier_fits_its_password_and_no_other(password in "\\PC{1,40}", other in "\\PC{1,40}") {
            let verifier = scram_verifier(&password.clone().into());
            prop_assert!(verifies(&password.clone().into(), &verifier));
            prop_assert_eq!(verifies(&other.clone().into(), &verifier), prepared(&password) == prepared(&other));
        }

        #[test]
        fn a_text_that_is_no_verifier_fits_nothing(text in ".{0,80}") {
            prop_assert!(!verifies(&"secret".to_owned().into(), &text));
        }
    }

    #[test]
    fn a_verifier_of_postgresql_is_understood() {
        // From RFC 7677, section 3: user "user", password "pencil".
        let (stored, server) = keys("pencil", &BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64"), 4096);
        let verifier = format!("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${}:{}", BASE64_STANDARD.encode(stored), BASE64_STANDARD.encode(server));
        assert_eq!(
            verifier,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert!(verifies(&"pencil".to_owned().into(), &verifier));
    }

    #[test]
    fn passwords_and_tokens_are_long_and_readable() {
        let (one, two) = (password(), password());
        assert_eq!(one.expose_secret().len(), 24);
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert!(one.expose_secret().bytes().all(|c| ALPHABET.contains(&c)));
        assert_eq!(token().expose_secret().len(), 43);
    }

    #[test]
    fn a_verifier_is_not_printed() {
        let verifier = Verifier { version: 3, scram: scram_verifier(&password()) };
        assert_eq!(format!("{verifier:?}"), "Verifier { version: 3, .. }");
    }
}

//! A stand-in for an OpenID provider: it publishes its keys over HTTP and signs what it is told to sign.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

/// Made for this file: it protects nothing.
const RSA: &[u8] = include_bytes!("issuer.rsa.pk8");

/// A provider on a free loopback port. Dropped, it stops to answer.
pub struct Issuer {
    /// What its tokens name as `iss`.
    pub url: String,
    keys: Mutex<Keys>,
    state: Arc<State>,
}

struct State {
    published: Mutex<Value>,
    asked: AtomicUsize,
    stopped: AtomicBool,
}

struct Keys {
    generation: u32,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Keys {
    fn generate(generation: u32) -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            generation,
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random)
                .unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    fn published(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let rsa = RsaKeyPair::from_pkcs8(RSA).unwrap();
        let rsa: ring::signature::RsaPublicKeyComponents<Vec<u8>> = rsa.public().into();
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": self.id("ES256"), "use": "sig", "alg": "ES256",
             "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": self.id("EdDSA"), "x": text(self.ed.public_key().as_ref())},
            {"kty": "RSA", "kid": self.id("RS256"), "n": text(&rsa.n), "e": text(&rsa.e)},
        ]})
    }

    fn id(&self, algorithm: &str) -> String {
        format!("{algorithm}-{}", self.generation)
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    /// Starts one.
    #[allow(clippy::new_without_default)]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = Keys::generate(1);
        let state = Arc::new(State {
            published: Mutex::new(keys.published()),
            asked: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let (its, place) = (state.clone(), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if its.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    // A client that goes away is its own affair.
                    let _ = answer(stream, &its, &place);
                }
            }
        });
        Self {
            url,
            keys: Mutex::new(keys),
            state,
        }
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Takes new keys; those of before are not published any more.
    pub fn renew_keys(&self) {
        let mut keys = self.keys.lock().unwrap();
        *keys = Keys::generate(keys.generation + 1);
        *self.state.published.lock().unwrap() = keys.published();
    }

    /// Publishes something else in place of the keys.
    pub fn publish(&self, other: Value) {
        *self.state.published.lock().unwrap() = other;
    }

    /// What it publishes, as bytes: for those who take a public key for a secret.
    pub fn published(&self) -> Value {
        self.state.published.lock().unwrap().clone()
    }

    /// Claims that are good for the audience `steward` for an hour.
    pub fn claims(&self, subject: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        json!({"iss": self.url, "sub": subject, "aud": "steward", "iat": now, "nbf": now, "exp": now + 3600})
    }

    /// A token with these claims, signed by the key of the algorithm: `RS256`, `ES256` or `EdDSA`.
    pub fn token(&self, algorithm: &str, claims: &Value) -> String {
        let id = self.keys.lock().unwrap().id(algorithm);
        self.sign(
            json!({"alg": algorithm, "kid": id, "typ": "JWT"}),
            algorithm,
            claims,
        )
    }

    /// A token with any header, signed by the key of the algorithm.
    pub fn sign(&self, header: Value, algorithm: &str, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            text(header.to_string().as_bytes()),
            text(claims.to_string().as_bytes())
        );
        let keys = self.keys.lock().unwrap();
        let random = SystemRandom::new();
        let signature = match algorithm {
            "ES256" => keys
                .ec
                .sign(&random, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            "EdDSA" => keys.ed.sign(message.as_bytes()).as_ref().to_vec(),
            "RS256" => {
                let key = RsaKeyPair::from_pkcs8(RSA).unwrap();
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .unwrap();
                signature
            }
            other => panic!("the stand-in does not sign by {other}"),
        };
        format!("{message}.{}", text(&signature))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // The thread waits for one more connection.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn answer(mut stream: TcpStream, state: &State, url: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
    }
    let body = match first.split(' ').nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => {
            json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string()
        }
        "/keys" => {
            state.asked.fetch_add(1, Ordering::SeqCst);
            state.published.lock().unwrap().to_string()
        }
        _ => {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

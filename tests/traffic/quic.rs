//! QUIC version 1 Initial packets (RFC 9000, protection of RFC 9001 section 5): readable by anyone who knows the
//! destination connection id, which the packet carries, so a sensor can see the name in the ClientHello.

use super::rng::Rng;
use super::tls;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes128Gcm, KeyInit, aes};

const INITIAL_SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1).
fn expand(secret: &hkdf::Hkdf<sha2::Sha256>, label: &str, out: &mut [u8]) {
    let mut info = (out.len() as u16).to_be_bytes().to_vec();
    info.push(6 + label.len() as u8);
    info.extend(b"tls13 ");
    info.extend(label.bytes());
    info.push(0);
    secret.expand(&info, out).expect("a key is shorter than HKDF's limit");
}

/// A client's first datagram, 1,200 bytes, with a ClientHello for `sni`.
pub fn initial(rng: &mut Rng, sni: &str) -> Vec<u8> {
    let hello = tls::client_hello(rng, sni, &["h3"], true);
    let (dcid, scid) = (rng.bytes(8), rng.bytes(8));
    let mut header = vec![0xc3, 0, 0, 0, 1, 8];
    header.extend(&dcid);
    header.push(8);
    header.extend(&scid);
    header.push(0);
    // The length field is two bytes, the packet number four; together the datagram has 1,200 bytes.
    let body = 1_200 - header.len() - 2;
    header.extend((0x4000 | body as u16).to_be_bytes());
    header.extend([0, 0, 0, 0]);
    let mut frames = vec![6, 0];
    frames.extend((0x4000 | hello.len() as u16).to_be_bytes());
    frames.extend(&hello);
    frames.resize(body - 4 - 16, 0);
    protect(header, &frames, &dcid)
}

fn protect(header: Vec<u8>, frames: &[u8], dcid: &[u8]) -> Vec<u8> {
    let initial = hkdf::Hkdf::<sha2::Sha256>::new(Some(&INITIAL_SALT), dcid);
    let mut secret = [0; 32];
    expand(&initial, "client in", &mut secret);
    let client = hkdf::Hkdf::<sha2::Sha256>::from_prk(&secret).expect("a secret of the hash's length");
    let (mut key, mut iv, mut hp) = ([0; 16], [0; 12], [0; 16]);
    expand(&client, "quic key", &mut key);
    expand(&client, "quic iv", &mut iv);
    expand(&client, "quic hp", &mut hp);
    let cipher = Aes128Gcm::new(&key.into());
    let sealed = cipher
        .encrypt(&iv.into(), Payload { msg: frames, aad: &header })
        .expect("an Initial is shorter than the cipher's limit");
    let number_at = header.len() - 4;
    let mut packet = header;
    packet.extend(sealed);
    let mut mask: aes::Block =
        <[u8; 16]>::try_from(&packet[number_at + 4..number_at + 20]).expect("16 bytes").into();
    aes::Aes128::new(&hp.into()).encrypt_block(&mut mask);
    packet[0] ^= mask[0] & 0x0f;
    for i in 0..4 {
        packet[number_at + i] ^= mask[1 + i];
    }
    packet
}

/// A datagram of an established connection: short header and `n` unreadable bytes.
pub fn short(rng: &mut Rng, n: usize) -> Vec<u8> {
    let mut packet = vec![0x40 | (rng.below(64) as u8)];
    packet.extend(tls::opaque(rng, n));
    packet
}

//! The keys of client Initials, and opening a packet with them (RFC 9001, 5; RFC 9369, 3.3).

use super::Version;
use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::aes::{Aes128, cipher::BlockCipherEncrypt};
use aes_gcm::{Aes128Gcm, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

const TAG: usize = 16;
/// The sample for header protection begins where a packet number of four bytes would end.
const SAMPLE_AFTER: usize = 4;
const SAMPLE: usize = 16;

const SALT_1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];
const SALT_2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9,
    0xbd, 0x2e, 0xd9,
];

/// What opens the Initials that a client sends.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    /// From the destination connection id of the client's first packet.
    pub fn of_client(version: Version, destination: &[u8]) -> Keys {
        let (salt, labels) = match version {
            Version::One => (SALT_1, ["quic key", "quic iv", "quic hp"]),
            Version::Two => (SALT_2, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
        };
        let initial = Hkdf::<Sha256>::new(Some(&salt), destination);
        let secret: [u8; 32] = expand(&initial, "client in");
        let client = Hkdf::<Sha256>::from_prk(&secret).expect("a secret is as long as the hash");
        Keys {
            key: expand(&client, labels[0]),
            iv: expand(&client, labels[1]),
            header: expand(&client, labels[2]),
        }
    }

    /// Opens a whole packet whose packet number begins at `number_at`; `None` when it was not sealed with these keys.
    pub fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let sample_at = number_at + SAMPLE_AFTER;
        let mut mask: [u8; SAMPLE] = packet.get(sample_at..sample_at + SAMPLE)?.try_into().ok()?;
        Aes128::new(&self.header.into()).encrypt_block((&mut mask).into());

        let first = packet[0] ^ mask[0] & 0x0f;
        let number_len = usize::from(first & 3) + 1;
        let body_at = number_at + number_len;
        let mut header = packet[..body_at].to_vec();
        header[0] = first;
        let mut nonce = self.iv;
        for (index, byte) in header[number_at..].iter_mut().enumerate() {
            *byte ^= mask[1 + index];
            nonce[12 - number_len + index] ^= *byte;
        }
        let (body, tag) = packet[body_at..].split_last_chunk::<TAG>()?;
        let mut plain = body.to_vec();
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(&nonce.into(), &header, InOutBuf::from(&mut plain[..]), &Tag::from(*tag))
            .ok()?;
        Some(plain)
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1) with an empty context.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let mut out = [0; N];
    let info = [&[0, N as u8, 6 + label.len() as u8][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    secret.expand(&info, &mut out).expect("no key is longer than 255 hashes");
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    /// What a client does: the inverse of [`Keys::open`], for a packet number of four bytes at the end of `header`.
    pub fn seal(keys: &Keys, header: &[u8], plain: &[u8]) -> Vec<u8> {
        let number_at = header.len() - 4;
        let mut nonce = keys.iv;
        nonce[8..].iter_mut().zip(&header[number_at..]).for_each(|(n, h)| *n ^= h);
        let mut body = plain.to_vec();
        let tag = Aes128Gcm::new(&keys.key.into())
            .encrypt_inout_detached(&nonce.into(), header, InOutBuf::from(&mut body[..]))
            .unwrap();
        let mut packet = [header, &body, &tag].concat();
        let mut mask: [u8; 16] = packet[number_at + 4..number_at + 20].try_into().unwrap();
        Aes128::new(&keys.header.into()).encrypt_block((&mut mask).into());
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at..number_at + 4].iter_mut().zip(&mask[1..]).for_each(|(p, m)| *p ^= m);
        packet
    }

    /// The CRYPTO frame of RFC 9001, A.2.
    pub fn rfc_plain() -> Vec<u8> {
        let mut plain = unhex(
            "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201
             0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70
             6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74
             d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff
             ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
        );
        plain.resize(1162, 0);
        plain
    }

    pub const RFC_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    /// The 1200 bytes of RFC 9001, A.2.
    pub fn rfc_packet() -> Vec<u8> {
        let header = unhex("c300000001088394c8f03e5157080000449e00000002");
        seal(&Keys::of_client(Version::One, &RFC_ID), &header, &rfc_plain())
    }

    #[test]
    fn the_keys_are_those_of_both_specifications() {
        for (version, key, iv, header) in [
            (
                Version::One,
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2",
            ),
            (
                Version::Two,
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9",
            ),
        ] {
            let keys = Keys::of_client(version, &RFC_ID);
            assert_eq!((keys.key.to_vec(), keys.iv.to_vec()), (unhex(key), unhex(iv)));
            assert_eq!(keys.header.to_vec(), unhex(header));
        }
    }

    #[test]
    fn the_example_packet_opens_to_its_plain_text() {
        // Beginning and authentication tag as printed in A.2: the tag covers every byte between.
        let packet = rfc_packet();
        assert_eq!(packet.len(), 1200);
        assert!(
            packet.starts_with(&unhex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"))
        );
        assert!(packet.ends_with(&unhex("e221af44860018ab0856972e194cd934")));
        let keys = Keys::of_client(Version::One, &RFC_ID);
        assert_eq!(keys.open(&packet, 18), Some(rfc_plain()));
        let mut damaged = packet;
        damaged[700] ^= 1;
        assert_eq!(keys.open(&damaged, 18), None);
        assert_eq!(keys.open(&damaged[..30], 18), None);
    }

    #[test]
    fn the_example_packet_of_version_2_begins_as_printed() {
        let header = unhex("d36b3343cf088394c8f03e5157080000449e00000002");
        let packet = seal(&Keys::of_client(Version::Two, &RFC_ID), &header, &rfc_plain());
        assert!(
            packet.starts_with(&unhex("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"))
        );
    }
}

//! Letters: whether a name was thought up by people or drawn by a machine, told by which letter follows which.
//!
//! The table was made by `examples/letters.rs` from the word lists of six languages (American English, Dutch, German,
//! French, Spanish, Italian; Debian's `wamerican`, `wdutch`, `wngerman`, `wfrench`, `wspanish`, `witalian`; words with
//! accents left out): how much likelier than by chance a letter comes after another, as a power of two, averaged over the languages.
//! Measured with the limit below: 0.2 % of words and 0.1 % of pairs of words look drawn, 3 % of abbreviations set
//! together; 85 % of eight letters drawn at random, 92 % of twelve, 97 % of twenty.

/// Row: a letter, or the beginning of the word. Column: the letter after it, or the end. `i` is chance, each letter
/// before or after it half or twice as likely.
const FOLLOWS: [&[u8; 27]; 27] = [
    b"hiiidhigiegjikchekjjihedfgj",
    b"kjdfldfdkedjdekcajhgiedafef",
    b"kaidjaaljaihcbkaeieiicaefaf",
    b"kfegldfekedgfekdaiheifebedj",
    b"hhhihghfhegiikfgdljiggfgehk",
    b"kfcgkjgekdejedkeajhijeeaffh",
    b"kebflcihjceifijdajigjddaedj",
    b"kebcldeckadhggkcahgjibfagdh",
    b"jgjikhidehgiikjgfijjfhbdahi",
    b"lgfhkhgfifhgghkgffhgkgfffgg",
    b"khfgkgghkghighjgfiiiiggfhgj",
    b"kgghkfgekcfkgfjgcdhiifddhfi",
    b"kiffkeeekaeejfkjadhfiddcedj",
    b"jfijjgjfjegfeijeefjkggeadgj",
    b"fhihhghfgegjikiiekjiihfeffk",
    b"keddkhehjedjddkjakhiiddaech",
    b"ecbbbbbbdbbdbbcbccdclcebbbf",
    b"khhikfhfkdgghhjgdhiihgfaffj",
    b"jgjejgggjdfghfiifejkhffafek",
    b"kfedlefhkfefedjeajiiiefaffk",
    b"iiiijhiejegjijghdkjjgfgfdgf",
    b"kaablaaakaagaakbahebgfaadaf",
    b"khghkgghkggighjggiiihgggggh",
    b"jfjfjffhkeggffikfffkhhfihfk",
    b"khihjggfhfgiijjjfhkhifgfffk",
    b"keeckcfekadgefjddcdgjdhafjk",
    b"jjjiiiiiighiihhjejjihihbdga",
];
const EDGE: usize = 26;
const CHANCE: i32 = b'i' as i32;
/// A mean below this, in tenths of a power of two, is no language.
const LIMIT: i32 = -6;
/// Shorter labels are too often abbreviations.
const SHORTEST: usize = 7;

/// Whether a label looks drawn at random: letters in an order no language has, or letters and digits by turns. Labels with
/// hyphens or other characters (international names too) never do.
pub fn look_drawn(label: &str) -> bool {
    let bytes = label.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let odd = |b: &u8| !(b.is_ascii_lowercase() || b.is_ascii_digit());
    if bytes.len() < SHORTEST || digits == bytes.len() || bytes.iter().any(odd) {
        return false;
    }
    if digits == 0 {
        return mean(bytes) < LIMIT;
    }
    let turns = bytes.windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit()).count();
    bytes.len() > SHORTEST && (turns >= 4 || (turns >= 2 && mean(bytes) < LIMIT + 2))
}

/// How well the letters follow each other, tenths of a power of two per step; digits break the word.
fn mean(bytes: &[u8]) -> i32 {
    let (mut sum, mut steps, mut before) = (0, 0, Some(EDGE));
    let letters = bytes.iter().map(|b| b.is_ascii_lowercase().then(|| usize::from(b - b'a')));
    for next in letters.chain([Some(EDGE)]) {
        if let (Some(a), Some(b)) = (before, next) {
            sum += i32::from(FOLLOWS[a][b]) - CHANCE;
            steps += 1;
        }
        before = next;
    }
    sum * 10 / steps.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::window::mix;
    use proptest::prelude::*;

    #[test]
    fn names_that_people_made_do_not_look_drawn() {
        for name in [
            "google",
            "wikipedia",
            "microsoft",
            "facebook",
            "googleusercontent",
            "doubleclick",
            "albertheijn",
            "bol",
            "nos",
            "tweakers",
            "marktplaats",
            "buienradar",
            "spiegel",
            "lemonde",
            "youtube",
            "gstatic",
            "whatsapp",
            "windowsupdate",
            "office365",
            "cloudfront",
            "stackoverflow",
            "rijksoverheid",
            "deutschebank",
            "1und1",
            "163",
            "3gppnetwork",
            "xn--mnchen-3ya",
            "digicert",
            "letsencrypt",
            "netflix",
            "spotify",
        ] {
            assert!(!look_drawn(name), "{name}");
        }
    }

    #[test]
    fn drawn_letters_digits_and_both_do() {
        for name in [
            "xjqkzvbwp",
            "qwzrtplkdfg",
            "vyzkqubxwt",
            "kfhjqzmwxtrb",
            "q4cyamnc6mtokjurvdclt",
            "3f9a1b7c2de4",
            "fcsyvnlemwxv5p",
            "wohgpas45j6ucw",
        ] {
            assert!(look_drawn(name), "{name}");
        }
        let letters = |seed: u64| -> String {
            (0..12).map(|i| (b'a' + (mix(seed * 100 + i) >> 20) as u8 % 26) as char).collect()
        };
        let found = (0..1000).filter(|n| look_drawn(&letters(*n))).count();
        assert!(found > 900, "{found} of 1000");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(label in ".{0,80}") {
            let _ = look_drawn(&label);
        }
    }
}

//! What is said to people, in the languages of the page: English and Dutch, written side by side so that neither falls
//! behind.

/// Words that are always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Dutch.
    pub nl: &'static str,
}

/// Words in English and Dutch.
pub const fn words(en: &'static str, nl: &'static str) -> Words {
    Words { en, nl }
}

/// A sentence, or a part of one, with the values of this moment in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// English.
    pub en: String,
    /// Dutch.
    pub nl: String,
}

impl From<Words> for Sentence {
    fn from(words: Words) -> Self {
        Sentence { en: words.en.to_owned(), nl: words.nl.to_owned() }
    }
}

impl Sentence {
    /// What is the same in every language: a name, an address.
    pub fn same(text: impl ToString) -> Self {
        Sentence { en: text.to_string(), nl: text.to_string() }
    }

    /// Both, for records that keep them apart: English, Dutch.
    pub fn both(sentence: Option<&Sentence>) -> (Option<String>, Option<String>) {
        sentence.map(|s| (s.en.clone(), s.nl.clone())).unzip()
    }

    /// From a record that keeps them apart. Where there is no Dutch the English stands for it.
    pub fn of(en: Option<&str>, nl: Option<&str>) -> Option<Sentence> {
        en.map(|en| Sentence { en: en.to_owned(), nl: nl.unwrap_or(en).to_owned() })
    }

    /// Several in a row with `between` them.
    pub fn list(parts: &[Sentence], between: &str) -> Self {
        let join = |of: fn(&Sentence) -> &str| parts.iter().map(of).collect::<Vec<_>>().join(between);
        Sentence { en: join(|part| &part.en), nl: join(|part| &part.nl) }
    }
}

/// A [`Sentence`]: a format string in English, one in Dutch, and the values that both show. Names behind a semicolon
/// are themselves [`Words`] or sentences, and stand in each language for their own part.
macro_rules! say {
    ($en:literal, $nl:literal $(, $value:expr)* $(,)? $(; $($part:ident),+)?) => {
        crate::words::Sentence {
            en: {
                $($(let $part = &$part.en;)+)?
                format!($en $(, $value)*)
            },
            nl: {
                $($(let $part = &$part.nl;)+)?
                format!($nl $(, $value)*)
            },
        }
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_gets_the_values_and_its_own_words() {
        let (host, more) = ("10.0.0.5", words("and more", "en meer"));
        let said =
            say!("{host} tried {1} of {0}, {more}", "{host} probeerde {1} van {0}, {more}", 7, 3; more);
        assert_eq!(said.en, "10.0.0.5 tried 3 of 7, and more");
        assert_eq!(said.nl, "10.0.0.5 probeerde 3 van 7, en meer");
        let both = Sentence::list(&[said, Sentence::same("x")], "; ");
        assert_eq!(both.nl, "10.0.0.5 probeerde 3 van 7, en meer; x");
    }
}

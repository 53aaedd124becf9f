//! Why octets or text are not a domain name.

use std::fmt;

/// Why octets or text are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The octets end inside the name.
    Truncated,
    /// A compression pointer or a reserved label type stands where a label was due.
    NotALabel,
    /// A label is longer than 63 octets.
    LongLabel,
    /// The name is longer than 255 octets.
    LongName,
    /// Octets follow the name.
    TrailingOctets,
    /// Two dots in a row, or a dot in front.
    EmptyLabel,
    /// A backslash is not followed by a character or by three digits up to 255.
    BadEscape,
    /// A character stands bare that must be written as `\DDD`, or as an A-label (`xn--`).
    BadCharacter,
}

impl NameError {
    /// What is wrong, in words for the person who wrote the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "the octets end inside the name",
            Self::NotALabel => "a label was due where something else stands",
            Self::LongLabel => "a label is longer than 63 octets",
            Self::LongName => "the name is longer than 255 octets",
            Self::TrailingOctets => "octets follow the name",
            Self::EmptyLabel => "a label is empty",
            Self::BadEscape => "a backslash needs a character or three digits up to 255 after it",
            Self::BadCharacter => "a character is not printable ASCII: write it as an A-label (xn--) or as \\DDD",
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for NameError {}

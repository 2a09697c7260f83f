//! The caller's name for a transaction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The caller's name for one transaction: 1 to 64 characters of `A-Z a-z 0-9 _ - .`.
///
/// A register chooses it before it asks for a sale, so that after any failure, its own or ours, it
/// can ask again with the same token and find the same transaction. A token is spent once and stays
/// queryable for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// The most characters a token may have.
    pub const MAX_LENGTH: usize = 64;

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The text is empty.
    #[error("the token is empty; choose 1 to 64 characters of A-Z a-z 0-9 _ - .")]
    Empty,
    /// The text has more than [`Token::MAX_LENGTH`] characters.
    #[error("the token has {0} characters; at most 64 are allowed")]
    TooLong(usize),
    /// The text has a character outside the alphabet.
    #[error("the token contains {0:?}; only A-Z a-z 0-9 _ - . are allowed")]
    Character(char),
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if let Some(character) = text.chars().find(|&c| !allowed(c)) {
            return Err(TokenError::Character(character));
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(TokenError::TooLong(text.len()));
        }
        Ok(Token(text.to_owned()))
    }
}

impl TryFrom<String> for Token {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        token.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_1_to_64_characters_of_its_alphabet() {
        assert_eq!("till-3_2026.11.24".parse::<Token>().unwrap().as_str(), "till-3_2026.11.24");
        assert!("x".repeat(64).parse::<Token>().is_ok());
        assert_eq!("x".repeat(65).parse::<Token>(), Err(TokenError::TooLong(65)));
        assert_eq!("".parse::<Token>(), Err(TokenError::Empty));
        assert_eq!("a/b".parse::<Token>(), Err(TokenError::Character('/')));
        assert_eq!("é".parse::<Token>(), Err(TokenError::Character('é')));
        assert_eq!("a\0".parse::<Token>(), Err(TokenError::Character('\0')));
    }
}

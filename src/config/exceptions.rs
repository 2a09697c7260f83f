//! The Terminal Exception File: card numbers, one a line.

use std::path::PathBuf;

use emv::fields::Pan;
use emv::kernel::c3::ExceptionFile;
use toml::Spanned;
use zeroize::Zeroizing;

use super::source::{ConfigError, Source};

/// Reads the file. Empty lines are passed over, and what follows a `#`.
pub(super) fn load(config: &Source, path: &Spanned<PathBuf>) -> Result<ExceptionFile, ConfigError> {
    let file = config.relative(path.get_ref());
    let text = std::fs::read_to_string(&file).map(Zeroizing::new).map_err(|source| {
        let unreadable = ConfigError::Unreadable { file: file.clone(), source };
        config.error(path.span(), unreadable)
    })?;
    let lines = (1..).zip(text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()));
    lines
        .filter(|(_, digits)| !digits.is_empty())
        .map(|(line, digits)| {
            Pan::from_digits(digits).map_err(|error| ConfigError::Invalid {
                file: file.clone(),
                line,
                key: String::new(),
                message: error.to_string(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<ExceptionFile, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("exceptions"), text).unwrap();
        let config = Source::of_text(folder.path().join("tenderd.toml").to_str().unwrap(), "");
        load(&config, &Spanned::new(0..0, "exceptions".into())).map_err(|error| error.to_string())
    }

    #[test]
    fn each_line_is_a_card_number_and_may_say_why() {
        let file = loaded("# lost\n4111111111111111\n\n 5413330089601034  # stolen\n").unwrap();
        for (digits, is_listed) in [("4111111111111111", true), ("5413330089601034", true), ("4761739001010119", false)]
        {
            assert_eq!(file.contains(&Pan::from_digits(digits).unwrap()), is_listed);
        }
    }

    #[test]
    fn an_error_names_the_line_and_not_the_number() {
        let error = loaded("4111111111111111\n5413 3300 8960 1034\n").unwrap_err();
        assert!(error.contains("exceptions:2: ") && !error.contains("5413"), "{error}");
    }
}

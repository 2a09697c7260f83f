//! Issuer Script Results.

/// What became of one issuer script (Book C-3, A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScriptOutcome {
    /// No command of it reached the card.
    NotPerformed,
    /// The card refused the command with this number, the first being 1.
    Failed(usize),
    /// The card carried out every command.
    Successful,
}

/// Issuer Script Results of one script, 5 bytes: its result, the number of the command that failed, and
/// the script's identifier (Book C-3, A.2). Those of several scripts stand one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IssuerScriptResult {
    /// What became of it.
    pub outcome: ScriptOutcome,
    /// Issuer Script Identifier (`9F18`); zero where the script has none.
    pub identifier: [u8; 4],
}

impl IssuerScriptResult {
    /// The five bytes.
    //= C-3 A.2
    pub fn to_bytes(self) -> [u8; 5] {
        let result = match self.outcome {
            ScriptOutcome::NotPerformed => 0x00,
            // Four bits: 15 stands for every number from 15 on.
            ScriptOutcome::Failed(command) => 0x10 | command.min(15) as u8,
            ScriptOutcome::Successful => 0x20,
        };
        let [a, b, c, d] = self.identifier;
        [result, a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-3 A.2
    #[test]
    fn the_result_stands_above_the_number_of_the_command_and_before_the_identifier() {
        for (outcome, byte) in [
            (ScriptOutcome::NotPerformed, 0x00),
            (ScriptOutcome::Failed(1), 0x11),
            (ScriptOutcome::Failed(14), 0x1E),
            (ScriptOutcome::Failed(15), 0x1F),
            (ScriptOutcome::Failed(200), 0x1F),
            (ScriptOutcome::Successful, 0x20),
        ] {
            let result = IssuerScriptResult { outcome, identifier: [1, 2, 3, 4] };
            assert_eq!(result.to_bytes(), [byte, 1, 2, 3, 4], "{outcome:?}");
        }
    }
}

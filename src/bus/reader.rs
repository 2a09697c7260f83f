//! `org.tenderd.Reader1`.

use crate::terminal::{ReaderView, Token};

/// A reader.
pub struct Reader1 {
    view: ReaderView,
}

impl Reader1 {
    pub(super) fn new(view: ReaderView) -> Self {
        Reader1 { view }
    }

    pub(super) fn update(&mut self, view: ReaderView) {
        self.view = view;
    }
}

/// A reader. It is there while it is plugged in.
#[zbus::interface(name = "org.tenderd.Reader1")]
impl Reader1 {
    /// Its name, as PC/SC or the configuration gives it.
    #[zbus(property(emits_changed_signal = "const"))]
    fn name(&self) -> &str {
        &self.view.name
    }

    /// `pcsc` or `simulated`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn kind(&self) -> &str {
        self.view.kind
    }

    /// The family of products it belongs to.
    #[zbus(property(emits_changed_signal = "const"))]
    fn family(&self) -> &str {
        &self.view.family
    }

    /// `idle`, `armed`, `card_seen`, or `faulty`: it does not answer, and works for nobody until it does.
    #[zbus(property)]
    fn state(&self) -> &str {
        self.view.state.name()
    }

    /// The token of the transaction it works for; may be empty.
    #[zbus(property)]
    fn token(&self) -> &str {
        self.view.token.as_ref().map_or("", Token::as_str)
    }
}

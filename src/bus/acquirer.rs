//! An acquirer, as a property of the terminal tells it.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use crate::terminal::AcquirerView;

/// Its keys with their values; what is not known is left out.
pub(super) fn acquirer(view: &AcquirerView) -> HashMap<&'static str, OwnedVariant> {
    let text = |text: &str| Variant::from(text.to_owned());
    let tls = view.peer.as_ref().and_then(|peer| peer.tls.as_ref());
    let peer = view.peer.as_ref().and_then(|peer| peer.address);
    let known = [
        ("name", Some(text(&view.name))),
        ("address", Some(text(&view.address))),
        ("connected", Some(view.peer.is_some().into())),
        ("failures", Some(view.failures.into())),
        ("failure", view.failure.as_deref().map(text)),
        ("last_contact", view.last_contact.map(|at| text(&at.to_string()))),
        ("peer", peer.map(|address| text(&address.to_string()))),
        ("tls", tls.map(|tls| text(tls.version))),
        ("cipher", tls.map(|tls| text(&tls.cipher))),
        ("certificate_expires", tls.and_then(|tls| tls.certificate_expires).map(|at| text(&at.to_string()))),
    ];
    let owned = |(key, value): (&'static str, Option<Variant<'static>>)| {
        let value = value?.try_to_owned();
        Some((key, value.expect("none is a file descriptor")))
    };
    known.into_iter().filter_map(owned).collect()
}

//! The daemon: contactless readers on one side, D-Bus and an acquirer on the other.

pub mod reader;

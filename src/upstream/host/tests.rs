//! The link over a pipe and under virtual time.

//! The browser's files, inside the binary.

//! What a reader may take for granted about the tree, and what a compiler does not check.

mod directions;
mod licences;
mod places;
mod shape;
mod tree;

/// Fails with every complaint at once, so that one run tells all there is to mend.
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

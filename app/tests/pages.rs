//! Every page rendered to string.

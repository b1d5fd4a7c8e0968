//! PostgreSQL on Kubernetes.

pub mod rights;

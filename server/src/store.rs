//! The portal's own state in PostgreSQL.

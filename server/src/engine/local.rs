//! Real PostgreSQL processes on this machine.

//! Server functions: three-line adapters from forms to the portal.

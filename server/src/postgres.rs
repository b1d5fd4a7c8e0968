//! What is inside PostgreSQL: facts, plan, SQL; the same for every engine.

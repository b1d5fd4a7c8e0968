//! Workers that bring clusters closer to their wish, one pass at a time.

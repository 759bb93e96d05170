//! Shared counting: distinct values, rates and regularity over sliding windows, keyed and bounded.

//! Umoja: aws.

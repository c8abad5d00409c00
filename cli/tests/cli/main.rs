//! The command line as its users see it: the real binary, over real files and real HTTP.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod audit;
mod backup;
mod clients;
#[cfg(feature = "emulator")]
mod cloud;
#[cfg(feature = "emulator")]
mod cloud_lifecycle;
mod company;
mod conflicts;
mod damaged;
mod demo;
mod doctor;
mod duplicates;
mod examples;
mod export;
mod factors;
mod foreign;
mod hashes;
mod hostile;
mod import;
mod init;
mod lost;
mod metrics;
#[cfg(target_os = "linux")]
mod one_machine;
mod operators;
mod passwords;
mod pasted;
mod providers;
mod redrive;
mod reference;
mod region;
mod rotate;
mod samples;
mod sdk;
mod serve;
mod sessions;
mod source;
mod source_compare;
mod source_drop;
mod source_legacy;
mod source_pool;
mod source_rates;
mod source_test;
mod support;
mod support_commands;
mod tampered;
mod targets;
mod tls;
mod usage;
mod webhook;
mod while_served;

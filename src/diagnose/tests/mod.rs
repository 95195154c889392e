//! From evidence to cause: tables with a look-alike for every cause, and the properties that hold for
//! any evidence at all.

pub mod build;
mod healthy;
mod load;
mod makers;
mod names;
mod onset;
mod paths;
mod properties;
mod rare;
mod records;
mod tables;
mod vantages;
mod words;
mod workload;

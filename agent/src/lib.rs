//! The agent: from captured events to alerts. Read `pipeline` first.

pub mod alerts;
pub mod capture;
pub mod cli;
pub mod config;
pub mod containers;
pub mod detect;
pub mod event;
pub mod explain;
pub mod fields;
pub mod k8s;
pub mod lint;
pub mod metrics;
pub mod outputs;
pub mod pipeline;
pub mod plugins;
pub mod rule_tests;
pub mod rules;
pub mod source_thread;
mod spell;
pub mod state;
pub mod watch;
pub mod web;

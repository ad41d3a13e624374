mod config;
mod harness;
mod show;

mod config;
mod harness;
mod running;
mod show;

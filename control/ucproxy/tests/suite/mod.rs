mod config;
mod harness;
mod licences;
mod running;
mod schema;
mod show;
mod top;
mod watch;
